"""How old each table may be before it counts as stale."""

from collections.abc import Mapping
from datetime import timedelta

from pipedrive_assets.registry import BY_NAME, Entity, Kind

DAILY_TOLERANCE = timedelta(days=1)
"""Freshness tolerance of tables that the daily run loads."""


def tolerance_of(entity: Entity, freshness: Mapping[str, timedelta | None]) -> timedelta | None:
    """Return how old a table may be before the sensor loads it; None: the daily run loads it.

    A list without a filter for changes has the tolerance of files, because each read costs all of
    its newest pages. Children of a snapshot have the tolerance of the snapshot.

    Args:
        entity: The table.
        freshness: The tolerances by group of tables (`Settings.freshness`).
    """
    blind = entity.kind is Kind.WINDOWED and not entity.supports_updated_since
    if entity.parent and BY_NAME[entity.parent].kind is Kind.SNAPSHOT:
        return tolerance_of(BY_NAME[entity.parent], freshness)
    if entity.parent:
        return freshness["deal_details"]
    return freshness["files" if blind else entity.group]
