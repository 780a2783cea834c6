"""Merges rows into a table. Newer rows are not overwritten and unchanged rows are not rewritten."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.extract.plan import TableStats
from pipedrive_assets.load.erase.redact import Redaction
from pipedrive_assets.load.frozen import Frozen
from pipedrive_assets.load.shape import shape_rows
from pipedrive_assets.load.soft_delete import FILTERED, key_columns, mark
from pipedrive_assets.load.step import Step
from pipedrive_assets.load.timer import SHAPING, Stopwatch
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import EVERY_TABLE, WAREHOUSE_COLUMNS
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.exclusion import is_left_out
from pipedrive_assets.rows.row_filter import is_wanted
from pipedrive_assets.warehouse.held_columns import with_held
from pipedrive_assets.warehouse.history.versions import end_removed, record
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS
from pipedrive_assets.warehouse.statements import Sql, columns_in, in_clause, table, table_exists
from pipedrive_assets.warehouse.warehouse import Warehouse
from pipedrive_assets.warehouse.write import load_rows
from pipedrive_assets.windows import parse_stamp

Row = dict[str, Any]
Key = tuple[Any, ...]
Held = tuple[int, datetime | None, Any]
"""Row hash, time of the last change and `_deleted_at` of a row in the table."""


@dataclass(slots=True, kw_only=True)
class Written:
    """Row counts and timings of the commits to one table.

    Attributes:
        read: Rows read from Pipedrive.
        loaded: Rows written: new, updated, and unchanged children whose sibling changed.
        new: Rows that the table did not have.
        updated: Rows whose values changed.
        removed: Children that their parent no longer has.
        coercion_failures: Values that did not have the type of their column.
        filtered: Rows that PIPEDRIVE_ROW_FILTER left out.
        marked_deleted: Rows that got a `_deleted_at`.
        custom: The custom fields that are written; None if the entity has none.
        defined: All custom fields of the entity; None if it has none.
        redaction: Removes erased persons from rows.
        frozen: What the table may contain; None: anything.
        load_id: The `_dlt_load_id` of the rows of the last commit; None: no row was written.
        watch: Seconds per phase.
        moment: When the rows of the current commit were read, UTC; None: no versions are recorded.
    """

    read: int = 0
    loaded: int = 0
    new: int = 0
    updated: int = 0
    removed: int = 0
    coercion_failures: int = 0
    filtered: int = 0
    marked_deleted: int = 0
    custom: FieldSet | None = None
    defined: FieldSet | None = None
    redaction: Redaction = field(default_factory=Redaction)
    frozen: Frozen | None = None
    load_id: str | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)
    moment: datetime | None = None


UNRECORDED = Step()


def _nothing(_: Sql) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What belongs to a commit of rows.

    Attributes:
        step: The step of the run.
        then: Writes that are committed together with the rows, or without them if none has changed.
            On a server the rows are committed before.
    """

    step: Step = UNRECORDED
    then: Callable[[Sql], None] = _nothing


ROWS_ONLY = Commit()


def commit_rows(  # noqa: PLR0913 - what the rows are
    warehouse: Warehouse,
    entity: Entity,
    rows: Sequence[Row],
    written: Written,
    omitted: Sequence[str] = (),
    *,
    complete: bool = False,
    now: datetime | None = None,
    commit: Commit = ROWS_ONLY,
) -> None:
    """Merge rows into a table on their primary key.

    The caller holds the warehouse lock. Rows that the table already has unchanged are skipped.

    Args:
        warehouse: Where the table is.
        entity: The table's entity.
        rows: Rows as Pipedrive returned them, in the order in which they were read.
        written: Counts what is done.
        omitted: Fields that Pipedrive refused: the rows lack them, and the table keeps its values.
        complete: Whether the rows come from a scan over every row. Such rows were read after
            everything that the table has, so they replace its rows whatever their `update_time`.
            Otherwise a row with an older `update_time` never replaces a newer one.
        now: When the rows are committed, UTC; needed if the table has a filter.
        commit: What else is committed.

    Raises:
        WarehouseError: The warehouse refused the rows, or does not return them after the load.
    """
    if omitted:
        with warehouse.sql() as sql:
            rows = with_held(sql, entity, rows, omitted)
        entity = replace(entity, hashed=entity.hashed - {*omitted})  # held values are hashes
    with written.watch.lap(SHAPING):
        normalized = _shape(entity, [(None, row) for row in rows], written)
        newest = _newest_by_key(entity, filter(None, normalized), complete=complete)
    held = _held_rows(warehouse, entity, list(newest))
    if entity.row_filter and now:
        newest = _wanted(warehouse, entity, newest, held, written, complete=complete, now=now)
    changed = {
        key: row
        for key, row in newest.items()
        if _differs(entity, row, held.get(key), complete=complete)
        and (key in held or not _is_purged(row, written))
    }
    _load(warehouse, entity, list(changed.values()), written, commit)
    written.updated += len(changed.keys() & held.keys())
    written.new += len(changed.keys() - held.keys())


