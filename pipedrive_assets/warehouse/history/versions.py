"""Records the versions of rows: compares a table with the current versions in its history.

A version begins when a load finds a new row, a changed row, or a row that has come back. It ends
when the row has another version, is marked as deleted, or is no longer a child of its parent.
"""

from collections.abc import Sequence
from datetime import datetime

from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.dialect import changed_rows, quoted
from pipedrive_assets.warehouse.history.history_table import (
    Shape,
    define,
    histories,
    history_name,
)
from pipedrive_assets.warehouse.statements import Sql, in_clause, table, table_exists

FOUND, MADE = "_pipedrive_found", "_pipedrive_versions"
"""Temporary tables: the `_dlt_id` of rows that may have a new version, and the new versions."""

PARENTS_AT_ONCE = 1_000


def record(sql: Sql, entity: Entity, moment: datetime, load_id: str = "") -> int:
    """End the versions that are no longer true, and begin those that are.

    A row whose hash is the same has no new version; nor has one with the same content (its hash
    differs if an erased person was restored, or a column was excluded).

    Args:
        sql: The warehouse; the caller has begun a transaction, which has not changed the history
            yet: DuckDB cannot add a column after that.
        entity: The table.
        moment: When the rows were read, UTC.
        load_id: Compares only the rows of this load; empty: all rows of the table.

    Returns:
        The number of versions that began.
    """
    one = _Statements(sql, entity, define(sql, entity), moment, load_id)
    sql.execute_sql(f"DROP TABLE IF EXISTS {FOUND}")
    sql.execute_sql(one.find())
    begun = 0
    if sql.execute_sql(f"SELECT 1 FROM {FOUND} LIMIT 1"):
        sql.execute_sql(f"DROP TABLE IF EXISTS {MADE}")
        for statement in (one.make(), one.adopt_hashes(), one.leave_out_same(), one.end()):
            sql.execute_sql(statement)
        begun = changed_rows(sql, one.begin())
        sql.execute_sql(f"DROP TABLE {MADE}")
    sql.execute_sql(f"DROP TABLE {FOUND}")
    sql.execute_sql(one.end_deleted())
    return begun


def end_absent(sql: Sql, entity: Entity, moment: datetime) -> None:
    """End the versions of rows that the table lacks, for example since it was dropped.

    Args:
        sql: The warehouse.
        entity: A table that is known to have every row of Pipedrive's list.
        moment: When that list was read, UTC.
    """
    if table_exists(sql, history_name(entity.name)):
        sql.execute_sql(_end_missing(sql, entity, moment))


def end_removed(sql: Sql, entity: Entity, parents: Sequence[int], moment: datetime) -> None:
    """End the versions of children that their parents no longer have.

    Args:
        sql: The warehouse.
        entity: The child table.
        parents: Parents whose children were just read completely.
        moment: When they were read, UTC.
    """
    if not table_exists(sql, history_name(entity.name)):
        return
    key = sql.escape_column_name(entity.key[0])
    for some in batches(parents, PARENTS_AT_ONCE):
        these, values = in_clause(some)
        sql.execute_sql(f"{_end_missing(sql, entity, moment)} AND h.{key} IN ({these})", *values)


def _end_missing(sql: Sql, entity: Entity, moment: datetime) -> str:
    return (
        f"UPDATE {table(sql, history_name(entity.name))} AS h "
        f"SET _valid_to = greatest({_literal(moment)}, h._valid_from), _is_current = FALSE "
        f"WHERE h._is_current AND NOT EXISTS (SELECT 1 FROM {table(sql, entity.name)} t "
        f"WHERE {_same_key(sql, entity, 'h', 't')})"
    )


def delete_versions(sql: Sql, entity: Entity, condition: str) -> None:
    """Delete all versions of rows that are purged; the caller has noted the purge.

    Args:
        sql: The warehouse.
        entity: The table.
        condition: Which versions, as SQL over the columns of the key.
    """
    if entity.name in histories(sql):
        sql.execute_sql(f"DELETE FROM {table(sql, history_name(entity.name))} WHERE {condition}")


