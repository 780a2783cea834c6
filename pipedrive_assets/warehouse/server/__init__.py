"""A warehouse on a database server."""