def _wanted(  # noqa: PLR0913 - what the rows are
    warehouse: Warehouse,
    entity: Entity,
    newest: Mapping[Key, Row],
    held: Mapping[Key, Held],
    written: Written,
    *,
    complete: bool,
    now: datetime,
) -> dict[Key, Row]:
    """Return the rows that fulfil the filter; mark the others that the table has."""
    wanted = {key: row for key, row in newest.items() if is_wanted(entity, row)}
    left = {
        key: row["_deleted_reason"] or FILTERED
        for key, row in newest.items()
        if key not in wanted
        and key in held
        and held[key][2] is None
        and (complete or not _is_older(_moment(entity, row), held[key][1]))
    }
    written.filtered += len(newest) - len(wanted)
    written.marked_deleted += len(left)
    with warehouse.sql() as sql:
        mark(sql, entity, left, now)
    return wanted


def commit_children(  # noqa: PLR0913 - what the rows are
    warehouse: Warehouse,
    entity: Entity,
    rows: Iterable[tuple[int, Row]],
    parents: Sequence[int],
    written: Written,
    *,
    commit: Commit = ROWS_ONLY,
) -> None:
    """Replace the children of each parent.

    The caller holds the warehouse lock. Parents whose children are unchanged are skipped.

    Args:
        warehouse: Where the table is.
        entity: The child table's entity.
        rows: Children as Pipedrive returned them, each with the id of its parent.
        parents: Ids of all parents that were read, including those without children.
        written: Counts what is done.
        commit: What else is committed.

    Raises:
        WarehouseError: The warehouse refused the rows, or does not return them after the load.
    """
    sets: dict[int, dict[Key, Row]] = {parent: {} for parent in parents}
    with written.watch.lap(SHAPING):
        rows = list(rows)
        for (parent, _), row in zip(rows, _shape(entity, rows, written), strict=True):
            if row is not None and not _is_purged(row, written):
                sets[parent][key_of(entity, row)] = row
    held = _held_sets(warehouse, entity, parents)
    hashes = {
        parent: {key: row["_row_hash"] for key, row in found.items()}
        for parent, found in sets.items()
    }
    changed = {parent: sets[parent] for parent in sets if hashes[parent] != held.get(parent, {})}
    childless = [parent for parent, found in changed.items() if not found]

    def then(sql: Sql) -> None:
        _delete_children(sql, entity, childless)
        if entity.history and written.moment:
            end_removed(sql, entity, parents, written.moment)
        commit.then(sql)

    added = [row for found in changed.values() for row in found.values()]
    _load(warehouse, entity, added, written, replace(commit, then=then))
    for parent in changed:
        _count_changes(hashes[parent], held.get(parent, {}), written)


def ensure_table(
    warehouse: Warehouse, entity: Entity, written: Written, step: Step = UNRECORDED
) -> None:
    """Create the table and its missing columns with their types, without writing a row.

    The columns include those of custom fields that have no value in any row yet. The caller holds
    the warehouse lock.

    Args:
        warehouse: Where the table is.
        entity: The table's entity.
        written: Has the custom fields.
        step: The step of the run.

    Raises:
        WarehouseError: The warehouse refused the table.
    """
    custom = written.custom.columns if written.custom else ()
    more = (*WAREHOUSE_COLUMNS.get(entity.name, ()), *custom)
    wanted = {*EVERY_TABLE, *(name for name in more if not is_left_out(entity, name))}
    with warehouse.sql() as sql:
        exists = table_exists(sql, entity.name)
        complete = exists and wanted <= columns_in(sql, entity.name)
    if not complete:
        created = step.after_rows(entity.name, lambda *_: None)
        load_rows(warehouse, entity, [], written.custom, created)


