"""Finds out how the fields of a table have changed since its last complete load.

The ledger table `_pipedrive_fields` has the fields as of that load. Callers of this module hold the
warehouse lock.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from pipedrive_assets.extract.memory import read_from_start
from pipedrive_assets.load.frozen import Frozen, has_column
from pipedrive_assets.load.ledger_memory import LedgerMemory
from pipedrive_assets.load.stale_parents import restart
from pipedrive_assets.registry import Entity, Kind
from pipedrive_assets.rows.columns import EVERY_TABLE, WAREHOUSE_COLUMNS, columns_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.custom_fields.map_fields import MappingRow
from pipedrive_assets.warehouse.statements import Sql, columns_in, table, table_exists, transaction

LEDGER = "_pipedrive_fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields of a table.

    Attributes:
        custom: The labels of the custom fields that exist in Pipedrive, by key.
        columns: The columns of the table that neither this project nor a custom field defines:
            Pipedrive has added a field, or a value did not have the type of its column.
        left_out: Fields that the policy `freeze` does not load.
        without_column: Keys of the custom fields that have no column because of that policy.
    """

    custom: Mapping[str, str] = field(default_factory=dict)
    columns: Collection[str] = ()
    left_out: Collection[str] = ()
    without_column: Collection[str] = ()


def restart_unfrozen(sql: Sql, entities: Iterable[Entity]) -> None:
    """Have tables that are no longer frozen read again, so that their new columns get values.

    Args:
        sql: The warehouse.
        entities: The tables, with their policies.
    """
    rows = sql.execute_sql(f"SELECT entity, fields FROM {table(sql, LEDGER)}")
    noted = {name: Fields(**json.loads(text)) for name, text in rows or ()}
    for entity in entities:
        fields = noted.get(entity.name, Fields())
        if entity.schema_policy == "freeze" or not (fields.left_out or fields.without_column):
            continue
        kept = replace(fields, left_out=(), without_column=())
        with transaction(sql):
            if entity.kind is Kind.WINDOWED:
                read_from_start(LedgerMemory(sql, entity), [each.path for each in entity.endpoints])
            elif entity.kind is Kind.CHILD:
                restart(sql, entity)
            sql.execute_sql(
                f"UPDATE {table(sql, LEDGER)} SET fields = %s WHERE entity = %s",
                *(json.dumps(asdict(kept)), entity.name),
            )


def note_changes(
    sql: Sql, entity: Entity, custom: FieldSet | None, held: Frozen | None, now: datetime
) -> tuple[str, ...]:
    """Record the fields of a table that was loaded completely, and return what has changed.

    Args:
        sql: The warehouse.
        entity: The table.
        custom: All custom fields of the table; None if it has none.
        held: What the table may contain; None: anything.
        now: The current time, UTC.

    Returns:
        A sentence per new, renamed or removed field; none on the first call for a table.
    """
    rows = sql.execute_sql(
        f"SELECT fields FROM {table(sql, LEDGER)} WHERE entity = %s", entity.name
    )
    before = Fields(**json.loads(rows[0][0])) if rows else None
    after = Fields(
        custom={row.hash_string: row.name for row in _existing(custom)},
        columns=sorted(_added_columns(sql, entity, custom)),
        left_out=sorted({*held.removed, *(before.left_out if before else ())}) if held else [],
        without_column=[row.hash_string for row in _existing(custom) if not has_column(held, row)],
    )
    if after != before:
        with transaction(sql):
            sql.execute_sql(f"DELETE FROM {table(sql, LEDGER)} WHERE entity = %s", entity.name)
            sql.execute_sql(
                f"INSERT INTO {table(sql, LEDGER)} VALUES (%s, %s, %s)",
                *(entity.name, json.dumps(asdict(after)), now),
            )
    return tuple(_changes(entity, before, after, custom, held)) if before else ()


def _existing(custom: FieldSet | None) -> list[MappingRow]:
    return [row for row in custom.rows if row.gone_at is None] if custom else []


def _added_columns(sql: Sql, entity: Entity, custom: FieldSet | None) -> set[str]:
    known = {
        *columns_of(entity.name).columns,
        *EVERY_TABLE,
        *WAREHOUSE_COLUMNS.get(entity.name, ()),
    }
    known |= custom.columns.keys() if custom else set()
    held = columns_in(sql, entity.name) if table_exists(sql, entity.name) else set()
    return {name for name in held - known if not name.startswith("_")}


def _changes(
    entity: Entity, before: Fields, after: Fields, custom: FieldSet | None, held: Frozen | None
) -> Iterator[str]:
    """Yield a sentence per changed field, first the custom ones."""
    for row in _existing(custom):
        earlier = before.custom.get(row.hash_string)
        if earlier is None:
            place = (
                f"Its column is {row.normalized_name}."
                if has_column(held, row)
                else "The policy freeze adds no column, so its values are in custom_fields."
            )
            yield f"{entity.name} has a new custom field {row.name!r}. {place}"
        elif earlier != row.name:
            yield (
                f"{entity.name}: the custom field {earlier!r} is now called {row.name!r}. Its "
                f"column is still {row.normalized_name}."
            )
    for code in sorted(before.custom.keys() - after.custom.keys()):
        yield (
            f"{entity.name}: the custom field {before.custom[code]!r} was removed in Pipedrive. "
            "Its column keeps the values, except in rows that are read again."
        )
    for name in sorted({*after.columns} - {*before.columns}):
        yield f"{entity.name} has a new column {name}."
    for name in sorted({*after.left_out} - {*before.left_out}):
        yield (
            f"{entity.name}: Pipedrive returns a new field {name}. The policy freeze does not load "
            "it."
        )
