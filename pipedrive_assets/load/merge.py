"""Committing: rows into one table, so that nothing newer is overwritten and nothing unchanged is
written again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.extract.plan import TableStats
from pipedrive_assets.load.erase.redact import Redaction
from pipedrive_assets.load.soft_delete import key_columns
from pipedrive_assets.load.timer import SHAPING, Stopwatch
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import EVERY_TABLE, WAREHOUSE_COLUMNS
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.custom_fields.map_fields import map_custom_fields
from pipedrive_assets.rows.exclusion import is_left_out
from pipedrive_assets.rows.normalize import normalize_row
from pipedrive_assets.warehouse.dlt.write import DltRun, load_rows, make_table
from pipedrive_assets.warehouse.held_columns import with_held
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, columns_in, in_clause, table, table_exists
from pipedrive_assets.warehouse.warehouse import Warehouse
from pipedrive_assets.windows import parse_stamp

Row = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(slots=True, kw_only=True)
class Written:
    """What commits to one table have done so far.

    `loaded` rows were written: `new` ones, `updated` ones, and children that came with a sibling's
    change. `removed` children are no longer there.
    """

    read: int = 0
    loaded: int = 0
    new: int = 0
    updated: int = 0
    removed: int = 0
    coercion_failures: int = 0
    marked_deleted: int = 0
    custom: FieldSet | None = None
    """The custom fields by which its rows are resolved; None: the entity has none."""
    redaction: Redaction = field(default_factory=Redaction)
    last_run: DltRun | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)


def commit_rows(  # noqa: PLR0913 - what the rows are
    warehouse: Warehouse,
    entity: Entity,
    rows: Sequence[Row],
    written: Written,
    omitted: Sequence[str] = (),
    *,
    complete: bool = False,
) -> None:
    """Merge rows on their key; the fields that they were read without (`omitted`) stay as held.

    Call it with the file held. A row that the table already holds unchanged is left out.

    Args:
        warehouse: Where the table is.
        entity: The table's entity.
        rows: Rows as Pipedrive sent them, in the order in which they were read.
        written: Counts what is done.
        omitted: The fields that the rows were read without.
        complete: Whether the rows come from a scan over every row. It was read after everything
            that the table holds, so its rows replace held ones whatever their `update_time`.
            Without it, a row with an older `update_time` never replaces a newer one.
    """
    if omitted:
        with warehouse.sql() as sql:
            rows = with_held(sql, entity, rows, omitted)
    with written.watch.lap(SHAPING):
        shaped = [kept for row in rows if (kept := _shape(entity, row, None, written))]
        newest = _one_perkey_of(entity, shaped, complete=complete)
    held = _held_rows(warehouse, entity, list(newest))
    news = {
        key: row
        for key, row in newest.items()
        if _is_news(entity, row, held.get(key), complete=complete)
        and (key in held or not _stays_out(row, written))
    }
    _load(warehouse, entity, list(news.values()), written)
    written.updated += len(news.keys() & held.keys())
    written.new += len(news.keys() - held.keys())


def commit_children(
    warehouse: Warehouse,
    entity: Entity,
    rows: Iterable[tuple[int, Row]],
    parents: Sequence[int],
    written: Written,
) -> None:
    """Put each parent's set of children in place of the set it had.

    Call it with the file held.
    """
    sets: dict[int, dict[Key, Row]] = {parent: {} for parent in parents}
    with written.watch.lap(SHAPING):
        for parent, row in rows:
            shaped = _shape(entity, row, parent, written)
            if shaped is None or _stays_out(shaped, written):
                continue
            sets[parent][key_of(entity, shaped)] = shaped
    held = _held_sets(warehouse, entity, parents)
    prints = {
        parent: {key: row["_row_hash"] for key, row in found.items()}
        for parent, found in sets.items()
    }
    changed = {parent: sets[parent] for parent in sets if prints[parent] != held.get(parent, {})}
    _empty(warehouse, entity, [parent for parent, found in changed.items() if not found])
    _load(warehouse, entity, [row for found in changed.values() for row in found.values()], written)
    for parent in changed:
        _count(prints[parent], held.get(parent, {}), written)


def ensure_table(warehouse: Warehouse, entity: Entity, written: Written) -> None:
    """Make the table, typed and empty, where no row has made it yet, and the columns that it lacks:
    ours, and those of custom fields that no row has had since they were defined.

    Call it with the file held.
    """
    custom = written.custom.columns if written.custom else ()
    more = (*WAREHOUSE_COLUMNS.get(entity.name, ()), *custom)
    wanted = {*EVERY_TABLE, *(name for name in more if not is_left_out(entity, name))}
    with warehouse.sql() as sql:
        exists = table_exists(sql, entity.name)
        complete = exists and wanted <= columns_in(sql, entity.name)
    if not complete:
        written.last_run = make_table(warehouse, entity, written.custom)


def table_stats(sql: Sql, entity: Entity) -> TableStats:
    """The table's newest change and highest id."""
    cursor = sql.escape_column_name(entity.cursor or "")
    try:
        rows = sql.execute_sql(f"SELECT max({cursor}), max(id) FROM {table(sql, entity.name)}")
    except DatabaseUndefinedRelation:
        return TableStats()
    newest, highest = (rows or [(None, None)])[0]
    # A UUID tells nothing about what came after it.
    highest_id = highest if isinstance(highest, int) else None
    return TableStats(newest=newest, highest_id=highest_id)


