"""Migrates existing tables before a load.

Tables differ from what this version expects if an earlier version made them, a column's type has
changed since, or a column was excluded after it was loaded. Callers of this module hold the
warehouse lock.
"""

import json
import logging
from collections.abc import Iterator, Sequence

from dlt.common.destination.exceptions import DestinationException as DatabaseException
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipedrive_assets.errors import WarehouseError, raise_alone
from pipedrive_assets.registry import ENTITIES, Entity, Kind
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.exclusion import is_left_out
from pipedrive_assets.views import readable
from pipedrive_assets.warehouse.cleanup import drop_staged
from pipedrive_assets.warehouse.dialect import TYPES, dependent, indexes_on
from pipedrive_assets.warehouse.history.history_table import drop_excluded
from pipedrive_assets.warehouse.ledger import LAYOUT, all_columns
from pipedrive_assets.warehouse.statements import Sql, columns_in, conversion, table, table_exists

log = logging.getLogger(__name__)

Columns = dict[str, dict[str, str]]


def migrate_tables(sql: Sql, entities: Sequence[Entity]) -> list[str]:
    """Migrate the warehouse to this version's layout, and tables to their column types.

    No row is deleted.

    Args:
        sql: The warehouse.
        entities: The tables that will be loaded.

    Returns:
        The names of the tables whose columns changed: dlt has to read their schemas again.

    Raises:
        WarehouseError: A later version wrote the warehouse, a table of the user's has the name of
            one of `entities`, or an object of the user's depends on a column that has to change.
    """
    _migrate(sql)
    held = all_columns(sql)
    _refuse_foreign(sql, entities, held)
    changed = []
    for entity in entities:
        if entity.name not in held:
            continue
        changes = [_drop_excluded(sql, entity, held), _convert(sql, entity, held)]
        if any(changes):
            _forget_schema(sql, entity)
            changed.append(entity.name)
    return changed


def _refuse_foreign(sql: Sql, entities: Sequence[Entity], held: Columns) -> None:
    """Raise `WarehouseError` if a table of the user's has the name of one to be loaded."""
    rows = sql.execute_sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
        sql.dataset_name,
    )
    foreign = {row[0] for row in rows or ()} - held.keys()
    if taken := sorted(foreign & {entity.name for entity in entities}):
        raise WarehouseError(
            f"The dataset {sql.dataset_name} already contains {', '.join(taken)}, a table or view "
            "that pipedrive_assets did not create. Nothing was written. Rename it, or set "
            "PIPEDRIVE_DATASET to another schema."
        )


def _migrate(sql: Sql) -> None:
    rows = sql.execute_sql(f"SELECT layout FROM {table(sql, '_pipedrive_account')}")
    found = int(rows[0][0] or 1) if rows else LAYOUT
    if found > LAYOUT:
        raise WarehouseError(
            f"A later version of pipedrive_assets wrote this warehouse: it has layout {found}, "
            f"and this version supports up to layout {LAYOUT}. Nothing was written. Upgrade "
            "pipedrive_assets, then run again."
        )
    if found < LAYOUT:
        for version, step in _STEPS:
            if found < version:
                step(sql)
        sql.execute_sql(f"UPDATE {table(sql, '_pipedrive_account')} SET layout = %s", LAYOUT)


