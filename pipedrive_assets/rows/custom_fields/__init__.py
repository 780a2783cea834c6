"""Custom fields: from their definitions to readable columns."""
