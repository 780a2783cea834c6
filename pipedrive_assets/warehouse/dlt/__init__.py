"""Writes rows with dlt: hints, schemas, load packages, and dlt's settings."""
