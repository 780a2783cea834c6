"""A warehouse in a DuckDB file: its locks, its transactions, and its read copy."""
