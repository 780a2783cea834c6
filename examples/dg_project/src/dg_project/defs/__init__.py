"""The definitions: each folder has a `defs.yaml` or Python files."""
