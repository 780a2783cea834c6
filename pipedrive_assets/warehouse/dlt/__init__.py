"""dlt's layout and pipelines: hints, schemas, rows as lines, and dlt's settings."""