def count_rows(sql: Sql, name: str) -> int:
    """Rows in a table; 0 where there is no table."""
    try:
        rows = sql.execute_sql(f"SELECT count(*) FROM {table(sql, name)}")
    except DatabaseUndefinedRelation:
        return 0
    return int(rows[0][0]) if rows else 0


def _shape(entity: Entity, row: Row, parent: int | None, written: Written) -> Row | None:
    """The row as it is loaded; None for one of which nothing may be written."""
    named, strange = map_custom_fields(row, written.custom.plan) if written.custom else (row, 0)
    shaped, coercion_failures = normalize_row(entity, named, parent_id=parent)
    written.read += 1
    written.coercion_failures += coercion_failures + strange
    return written.redaction.clean(entity, shaped, written.custom)


def _stays_out(row: Row, written: Written) -> bool:
    """A deleted row that the table does not hold is not put in to be taken out again."""
    return written.redaction.deleted and row["_deleted_at"] is not None


def key_of(entity: Entity, row: Row) -> Key:
    """What identifies a row within its table."""
    return tuple(row.get(name) for name in entity.key)


def _one_perkey_of(entity: Entity, rows: Iterable[Row], *, complete: bool) -> dict[Key, Row]:
    newest: dict[Key, Row] = {}
    for row in rows:
        key = key_of(entity, row)
        before = None if complete else newest.get(key)
        if before is None or not _is_older(_moment(entity, row), _moment(entity, before)):
            newest[key] = row
    return newest


def _moment(entity: Entity, row: Row) -> datetime | None:
    value = row.get(entity.cursor) if entity.cursor else None
    return parse_stamp(value) if value else None


def _is_older(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


def _is_news(
    entity: Entity, row: Row, held: tuple[int, datetime | None, Any] | None, *, complete: bool
) -> bool:
    if held is None:
        return True
    fingerprint, moment, deleted_at = held
    if not complete and _is_older(_moment(entity, row), moment):
        return False
    came_back = deleted_at is not None and row["_deleted_at"] is None
    return came_back or bool(fingerprint != row["_row_hash"])


def _held_rows(
    warehouse: Warehouse, entity: Entity, keys: Sequence[Key]
) -> dict[Key, tuple[int, datetime | None, Any]]:
    held: dict[Key, tuple[int, datetime | None, Any]] = {}
    with warehouse.sql() as sql:
        if not table_exists(sql, entity.name):
            return held
        columns = key_columns(sql, entity)
        cursor = sql.escape_column_name(entity.cursor) if entity.cursor else "NULL"
        for some in batches(sorted({key[0] for key in keys}), STATEMENT_ROWS):
            these, values = in_clause(some)
            rows = sql.execute_sql(
                f"SELECT {', '.join(columns)}, _row_hash, {cursor}, _deleted_at "
                f"FROM {table(sql, entity.name)} WHERE {columns[0]} IN ({these})",
                *values,
            )
            held.update({tuple(row[:-3]): (row[-3], row[-2], row[-1]) for row in rows or ()})
    return held


def _held_sets(
    warehouse: Warehouse, entity: Entity, parents: Sequence[int]
) -> dict[int, dict[Key, int]]:
    """By parent, the fingerprints of the children it has."""
    held: dict[int, dict[Key, int]] = {}
    with warehouse.sql() as sql:
        if not table_exists(sql, entity.name):
            return held
        columns = key_columns(sql, entity)
        for some in batches(parents, STATEMENT_ROWS):
            these, values = in_clause(some)
            rows = sql.execute_sql(
                f"SELECT {', '.join(columns)}, _row_hash FROM {table(sql, entity.name)} "
                f"WHERE {columns[0]} IN ({these})",
                *values,
            )
            for *key, fingerprint in rows or ():
                held.setdefault(key[0], {})[tuple(key)] = fingerprint
    return held


def _count(found: Mapping[Key, int], held: Mapping[Key, int], written: Written) -> None:
    """Tell new, updated and removed children of one parent apart."""
    both = found.keys() & held.keys()
    written.new += len(found.keys() - held.keys())
    written.updated += sum(found[key] != held[key] for key in both)
    written.removed += len(held.keys() - found.keys())


def _empty(warehouse: Warehouse, entity: Entity, parents: Sequence[int]) -> None:
    """Remove the children of parents that have none any more; a merge would leave them."""
    with warehouse.sql() as sql:
        for some in batches(parents, STATEMENT_ROWS):
            key = sql.escape_column_name(entity.key[0])
            these, values = in_clause(some)
            sql.execute_sql(
                f"DELETE FROM {table(sql, entity.name)} WHERE {key} IN ({these})", *values
            )


def _load(warehouse: Warehouse, entity: Entity, rows: list[Row], written: Written) -> None:
    if rows:
        written.last_run = load_rows(warehouse, entity, rows, written.custom)
        _check_arrival(warehouse, entity, rows)
        written.loaded += len(rows)


def _check_arrival(warehouse: Warehouse, entity: Entity, rows: Sequence[Row]) -> None:
    """Raise WarehouseError where the table does not have what was loaded just now: nothing of it
    may then count as complete.
    """
    these, values = in_clause([rows[-1][entity.key[0]]])
    with warehouse.sql() as sql:
        key = sql.escape_column_name(entity.key[0])
        query = f"SELECT 1 FROM {table(sql, entity.name)} WHERE {key} IN ({these}) LIMIT 1"
        if table_exists(sql, entity.name) and sql.execute_sql(query, *values):
            return
    raise WarehouseError(
        f"{len(rows):,} rows of {entity.name} were loaded, but the table in {warehouse} does not "
        "have them, so nothing of this load counts as complete. Check that no other program "
        "changes the dataset or its tables; then run again."
    )
