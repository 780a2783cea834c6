"""A warehouse in a DuckDB file."""
