"""The token cost of loads: estimates, usage, and what waits for the daily limit."""
