"""A warehouse in a DuckDB file: locks, the destination, the read copy."""
