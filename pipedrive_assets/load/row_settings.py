"""Adapts tables to changes of PIPEDRIVE_HASH_COLUMNS and PIPEDRIVE_ROW_FILTER.

The ledger table `_pipedrive_row_settings` has the settings with which each table was loaded.
Callers of this module hold the warehouse lock.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.extract.chunk import batches
from pipedrive_assets.load.migrate import forget_progress
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.layouts import COERCION_FAILED_SUFFIX
from pipedrive_assets.rows.hashing import hash_columns, hashed, hashed_places, key_check
from pipedrive_assets.warehouse.cleanup import note_purge
from pipedrive_assets.warehouse.history.history_table import histories, history_name
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS, all_columns
from pipedrive_assets.warehouse.statements import Sql, table, tuples

log = logging.getLogger(__name__)

LEDGER = "_pipedrive_row_settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The settings with which a table was loaded.

    Attributes:
        hashed: The hashed columns.
        check: The check value of the key; empty if no column was ever hashed.
        row_filter: The conditions, as text.
    """

    hashed: frozenset[str] = frozenset()
    check: str = ""
    row_filter: str = ""


def adapt(sql: Sql, entities: Sequence[Entity]) -> bool:
    """Adapt tables to the settings, and record these.

    Newly hashed columns are hashed in the rows that the table has. If a column is no longer hashed,
    or if the filter changes, the next load reads the table from its start.

    Args:
        sql: The warehouse, whose ledger exists.
        entities: The tables that will be loaded.

    Returns:
        Whether values were replaced, so that the file has to be rewritten.

    Raises:
        ConfigurationError: The key differs from the one that the warehouse was hashed with.
    """
    known = _read(sql)
    for entity in entities:
        _check_key(entity, known.values())
    replaced = False
    for entity in entities:
        before = known.get(entity.name, Held())
        check = key_check(entity.hash_key) if entity.hashed else before.check
        now = Held(hashed=entity.hashed, check=check, row_filter=filter_text(entity))
        if now == before:
            continue
        with sql.begin_transaction():
            if fresh := now.hashed - before.hashed:
                replaced = _hash_held(sql, entity, fresh) or replaced
            _read_again(sql, entity, before, now)
            _record(sql, entity, now)
    return replaced


def filter_text(entity: Entity) -> str:
    """Return the conditions of a table as text."""
    return " and ".join(map(str, entity.row_filter))


def _check_key(entity: Entity, known: Iterable[Held]) -> None:
    if entity.hashed and any(
        each.check and each.check != key_check(entity.hash_key) for each in known
    ):
        raise ConfigurationError(
            "PIPEDRIVE_HASH_KEY is not the key with which this warehouse was loaded, so equal "
            "values would get different hashes. Nothing was written. Set the earlier key, or load "
            "into a new PIPEDRIVE_WAREHOUSE or PIPEDRIVE_DATASET."
        )


def _read_again(sql: Sql, entity: Entity, before: Held, now: Held) -> None:
    """Forget up to where a table was read, if rows or values are wanted that it does not have."""
    unhashed = before.hashed - now.hashed
    if unhashed and entity.name in all_columns(sql):
        sql.execute_sql(f"UPDATE {table(sql, entity.name)} SET _row_hash = 0")
    if not (unhashed or now.row_filter != before.row_filter):
        return
    if sql.execute_sql(
        f"SELECT 1 FROM {table(sql, '_pipedrive_coverage')} WHERE entity = %s", entity.name
    ):
        forget_progress(sql, entity)
        log.warning(
            "%s: PIPEDRIVE_ROW_FILTER or PIPEDRIVE_HASH_COLUMNS has changed; the table is read "
            "from its start again. Filter before: %s. Filter now: %s.",
            *(entity.name, before.row_filter or "none", now.row_filter or "none"),
        )


def _hash_held(sql: Sql, entity: Entity, names: frozenset[str]) -> bool:
    """Hash the values that a table has; return whether there were any."""
    columns, found = all_columns(sql), False
    for name, column in hashed_places(entity, names):
        if column not in columns.get(name, ()):
            continue
        place, quoted = table(sql, name), sql.escape_column_name(column)
        rows = sql.execute_sql(
            f"SELECT DISTINCT {quoted} FROM {place} WHERE {quoted} IS NOT NULL AND {quoted} <> ''"
        )
        values = [row[0] for row in rows or ()]
        if values:
            note_purge(sql, name)
            found = True
        _replace(sql, place, quoted, {value: hashed(entity.hash_key, value) for value in values})
    found = _hash_versions(sql, entity, names) or found
    if found:
        log.warning("%s: hashed the loaded values of %s", entity.name, ", ".join(sorted(names)))
    return found


def _replace(sql: Sql, place: str, column: str, pairs: Mapping[str, str], kind: str = "") -> None:
    """Replace the values of a column.

    Args:
        sql: The warehouse.
        place: The qualified name of the table.
        column: The column, quoted.
        pairs: The new text of each value.
        kind: The type of the column; empty: text.
    """
    old = f"CAST({column} AS VARCHAR)" if kind else column
    new = f"CAST(pair.new_value AS {kind})" if kind else "pair.new_value"
    for some in batches([*pairs.items()], STATEMENT_ROWS):
        rows, given = tuples(some)
        sql.execute_sql(
            f"UPDATE {place} SET {column} = {new} "
            f"FROM (VALUES {rows}) AS pair(old_value, new_value) WHERE {old} = pair.old_value",
            *given,
        )


def _hash_versions(sql: Sql, entity: Entity, names: frozenset[str]) -> bool:
    """Hash the values that the history of a table has; return whether there were any."""
    held, fresh = histories(sql).get(entity.name, {}), replace(entity, hashed=names)
    place, lists, found = (
        table(sql, history_name(entity.name)),
        columns_of(entity.name).lists,
        False,
    )
    for column in held.keys() & {*names, *(f"{name}{COERCION_FAILED_SUFFIX}" for name in names)}:
        quoted = sql.escape_column_name(column)
        rows = sql.execute_sql(
            f"SELECT DISTINCT CAST({quoted} AS VARCHAR) FROM {place} WHERE {quoted} IS NOT NULL"
        )
        pairs = {}
        for (text,) in rows or ():
            row = {column: json.loads(text) if column in lists else text}
            hash_columns(fresh, row)
            pairs[text] = (
                json.dumps(row[column], ensure_ascii=False, separators=(",", ":"))
                if column in lists
                else row[column]
            )
        if pairs:
            note_purge(sql, entity.name)
            found = True
            _replace(sql, place, quoted, pairs, held[column] if column in lists else "")
    return found


def _read(sql: Sql) -> dict[str, Held]:
    rows = sql.execute_sql(
        f"SELECT entity, hashed, hash_check, row_filter FROM {table(sql, LEDGER)}"
    )
    return {
        name: Held(
            hashed=frozenset(json.loads(columns or "[]")),
            check=check or "",
            row_filter=conditions or "",
        )
        for name, columns, check, conditions in rows or ()
    }


def _record(sql: Sql, entity: Entity, held: Held) -> None:
    sql.execute_sql(f"DELETE FROM {table(sql, LEDGER)} WHERE entity = %s", entity.name)
    sql.execute_sql(
        f"INSERT INTO {table(sql, LEDGER)} VALUES (%s, %s, %s, %s)",
        *(entity.name, json.dumps(sorted(held.hashed)), held.check, held.row_filter),
    )
