"""Erasing a person, and keeping an erased person out."""
