"""Rows: their columns, and how a record that Pipedrive returned becomes a row.

Pure functions: no calls to Pipedrive, no warehouse.
"""
