"""Which calls read a table so that no row is missed: plans, scans, pages, child records.

Used by the load, the dlt source and the Singer tap. No warehouse, no dlt, no Singer here.
"""
