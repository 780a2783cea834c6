"""Writing with dlt."""
