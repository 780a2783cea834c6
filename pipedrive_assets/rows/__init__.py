"""Rows as they are loaded: their columns, and how a row Pipedrive sent becomes one."""

__all__ = ["columns", "fingerprint", "fit", "flow", "participant", "shape"]
