"""Reconciliation: finds deleted rows and changes that no change date shows."""
