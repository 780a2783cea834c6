"""The Dagster floor: assets, resources, partitions and automation, all derived from the
registry.
"""

__all__ = [
    "assets",
    "checks",
    "covered_days",
    "embedded_elt",
    "facts",
    "failures",
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
