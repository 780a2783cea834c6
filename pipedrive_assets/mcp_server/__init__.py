"""A read-only MCP server: tables, descriptions, queries with masked personal data, token costs.

It never requests anything from Pipedrive and never writes to the warehouse.
"""
