"""A warehouse in a DuckDB file: its locks, its dlt destination, and its read copy."""
