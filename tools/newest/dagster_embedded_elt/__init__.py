"""Replaces dagster-embedded-elt in `make newest`: its last release pins an old Dagster."""
