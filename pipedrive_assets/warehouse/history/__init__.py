"""The history of tables: `<table>_history` has a row per version of each row.

Callers of this package hold the warehouse lock.
"""
