"""What automation is about: the warehouse, its tables, and how old each may grow."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from pipedrive_assets.config import Settings
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES, Entity, Kind
from pipedrive_assets.warehouse import name_of

JOB, RECONCILE_JOB = OWN_NAMES.job, OWN_NAMES.reconcile_job
"""The jobs of this project's own code location."""

WAREHOUSE_TAG = "pipedrive/warehouse"
"""On runs: which warehouse they load (a fingerprint, not to show paths everywhere)."""

REQUESTED_BY_TAG = "pipedrive/requested_by"
FRESHNESS, DAILY, WEEKLY = "freshness", "daily", "weekly"
"""Who asks for runs, as that tag says it."""

DAILY_TOLERANCE = timedelta(days=1)
"""How old what the daily run loads may be."""


def warehouse_tag(warehouse: str) -> str:
    """A warehouse's name in the form that Dagster's tags allow."""
    return hashlib.sha256(warehouse.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which account's materializations count, how its definitions are named, and whether a first
    load may start by itself.
    """

    warehouse: str
    sandbox: bool
    names: Names = OWN_NAMES
    entities: tuple[Entity, ...] = DEFAULT_ENTITIES
    first_partition: date = date(2026, 1, 1)
    freshness: Mapping[str, timedelta | None] = field(
        default_factory=lambda: Settings(found={}).freshness
    )

    @classmethod
    def of(
        cls, settings: Settings, warehouse: str | None = None, names: Names = OWN_NAMES
    ) -> "Target":
        """Take what the settings say; a missing API token is an error of the run."""
        return cls(
            names=names,
            warehouse=warehouse or name_of(settings),
            sandbox=not settings.api_token and not settings.points_to_account,
            entities=settings.entities,
            first_partition=settings.first_partition,
            freshness=settings.freshness,
        )

    @property
    def tag(self) -> str:
        """The warehouse, as tags name it."""
        return warehouse_tag(self.warehouse)

    def tolerance(self, entity: Entity) -> timedelta | None:
        """How old a table may grow before the sensor asks for it; None: the daily run loads it.

        Lists that cannot be asked for what is new cost all their newest pages each time; they go
        by the tolerance of files. Children of a snapshot are as old as it is.
        """
        blind = entity.kind is Kind.WINDOWED and not entity.supports_updated_since
        if entity.parent and BY_NAME[entity.parent].kind is Kind.SNAPSHOT:
            return self.tolerance(BY_NAME[entity.parent])
        if entity.parent:
            return self.freshness["deal_details"]
        return self.freshness["files" if blind else entity.group]
