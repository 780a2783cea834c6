"""Which calls read an entity so that no row is passed over: walks, pages, children.

No warehouse in here, and no door: the dlt source and the Singer tap read alike.
"""
