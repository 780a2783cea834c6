"""Reconciliation: finds deleted rows, and changes that do not change a row's `update_time`."""
