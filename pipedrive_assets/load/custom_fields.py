"""Stores the custom field mapping of the account in the table `custom_fields_mapping`.

The order of commits is: new option labels in loaded rows, the mapping, rows that use the mapping.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipedrive_assets.extract.custom_fields import Update, entities_with, stored_record
from pipedrive_assets.extract.memory import read_from_start
from pipedrive_assets.load import merge
from pipedrive_assets.load.erase import erased_list
from pipedrive_assets.load.ledger_memory import LedgerMemory
from pipedrive_assets.load.merge import Commit, Written
from pipedrive_assets.load.step import Step
from pipedrive_assets.registry import BY_NAME, Entity, Kind
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.map_fields import (
    NESTED,
    LabelChange,
    MappingRow,
    label_changes,
    parse_mapping_record,
)
from pipedrive_assets.rows.redaction import LABELS, Redactor
from pipedrive_assets.warehouse.statements import Sql, columns_in, table, table_exists
from pipedrive_assets.warehouse.warehouse import Warehouse

MAPPING_TABLE = "custom_fields_mapping"


class WarehouseMapping:
    """A `MappingStore` that keeps the mapping in the warehouse."""

    def __init__(self, warehouse: Warehouse, step: Step) -> None:
        self._warehouse, self._step = warehouse, step

    def release(self) -> None:
        """Release the warehouse file while the caller waits for Pipedrive."""
        self._warehouse.release()

    def update(self, updates: Mapping[str, Update]) -> dict[str, list[MappingRow]]:
        """Apply updates to the mapping and commit the changes.

        Labels in rows that are already loaded are changed before the mapping is committed: if the
        run is killed in between, the next run repeats the change.

        Args:
            updates: By Pipedrive entity, for example `deal`: a function from the stored mapping
                to the new one.

        Returns:
            The new mapping of each entity.
        """
        known: dict[str, list[MappingRow]] = {}
        mappings: dict[str, list[MappingRow]] = {}
        with self._warehouse.table_lock(MAPPING_TABLE), self._warehouse.exclusive():
            with self._warehouse.sql() as sql:
                redactor = erased_list.redactor(sql)
                for endpoint, update in updates.items():
                    known[endpoint] = stored_mapping(sql, endpoint)
                    updated = update(known[endpoint])
                    mappings[endpoint] = [_without_erased(row, redactor) for row in updated]
            self._store(known, mappings)
        return mappings

    def _store(
        self, known: Mapping[str, list[MappingRow]], mappings: Mapping[str, list[MappingRow]]
    ) -> None:
        changed = [row for name, rows in mappings.items() for row in rows if row not in known[name]]
        if not changed:
            return
        self._step.keep_replies()
        with self._step.transaction(self._warehouse) as sql:
            for endpoint, rows in mappings.items():
                fresh = [row for row in rows if row.hash_string not in _keys(known[endpoint])]
                for entity in entities_with(endpoint):
                    for change in label_changes(known[endpoint], rows):
                        relabel(sql, entity, change)
                    read_again(sql, entity, fresh)
        records, commit = [stored_record(row) for row in changed], Commit(step=self._step)
        merge.commit_rows(
            self._warehouse, BY_NAME[MAPPING_TABLE], records, Written(), commit=commit
        )


def _without_erased(row: MappingRow, redactor: Redactor | None) -> MappingRow:
    """Return the row with `***` in place of names of erased persons in its option labels."""
    if redactor is None:
        return row
    return replace(row, options=redactor.redact_cell(MAPPING_TABLE, LABELS, row.options))


def stored_mapping(sql: Sql, endpoint: str) -> list[MappingRow]:
    """Return the stored mapping of a Pipedrive entity, for example `deal`."""
    if not table_exists(sql, MAPPING_TABLE):
        return []
    names = list(columns_of(MAPPING_TABLE).columns)
    wanted = ", ".join(sql.escape_column_name(name) for name in names)
    rows = sql.execute_sql(
        f"SELECT {wanted} FROM {table(sql, MAPPING_TABLE)} WHERE endpoint = %s", endpoint
    )
    records = (dict(zip(names, row, strict=True)) for row in rows or ())
    return sorted(
        (parse_mapping_record(record) for record in records), key=lambda row: row.hash_string
    )


def _keys(rows: Iterable[MappingRow]) -> set[str]:
    return {row.hash_string for row in rows}


def read_again(sql: Sql, entity: Entity, fresh: Sequence[MappingRow]) -> None:
    """Reset a table's watermark if its rows have values of fields that were unknown until now.

    Pipedrive may refuse the custom field definitions or return none by mistake, while it returns
    the rows. The values are then stored under `custom_fields`, and no incremental load returns
    these rows again. If settings exclude that column, nothing shows which rows have values of a
    new field, so all rows are read again.

    Args:
        sql: The warehouse.
        entity: The table.
        fresh: The fields that were added to the mapping.
    """
    if not fresh or entity.kind is not Kind.WINDOWED or not table_exists(sql, entity.name):
        return
    paths = [endpoint.path for endpoint in entity.endpoints]
    if NESTED not in columns_in(sql, entity.name):
        read_from_start(LedgerMemory(sql, entity), paths)
        return
    column = f"CAST({sql.escape_column_name(NESTED)} AS VARCHAR)"
    held = " OR ".join([f"strpos({column}, %s) > 0"] * len(fresh))
    rows = sql.execute_sql(
        f"SELECT count(*) FROM {table(sql, entity.name)} WHERE {held}",
        *(row.hash_string for row in fresh),
    )
    if rows and rows[0][0]:
        read_from_start(LedgerMemory(sql, entity), paths)


def relabel(sql: Sql, entity: Entity, change: LabelChange) -> None:
    """Update the label of a renamed option in the rows of a table.

    Args:
        sql: The warehouse.
        entity: The table.
        change: The custom field, the option and its new label.
    """
    name = change.row.normalized_name
    if not table_exists(sql, entity.name) or name not in columns_in(sql, entity.name):
        return
    if change.row.column_type == "enum":
        sql.execute_sql(
            f"UPDATE {table(sql, entity.name)} SET {sql.escape_column_name(name)} = %s "
            f"WHERE {sql.escape_column_name(f'{name}_id')} = %s",
            change.after,
            int(change.option_id),
        )
    elif change.row.column_type == "set":
        _relabel_set(sql, entity, change)


def _relabel_set(sql: Sql, entity: Entity, change: LabelChange) -> None:
    name, option = change.row.normalized_name, int(change.option_id)
    labels, ids = sql.escape_column_name(name), sql.escape_column_name(f"{name}_ids")
    key = sql.escape_column_name(entity.key[0])
    rows = sql.execute_sql(
        f"SELECT {key}, {labels}, {ids} FROM {table(sql, entity.name)} WHERE {ids} IS NOT NULL"
    )
    for row_key, old, chosen in rows or ():
        options = _list(chosen)
        if option in options:
            new = [
                change.after if each == option else label
                for each, label in zip(options, _list(old), strict=False)
            ]
            sql.execute_sql(
                f"UPDATE {table(sql, entity.name)} SET {labels} = %s WHERE {key} = %s",
                json.dumps(new, ensure_ascii=False),
                row_key,
            )
    child = f"{entity.name}__{name}_labels"
    if table_exists(sql, child):
        sql.execute_sql(
            f"UPDATE {table(sql, child)} SET label = %s WHERE id = %s", change.after, option
        )


def _list(value: Any) -> list[Any]:
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, list) else []