def table_stats(sql: Sql, entity: Entity) -> TableStats:
    """Return the newest value of the table's cursor column (UTC) and its highest integer id."""
    cursor = sql.escape_column_name(entity.cursor or "")
    try:
        rows = sql.execute_sql(f"SELECT max({cursor}), max(id) FROM {table(sql, entity.name)}")
    except DatabaseUndefinedRelation:
        return TableStats()
    newest, highest = (rows or [(None, None)])[0]
    # UUIDs are not ordered by time: later rows may have lower ones.
    highest_id = highest if isinstance(highest, int) else None
    return TableStats(newest=newest, highest_id=highest_id)


def count_rows(sql: Sql, name: str) -> int:
    """Return the number of rows in a table; 0 if the table does not exist."""
    try:
        rows = sql.execute_sql(f"SELECT count(*) FROM {table(sql, name)}")
    except DatabaseUndefinedRelation:
        return 0
    return int(rows[0][0]) if rows else 0


def _shape(
    entity: Entity, rows: Sequence[tuple[int | None, Row]], written: Written
) -> list[Row | None]:
    """Shape rows and count them; see `shape_rows`."""
    shaped, coercion_failures = shape_rows(
        entity, rows, written.custom, written.frozen, written.redaction
    )
    written.read += len(rows)
    written.coercion_failures += coercion_failures
    return shaped


def _is_purged(row: Row, written: Written) -> bool:
    """Whether the row is deleted in Pipedrive, and deleted rows are purged from the warehouse."""
    return written.redaction.deleted and row["_deleted_at"] is not None


def key_of(entity: Entity, row: Row) -> Key:
    """Return the values of the row's primary key."""
    return tuple(row.get(name) for name in entity.key)


def _newest_by_key(entity: Entity, rows: Iterable[Row], *, complete: bool) -> dict[Key, Row]:
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


def _differs(entity: Entity, row: Row, held: Held | None, *, complete: bool) -> bool:
    if held is None:
        return True
    fingerprint, moment, deleted_at = held
    if not complete and _is_older(_moment(entity, row), moment):
        return False
    came_back = deleted_at is not None and row["_deleted_at"] is None
    return came_back or bool(fingerprint != row["_row_hash"])


def _held_rows(warehouse: Warehouse, entity: Entity, keys: Sequence[Key]) -> dict[Key, Held]:
    held: dict[Key, Held] = {}
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
    """Return the row hashes of the children that the table has, by parent and key."""
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


def _count_changes(found: Mapping[Key, int], held: Mapping[Key, int], written: Written) -> None:
    """Count the new, updated and removed children of one parent."""
    both = found.keys() & held.keys()
    written.new += len(found.keys() - held.keys())
    written.updated += sum(found[key] != held[key] for key in both)
    written.removed += len(held.keys() - found.keys())


def _delete_children(sql: Sql, entity: Entity, parents: Sequence[int]) -> None:
    """Delete the children of parents that no longer have any; a merge would keep them."""
    for some in batches(parents, STATEMENT_ROWS):
        key = sql.escape_column_name(entity.key[0])
        these, values = in_clause(some)
        sql.execute_sql(f"DELETE FROM {table(sql, entity.name)} WHERE {key} IN ({these})", *values)


def _load(
    warehouse: Warehouse, entity: Entity, rows: list[Row], written: Written, commit: Commit
) -> None:
    if not rows:
        with commit.step.transaction(warehouse) as sql:
            commit.then(sql)
        return

    def then(sql: Sql, load_id: str) -> None:
        _check_arrival(warehouse, sql, entity, rows)
        if entity.history and written.moment:
            record(sql, entity, written.moment, load_id)
        commit.then(sql)

    after_rows = commit.step.after_rows(entity.name, then)
    written.load_id = load_rows(warehouse, entity, rows, written.custom, after_rows)
    written.loaded += len(rows)


def _check_arrival(warehouse: Warehouse, sql: Sql, entity: Entity, rows: Sequence[Row]) -> None:
    """Raise `WarehouseError` if the table does not have the last of the rows just loaded."""
    these, values = in_clause([rows[-1][entity.key[0]]])
    key = sql.escape_column_name(entity.key[0])
    query = f"SELECT 1 FROM {table(sql, entity.name)} WHERE {key} IN ({these}) LIMIT 1"
    if table_exists(sql, entity.name) and sql.execute_sql(query, *values):
        return
    raise WarehouseError(
        f"{len(rows):,} rows of {entity.name} were loaded, but the table in {warehouse} does not "
        "contain them. The load of this table is not recorded as complete. Check that no other "
        "program changes the dataset or its tables, then run again."
    )
