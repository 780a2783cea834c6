"""Turn the records that Pipedrive returns into rows, with the columns and types of their table.

Pure functions without I/O.
"""
