"""Accounts in the shapes that recorded replies of real accounts have."""
