"""The sales overview: its charts and its HTML page. It does not read the warehouse."""
