"""Removes a person from every table, and keeps an erased person out of later loads."""