class _Statements:
    """The statements that `record` runs; DuckDB and PostgreSQL accept all of them."""

    def __init__(
        self, sql: Sql, entity: Entity, shape: Shape, moment: datetime, load_id: str
    ) -> None:
        self._sql, self._entity, self._shape = sql, entity, shape
        self._base, self._history = table(sql, entity.name), table(sql, history_name(entity.name))
        self._quote, self._moment = sql.escape_column_name, _literal(moment)
        self._limit = f" AND t._dlt_load_id = {quoted(load_id)}" if load_id else ""

    def find(self) -> str:
        """Find rows that have no current version, or one with another hash.

        A hash of 0 in the table marks a row that the next load reads again.
        """
        key = ", ".join(map(self._quote, self._entity.key))
        return (
            f"CREATE TEMP TABLE {FOUND} AS SELECT t._dlt_id FROM {self._base} t LEFT JOIN "
            f"(SELECT {key}, _row_hash FROM {self._history} WHERE _is_current) AS h "
            f"ON {self._same('h', 't')} WHERE t._deleted_at IS NULL{self._limit} "
            f"AND (h.{self._quote(self._entity.key[0])} IS NULL "
            "OR (t._row_hash <> 0 AND h._row_hash <> t._row_hash))"
        )

    def make(self) -> str:
        """Collect the content of these rows, with each list as JSON."""
        shown = [f"t.{self._quote(name)}" for name in self._shape.columns]
        joins = []
        for place, (name, columns) in enumerate(self._shape.lists.items()):
            source = table(self._sql, f"{self._entity.name}__{name}")
            link = self._shape.links[name]
            shown.append(f"l{place}.items AS {self._quote(name)}")
            joins.append(
                f"LEFT JOIN (SELECT i.{link} AS link, {self._items(columns)} AS items "
                f"FROM {source} i WHERE i.{link} IN (SELECT _dlt_id FROM {FOUND}) "
                f"GROUP BY i.{link}) AS l{place} ON l{place}.link = t._dlt_id"
            )
        return (
            f"CREATE TEMP TABLE {MADE} AS SELECT {', '.join(shown)} FROM {self._base} t "
            f"JOIN {FOUND} f ON f._dlt_id = t._dlt_id {' '.join(joins)}"
        )

    def _items(self, columns: Sequence[str]) -> str:
        """Return SQL for a list as JSON: of plain values, or of objects."""
        order = "ORDER BY i._dlt_list_idx"
        is_duckdb = dialect.speaks(self._sql) == dialect.DUCKDB
        if tuple(columns) == ("value",):
            return f"to_json(list(i.value {order}))" if is_duckdb else f"jsonb_agg(i.value {order})"
        names = ", ".join(f"{self._quote(name)} := i.{self._quote(name)}" for name in columns)
        if is_duckdb:
            return f"to_json(list(struct_pack({names}) {order}))"
        internal = "'{_dlt_id,_dlt_parent_id,_dlt_root_id,_dlt_list_idx,_dlt_load_id}'::text[]"
        return f"jsonb_agg(to_jsonb(i) - {internal} {order})"

    def adopt_hashes(self) -> str:
        """Update the hash of current versions whose content is the same."""
        differs = " OR ".join(
            f"h.{self._quote(name)} IS DISTINCT FROM v.{self._quote(name)}"
            for name in self._shape.content
        )
        return (
            f"UPDATE {self._history} AS h SET _row_hash = v._row_hash FROM {MADE} v "
            f"WHERE h._is_current AND {self._same('h', 'v')} AND NOT ({differs or 'FALSE'})"
        )

    def leave_out_same(self) -> str:
        """Remove the rows whose current version has the same content."""
        return (
            f"DELETE FROM {MADE} AS v USING {self._history} AS h WHERE h._is_current "
            f"AND {self._same('h', 'v')} AND h._row_hash = v._row_hash"
        )

    def end(self) -> str:
        """End the current versions of rows that have a new one."""
        return (
            f"UPDATE {self._history} AS h SET "
            f"_valid_to = greatest({self._moment}, h._valid_from), _is_current = FALSE "
            f"FROM {MADE} v WHERE h._is_current AND {self._same('h', 'v')}"
        )

    def begin(self) -> str:
        """Insert the new versions; each begins after the end of the one before."""
        names = [*map(self._quote, (*self._shape.columns, *self._shape.lists))]
        key = ", ".join(f"h.{self._quote(name)}" for name in self._entity.key)
        return (
            f"INSERT INTO {self._history} "
            f"({', '.join(names)}, _valid_from, _is_current, _dlt_id) "
            f"SELECT {', '.join(f'v.{name}' for name in names)}, "
            f"greatest({self._moment}, e.ended), TRUE, CAST(gen_random_uuid() AS VARCHAR) "
            f"FROM {MADE} v LEFT JOIN (SELECT {key}, max(h._valid_to) AS ended "
            f"FROM {self._history} h JOIN {MADE} n ON {self._same('h', 'n')} GROUP BY {key}) AS e "
            f"ON {self._same('e', 'v')}"
        )

    def end_deleted(self) -> str:
        """End the current versions of rows that are marked as deleted, at the time of the mark."""
        return (
            f"UPDATE {self._history} AS h SET "
            f"_valid_to = greatest(least(t._deleted_at, {self._moment}), h._valid_from), "
            f"_is_current = FALSE FROM {self._base} t WHERE h._is_current "
            f"AND {self._same('h', 't')} AND t._deleted_at IS NOT NULL{self._limit}"
        )

    def _same(self, one: str, other: str) -> str:
        return _same_key(self._sql, self._entity, one, other)


def _same_key(sql: Sql, entity: Entity, one: str, other: str) -> str:
    columns = map(sql.escape_column_name, entity.key)
    return " AND ".join(f"{one}.{column} = {other}.{column}" for column in columns)


def _literal(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.isoformat()}'"
