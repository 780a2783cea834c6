"""Whether a table is sound: its keys, and what its references point to.

Which columns refer to which table follows from their names; a table that was never loaded whole
is not looked for rows in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.statements import Sql, columns_in, table, table_exists
from pipedrive_assets.warehouse.warehouse import Warehouse

POINTS_TO: Mapping[str, str] = {
    "deal_id": "deals",
    "person_id": "persons",
    "org_id": "organizations",
    "organization_id": "organizations",
    "product_id": "products",
    "project_id": "projects",
    "pipeline_id": "pipelines",
    "stage_id": "stages",
    "owner_id": "users",
    "user_id": "users",
    "creator_id": "users",
    "creator_user_id": "users",
    "added_by_user_id": "users",
    "actor_user_id": "users",
}
"""Leads are left out: Pipedrive removes a lead that became a deal, and keeps what points to it."""

ORPHANED_SHARE, ORPHANED_ROWS = 0.1, 10
"""So many references may point to nothing: what a deleted record leaves behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What was looked at, whether it is sound, and if not, what to do."""

    sound: bool
    sentence: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def references(entity: Entity) -> dict[str, str]:
    """The columns of a table that refer to another, and which.

    Of a changelog, only the one that says whose it is: it names records that have gone since.
    """
    is_history = entity.shape == "changelog"
    columns = entity.key[:1] if is_history else columns_of(entity.name).columns
    return {name: POINTS_TO[name] for name in columns if name in POINTS_TO}


def run_checks(warehouse: Warehouse, entity: Entity) -> tuple[CheckResult, CheckResult]:
    """A table's keys, and its references.

    Raises WarehouseError.
    """
    with warehouse.sql() as sql:
        if not table_exists(sql, entity.name):
            return CheckResult(sound=True), CheckResult(sound=True)
        return examine_keys(sql, entity), examine_references(sql, entity)


def examine_keys(sql: Sql, entity: Entity) -> CheckResult:
    """Whether each row has a key of its own."""
    keys = ", ".join(sql.escape_column_name(name) for name in entity.key)
    missing = " OR ".join(f"{sql.escape_column_name(name)} IS NULL" for name in entity.key)
    name = table(sql, entity.name)
    ((without, rows, different),) = sql.execute_sql(
        f"SELECT (SELECT count(*) FROM {name} WHERE {missing}), (SELECT count(*) FROM {name}), "
        f"(SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {name}) AS k)"
    ) or ((0, 0, 0),)
    facts = {"rows": rows, "rows_without_key": without, "rows_doubled": rows - different}
    if not without and rows == different:
        return CheckResult(sound=True, facts=facts)
    return CheckResult(
        sound=False,
        facts=facts,
        sentence=(
            f"{rows - different} rows of {entity.name} share a key and {without} have none: "
            f"something else wrote to the table. Run: python -m pipedrive_assets load --full "
            f"{entity.name}; if it stays, drop the table and load it again."
        ),
    )


def examine_references(sql: Sql, entity: Entity) -> CheckResult:
    """Whether nearly all references point to rows that are held."""
    counts = _orphans(sql, entity)
    facts = {f"{column} without row": orphans for column, (orphans, _) in counts.items()}
    worst = [
        f"{orphans} of {total} {column} of {entity.name} point to no row of {POINTS_TO[column]}"
        for column, (orphans, total) in counts.items()
        if orphans > max(ORPHANED_ROWS, ORPHANED_SHARE * total)
    ]
    if not worst:
        return CheckResult(sound=True, facts=facts)
    return CheckResult(
        sound=False,
        facts=facts,
        sentence=(
            f"{'; '.join(worst)}. Either the api token's user does not see those records (use a "
            "global admin's), or they are missing: run python -m pipedrive_assets reconcile."
        ),
    )


def _orphans(sql: Sql, entity: Entity) -> dict[str, tuple[int, int]]:
    """By column: references of living rows to no row, and references of living rows."""
    here = table(sql, entity.name)
    existing = columns_in(sql, entity.name)
    parts = []
    for column, name in references(entity).items():
        if column in existing and watermark(sql, BY_NAME[name]).initial_load_at:
            reference = f"x.{sql.escape_column_name(column)}"
            parts.append(
                f"SELECT '{column}', count(*) FILTER (WHERE t.id IS NULL), count(*) FROM {here} x "
                f"LEFT JOIN {table(sql, name)} t ON t.id = {reference} "
                f"WHERE {reference} IS NOT NULL AND x._deleted_at IS NULL"
            )
    if not parts:
        return {}
    rows = sql.execute_sql(" UNION ALL ".join(parts)) or ()
    return {column: (orphans, total) for column, orphans, total in rows}
