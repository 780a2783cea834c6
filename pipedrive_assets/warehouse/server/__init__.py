"""A warehouse in a PostgreSQL database: credentials, locks, and error messages by SQLSTATE."""
