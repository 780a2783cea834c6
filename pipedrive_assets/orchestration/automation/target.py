"""The target of automation: the warehouse, its tables, and their freshness tolerances."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from pipedrive_assets.config import Settings
from pipedrive_assets.config.freshness import tolerance_of
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.registry import DEFAULT_ENTITIES, Entity
from pipedrive_assets.warehouse import name_of

JOB, RECONCILE_JOB = OWN_NAMES.job, OWN_NAMES.reconcile_job
"""The jobs of this project's own code location."""

WAREHOUSE_TAG = "pipedrive/warehouse"
"""Tag of a run: the warehouse it loads, as a hash that does not show paths."""

REQUESTED_BY_TAG = "pipedrive/requested_by"
FRESHNESS, DAILY, WEEKLY = "freshness", "daily", "weekly"
"""Values of that tag: who requested the run."""


def warehouse_tag(warehouse: str) -> str:
    """Return a hash of a warehouse's name that Dagster accepts as a tag."""
    return hashlib.sha256(warehouse.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An account's warehouse and tables, the names of its definitions, and its tolerances.

    Automation starts first loads of the sandbox only.
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
        """Return the target of settings; a missing API token is an error of the run.

        Args:
            settings: The settings of the account.
            warehouse: The name of the warehouse; None: that of the settings.
            names: The names of the definitions.
        """
        return cls(
            names=names,
            warehouse=warehouse or name_of(settings),
            sandbox=not settings.has_access and not settings.points_to_account,
            entities=settings.entities,
            first_partition=settings.first_partition,
            freshness=settings.freshness,
        )

    @property
    def tag(self) -> str:
        """The warehouse as a tag."""
        return warehouse_tag(self.warehouse)

    def tolerance(self, entity: Entity) -> timedelta | None:
        """Return how old a table may be before the sensor loads it; None: only the daily run."""
        return tolerance_of(entity, self.freshness)
