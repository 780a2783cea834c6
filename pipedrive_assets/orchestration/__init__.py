"""Dagster: assets, checks, metadata and resources, built from the registry.

What starts runs is in `automation`. Reading and writing rows belongs in `load`.
"""
