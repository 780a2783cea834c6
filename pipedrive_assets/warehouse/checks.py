"""Data quality checks of a table: unique primary keys, and references to existing rows.

The name of a column determines which table it refers to. References to a table whose initial load
is not finished are not checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.warehouse.ledger import filtered_tables, watermark
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
"""The table that a column refers to. References to leads are omitted: Pipedrive removes converted
leads and keeps the references."""

ORPHANED_SHARE, ORPHANED_ROWS = 0.1, 10
"""The share and the number of references without a row that are normal: records that were deleted
leave them behind. The larger of the two applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of a check.

    Attributes:
        sound: Whether the check passed.
        sentence: If it failed: what was found and what to do.
        facts: Counts for the metadata of the check, by name.
    """

    sound: bool
    sentence: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def references(entity: Entity) -> dict[str, str]:
    """Return the columns of a table that refer to another table.

    For a changelog, only the column of its parent is returned: the others may refer to records
    that were deleted since.

    Args:
        entity: The table.

    Returns:
        The name of the other table, by column.
    """
    is_history = entity.shape == "changelog"
    columns = entity.key[:1] if is_history else columns_of(entity.name).columns
    return {name: POINTS_TO[name] for name in columns if name in POINTS_TO}


def run_checks(warehouse: Warehouse, entity: Entity) -> tuple[CheckResult, CheckResult]:
    """Check the primary keys and the references of a table.

    Args:
        warehouse: Where the table is.
        entity: The table. A table that does not exist passes.

    Returns:
        The results for the keys and for the references.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    with warehouse.sql() as sql:
        if not table_exists(sql, entity.name):
            return CheckResult(sound=True), CheckResult(sound=True)
        return examine_keys(sql, entity), examine_references(sql, entity)


def examine_keys(sql: Sql, entity: Entity) -> CheckResult:
    """Check that each row has a primary key, and that no two rows share one."""
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
            f"{rows - different} rows of {entity.name} have the primary key of another row and "
            f"{without} have none: another program wrote to the table. Run: python -m "
            f"pipedrive_assets load --full {entity.name}. If that does not help, drop the table "
            "and load it again."
        ),
    )


def examine_references(sql: Sql, entity: Entity) -> CheckResult:
    """Check that nearly all references point to rows that the warehouse has."""
    counts = _orphans(sql, entity)
    facts = {f"{column} without row": orphans for column, (orphans, _) in counts.items()}
    worst = [
        f"{orphans} of {total} values of {entity.name}.{column} have no row in {POINTS_TO[column]}"
        for column, (orphans, total) in counts.items()
        if orphans > max(ORPHANED_ROWS, ORPHANED_SHARE * total)
    ]
    if not worst:
        return CheckResult(sound=True, facts=facts)
    return CheckResult(
        sound=False,
        facts=facts,
        sentence=(
            f"{'; '.join(worst)}. If the user of the API token may not see those records, use the "
            "token of a global admin. Otherwise rows may be missing; run: python -m "
            "pipedrive_assets reconcile"
        ),
    )


def _orphans(sql: Sql, entity: Entity) -> dict[str, tuple[int, int]]:
    """Return, by column, the number of references without a row and of all references.

    Only rows that are not marked as deleted are counted.
    """
    here = table(sql, entity.name)
    existing = columns_in(sql, entity.name)
    parts, filtered = [], filtered_tables(sql)
    for column, name in references(entity).items():
        if (
            name not in filtered
            and column in existing
            and watermark(sql, BY_NAME[name]).initial_load_at
        ):
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
