"""Custom fields: from their definitions to columns with readable names."""
