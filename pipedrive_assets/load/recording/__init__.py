"""Keeps the steps of a run beside its replies, and rebuilds a warehouse from them."""
