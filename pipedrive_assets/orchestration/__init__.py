"""The Dagster floor: assets, resources, partitions and automation, all derived from the
registry.
"""

__all__ = [
    "assets",
    "automation",
    "embedded_elt",
    "instance",
    "partitions",
    "resources",
    "translator",
]
