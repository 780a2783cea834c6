"""The Dagster floor: assets, resources, partitions and automation, all derived from the
registry.
"""

__all__ = [
    "assets",
    "embedded_elt",
    "facts",
    "first_load",
    "freshness",
    "instance",
    "metadata",
    "partitions",
    "resources",
    "runs",
    "schedule",
    "target",
    "translator",
]
