"""Names of the definitions: asset keys, jobs, schedules, sensors, steps and resource keys."""

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

OWN = "pipedrive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How the definitions of one account are named; the defaults are those of this project.

    Attributes:
        key_prefix: Before the table in each asset key: `("acme",)` gives `acme/deals`.
        prefix: Before the names of jobs, schedules and sensors: `pipedrive` gives
            `pipedrive_daily`.
        pipedrive: Key of the resource for the Pipedrive account.
        warehouse: Key of the resource for the warehouse.
    """

    key_prefix: tuple[str, ...] = ()
    prefix: str = OWN
    pipedrive: str = "pipedrive"
    warehouse: str = "duckdb"

    @property
    def job(self) -> str:
        """The job of all tables, which the daily schedule and the freshness sensor run."""
        return f"{self.prefix}_daily"

    @property
    def reconcile_job(self) -> str:
        """The weekly job."""
        return f"{self.prefix}_reconcile"

    @property
    def digest_job(self) -> str:
        """The job that posts the weekly digest."""
        return f"{self.prefix}_digest"

    @property
    def load_step(self) -> str:
        """The step that loads tables."""
        return self.prefix

    def step(self, name: str) -> str:
        """Return the name of another step; Dagster wants them to differ in a code location."""
        return name if self.prefix == OWN else f"{name}_{self.prefix}"

    @property
    def resource_keys(self) -> set[str]:
        """The keys of both resources."""
        return {self.pipedrive, self.warehouse}

    def of_account(self, name: str) -> "Names":
        """Return the names of one of several accounts."""
        return Names(
            key_prefix=(*self.key_prefix, name),
            prefix=f"{self.prefix}_{name}",
            pipedrive=f"{self.pipedrive}_{name}",
            warehouse=f"{self.warehouse}_{name}",
        )

    def key(self, table: str) -> dg.AssetKey:
        """Return the asset key of a table."""
        return dg.AssetKey([*self.key_prefix, table])

    def tables(self, keys: Iterable[dg.AssetKey] | None) -> frozenset[str]:
        """Return the tables of asset keys; keys with another prefix are left out."""
        own = len(self.key_prefix)
        return frozenset(
            key.path[-1]
            for key in keys or ()
            if len(key.path) == own + 1 and tuple(key.path[:own]) == self.key_prefix
        )

    def selection(self, tables: Iterable[str]) -> str:
        """Return what selects tables on Dagster's command line."""
        return ",".join(self.key(table).to_user_string() for table in tables)


OWN_NAMES = Names()
"""The names of this project."""
