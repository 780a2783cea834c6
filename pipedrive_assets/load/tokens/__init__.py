"""The token cost of loads: estimates, usage, and the backlog that waits for a token cap."""
