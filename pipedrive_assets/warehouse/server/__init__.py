"""A warehouse on a database server: credentials, locks, errors by SQLSTATE."""
