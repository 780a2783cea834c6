"""dbt tests of keys and references, and dbt freshness, which hold unless rows are wrong or late."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.config.freshness import DAILY_TOLERANCE, tolerance_of
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.warehouse.checks import (
    ORPHANED_ROWS,
    ORPHANED_SHARE,
    POINTS_TO,
    references,
)

NOT_DELETED = "_deleted_at is null"

Columns = Mapping[str, Collection[str]]
Node = dict[str, Any]
Tests = dict[str, list[Any]]
"""Tests by column; those of the table itself under an empty name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtTests:
    """Makes the tests of a source's tables.

    Attributes:
        source: Name of the source.
        settings: The settings of the account.
        columns: The columns of each listed table.
    """

    source: str
    settings: Settings
    columns: Columns

    @property
    def database(self) -> str | None:
        """Under which name dbt attaches the DuckDB file; None on a server."""
        return self.source if self.settings.destination == FILE_DESTINATION else None

    def relation(self, table: str) -> str:
        """Return the name of a table in SQL."""
        return ".".join(filter(None, (self.database, self.settings.dataset, table)))

    def of_table(self, entity: Entity) -> Tests:
        """Return the tests of a table's key and of its references to other listed tables."""
        tests: Tests = {column: ["not_null"] for column in entity.key}
        if len(entity.key) == 1:
            tests[entity.key[0]].insert(0, "unique")
        else:
            arguments = {"column_name": " || '-' || ".join(entity.key)}
            name = f"unique_{self.source}_{entity.name}_key"
            tests[""] = [{"unique": {"name": name, "arguments": arguments}}]
        for column, target, key in relationships(entity):
            if target in self.columns and column in self.columns[entity.name]:
                is_parent = target == entity.parent and column in entity.key
                config = {"where": NOT_DELETED}
                config |= {} if is_parent else self._tolerant(entity.name, column)
                tests.setdefault(column, []).append(self._relationship(target, key, config))
        return tests

    def of_list(self, table: str, entity: Entity) -> Tests:
        """Return the tests of a list table: its key, and its reference to the entity's table."""
        link = "_dlt_root_id" if "_dlt_root_id" in self.columns[table] else "_dlt_parent_id"
        return {
            "_dlt_id": ["unique", "not_null"],
            link: ["not_null", self._relationship(entity.name, "_dlt_id")],
        }

    def freshness(self, entity: Entity) -> Node:
        """Return the thresholds, and the query for the time up to which a table is complete.

        After its first load, a child table is only complete up to the oldest parent without
        children, because an empty reply counts if the next load gets it as well. Until then, the
        end of the first load applies.
        """
        warn, error = thresholds(entity, self.settings)
        ledger = self.relation("_pipedrive_coverage")
        reached = "greatest(complete_until, baseline_at)" if entity.parent else "complete_until"
        return {
            "freshness": {
                "warn_after": _period(warn),
                **({"error_after": _period(error)} if error else {}),
            },
            "loaded_at_query": (f"select {reached} from {ledger} where entity = '{entity.name}'"),
        }

    def _relationship(self, target: str, key: str, config: Node | None = None) -> Node:
        arguments = {"to": f"source('{self.source}', '{target}')", "field": key}
        return {"relationships": {"arguments": arguments, **({"config": config} if config else {})}}

    def _tolerant(self, table: str, column: str) -> Node:
        """Return the configuration of a test that only warns, and only of unusually many rows.

        As in Dagster's check `references`, some references without a row are normal: records that
        were deleted or hidden leave them behind.
        """
        total = f"select count({column}) from {self.relation(table)} where {NOT_DELETED}"
        unusual = f"count(*) > greatest({ORPHANED_ROWS}, {ORPHANED_SHARE} * ({total}))"
        return {
            "severity": "warn",
            "fail_calc": f"case when {unusual} then count(*) else 0 end",
        }


def relationships(entity: Entity) -> Iterator[tuple[str, str, str]]:
    """Yield column, other table, and key of the other table, for each tested reference.

    References between leads and deals are left out: Pipedrive removes a lead that was converted.
    """
    if entity.name == "activities":
        yield "type", "activity_types", "key_string"
    owner = entity.parent or entity.list_per
    if owner and entity.key[0] not in POINTS_TO:
        yield entity.key[0], owner, BY_NAME[owner].key[0]
    for column, target in references(entity).items():
        yield column, target, "id"


def thresholds(entity: Entity, settings: Settings) -> tuple[timedelta, timedelta | None]:
    """Return the ages at which a table is reported as stale: as a warning, and as an error.

    Args:
        entity: The table.
        settings: The settings; with the sensor switched off, the daily schedule loads all tables.

    Returns:
        Twice and three times the freshness tolerance, but an error not before two days: the daily
        schedule loads every table as well. No error for a table that Pipedrive may refuse or whose
        rows may wait for tokens. A child table has one more tolerance, because an empty reply for a
        parent counts only if the next load gets it as well.
    """
    tolerance = tolerance_of(entity, settings.freshness) or DAILY_TOLERANCE
    if not settings.sensor:
        tolerance = max(tolerance, DAILY_TOLERANCE)
    if entity.parent:
        return 3 * tolerance, None
    if entity.capped or entity.feature_gated or entity.rights_vary:
        return 2 * tolerance, None
    return 2 * tolerance, max(3 * tolerance, 2 * DAILY_TOLERANCE)


def _period(age: timedelta) -> Node:
    minutes = round(age.total_seconds() / 60)
    if minutes % 60:
        return {"count": minutes, "period": "minute"}
    return {"count": minutes // 60, "period": "hour"}
