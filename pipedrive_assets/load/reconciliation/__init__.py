"""Reconciliation: find deleted rows and changes without an update time."""
