"""A dg project that loads Pipedrive."""
