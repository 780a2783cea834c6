"""The Dagster floor: assets, resources, partitions and automation, all derived from the
registry.
"""

__all__ = [
    "alerts",
    "assets",
    "checks",
    "covered_days",
    "derived",
    "embedded_elt",
    "facts",
    "failures",
    "first_load",
    "freshness",
    "instance",
    "metadata",
    "partitions",
    "pauses",
    "reconcile",
    "resources",
    "run_notes",
    "runs",
    "sales_overview",
    "schedule",
    "target",
    "translator",
]
