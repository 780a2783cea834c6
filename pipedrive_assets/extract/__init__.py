"""Read tables from Pipedrive without missing rows: plans, scans, pages, child records.

Used by the warehouse load, the dlt source and the Singer tap; independent of all three.
"""
