"""The token cost of loads: estimates, usage, and what waits for a token limit."""