def _add_reasons(sql: Sql) -> None:
    """Layout 2: add `_deleted_reason`, the reason of a soft delete."""
    for entity in ENTITIES:
        if not table_exists(sql, entity.name):
            continue
        name = table(sql, entity.name)
        reason = "vanished" if entity.kind is Kind.SNAPSHOT else "deleted"
        sql.execute_sql(f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS _deleted_reason VARCHAR")
        sql.execute_sql(
            f"UPDATE {name} SET _deleted_reason = '{reason}' "
            "WHERE _deleted_at IS NOT NULL AND _deleted_reason IS NULL"
        )


def _identify_events(sql: Sql) -> None:
    """Layout 3: change the keys of history events to those that `rows.flow.event_key` computes.

    Keys are updated in place, so that no history has to be read again. Deals that have two
    different events of the same kind and id are the exception: their histories are read again.
    """
    flow, ledger = "deals_flow", table(sql, "_pipedrive_children")
    if not table_exists(sql, flow):
        return
    held = columns_in(sql, flow)
    if not {"object", "event_id"} <= held:
        return  # Columns are excluded: the next read of each deal replaces its keys.
    name, quote = table(sql, flow), sql.escape_column_name
    identity = f"deal_id, {quote('object')}, event_id"
    has_identity = f"{quote('object')} <> '' AND event_id <> ''"
    contents = ("timestamp", "field_key", "old_value", "new_value")
    version = ", ".join([identity, *(quote(each) for each in contents if each in held)])
    sql.execute_sql(
        f"DELETE FROM {name} WHERE _dlt_id IN (SELECT _dlt_id FROM (SELECT _dlt_id, row_number() "
        f"OVER (PARTITION BY {version} ORDER BY _dlt_load_id DESC, event_key) AS place "
        f"FROM {name} WHERE {has_identity}) AS ranked WHERE place > 1)"
    )
    sql.execute_sql(
        f"DELETE FROM {ledger} WHERE entity = '{flow}' AND parent_id IN (SELECT deal_id "
        f"FROM {name} WHERE {has_identity} GROUP BY {identity} HAVING count(*) > 1)"
    )
    sql.execute_sql(
        f"UPDATE {name} SET event_key = {quote('object')} || ':' || event_id, _row_hash = 0 "
        "WHERE _dlt_id IN (SELECT _dlt_id FROM (SELECT _dlt_id, "
        f"count(*) OVER (PARTITION BY {identity}) AS events FROM {name} WHERE {has_identity}) "
        "AS counted WHERE events = 1)"
    )


def _doubt_childless_parents(sql: Sql) -> None:
    """Layout 3: request the children of parents that are recorded as read but have no rows.

    Earlier versions recorded parents as read when Pipedrive refused their children. Tables that
    the daily re-check covers are skipped.
    """
    for entity in ENTITIES:
        is_rechecked = entity.count_column or entity.poll_children
        if not entity.parent or is_rechecked or not table_exists(sql, entity.name):
            continue
        key = sql.escape_column_name(entity.key[0])
        sql.execute_sql(
            f"UPDATE {table(sql, '_pipedrive_children')} SET read_at = NULL WHERE entity = %s "
            f"AND parent_id NOT IN (SELECT {key} FROM {table(sql, entity.name)})",
            entity.name,
        )


_STEPS = (
    (2, _add_reasons),
    (3, _identify_events),
    (3, _doubt_childless_parents),
    (3, readable.adopt),
)
"""The layout that each migration belongs to, and the migration, in the order in which they run."""


def missing_parts(sql: Sql, entity: Entity) -> list[str]:
    """Return the tables and columns of an entity that dlt loaded and that were dropped since.

    Args:
        sql: The warehouse.
        entity: The table's entity.

    Returns:
        Names like `deals__labels` and `deals.title`; empty if nothing was dropped.
    """
    try:
        rows = sql.execute_sql(
            f"SELECT schema FROM {table(sql, '_dlt_version')} WHERE schema_name = %s "
            "ORDER BY inserted_at DESC LIMIT 1",
            f"pipedrive_{entity.name}",
        )
    except DatabaseUndefinedRelation:
        return []
    missing = []
    made_tables = json.loads(rows[0][0])["tables"] if rows else {}
    for name, made in made_tables.items():
        is_loaded = made.get("x-normalizer", {}).get("seen-data")
        if name.partition("__")[0] != entity.name or not is_loaded:
            continue
        try:
            columns = columns_in(sql, name)
        except DatabaseUndefinedRelation:
            missing.append(name)
            continue
        typed = {column for column, hint in made["columns"].items() if "data_type" in hint}
        missing += [f"{name}.{column}" for column in sorted(typed - columns)]
    return missing


def restore_parts(sql: Sql, entity: Entity) -> None:
    """Reset a table so that the next full load restores its dropped tables and columns."""
    _forget_schema(sql, entity)
    if table_exists(sql, entity.name):
        sql.execute_sql(f"UPDATE {table(sql, entity.name)} SET _row_hash = 0")
    forget_progress(sql, entity)


def forget_progress(sql: Sql, entity: Entity) -> None:
    """Forget up to where a table was read: the next load reads it from its start."""
    for ledger in ("_pipedrive_coverage", "_pipedrive_children"):
        sql.execute_sql(f"DELETE FROM {table(sql, ledger)} WHERE entity = %s", entity.name)


def _drop_excluded(sql: Sql, entity: Entity, held: Columns) -> bool:
    """Drop columns and list tables that were excluded after they were loaded; False if none was."""
    columns = [name for name in held[entity.name] if is_left_out(entity, name)]
    lists = [
        name
        for name in held
        if name.startswith(f"{entity.name}__")
        and is_left_out(entity, name.removeprefix(f"{entity.name}__"))
    ]
    versions = drop_excluded(sql, entity)
    if not columns and not lists and not versions:
        return False
    readable.drop(sql)
    for name in columns:
        column = sql.escape_column_name(name)
        _alter(sql, entity, f"ALTER TABLE {table(sql, entity.name)} DROP COLUMN {column}")
    for name in lists:
        _alter(sql, entity, f"DROP TABLE {table(sql, name)}")
    log.warning(
        "%s: dropped %s, which the settings leave out",
        *(entity.name, ", ".join(dict.fromkeys([*columns, *lists, *versions]))),
    )
    return True


def _convert(sql: Sql, entity: Entity, held: Columns) -> bool:
    """Convert columns whose type has changed; return False if there are none.

    Values that cannot be converted become null until the table has been read from its start,
    which the next load does.
    """
    changed = [change for change in _wanted_types(entity) if _differs(held, *change)]
    if not changed:
        return False
    readable.drop(sql)
    for name, column, kind in changed:
        _alter(sql, entity, conversion(sql, name, column, kind))
    sql.execute_sql(f"UPDATE {table(sql, entity.name)} SET _row_hash = 0")
    forget_progress(sql, entity)
    names = ", ".join(f"{name}.{column}" for name, column, _ in changed)
    log.warning(
        "Converted the column type of %s; %s is read from its start again", names, entity.name
    )
    return True


def _alter(sql: Sql, entity: Entity, statement: str) -> None:
    """Run a statement that changes a table; an object that depends on it is named in the error."""
    try:
        sql.execute_sql(statement)
    except DatabaseException as error:
        if obstacle := dependent(error) or "; ".join(indexes_on(sql, entity.name)):
            raise_alone(
                WarehouseError(
                    f"The table {entity.name} cannot be migrated because an object that "
                    f"pipedrive_assets did not create depends on it: {obstacle}. No row was "
                    "changed. Drop that object, run again, then create it again."
                )
            )
        raise


def _wanted_types(entity: Entity) -> Iterator[tuple[str, str, str]]:
    """Yield the table, name and type of each column, as the column files define them."""
    known = columns_of(entity.name)
    for name, column in known.columns.items():
        yield entity.name, name, TYPES[column.type]
    for each, columns in known.lists.items():
        for name, column in columns.items():
            yield f"{entity.name}__{each}", name, TYPES[column.type]


def _differs(held: Columns, name: str, column: str, kind: str) -> bool:
    return held.get(name, {}).get(column, kind) != kind


def _forget_schema(sql: Sql, entity: Entity) -> None:
    """Delete dlt's stored schema of a table, so that dlt reads its columns again."""
    sql.execute_sql(
        f"DELETE FROM {table(sql, '_dlt_version')} WHERE schema_name = %s",
        f"pipedrive_{entity.name}",
    )
    drop_staged(sql)
