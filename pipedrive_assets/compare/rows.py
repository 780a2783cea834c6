"""The rows of a table as they are compared: its columns, and each of its lists as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.catalog import Relation
from pipedrive_assets.warehouse.dialect import identifier, quoted
from pipedrive_assets.warehouse.history.history_table import VERSION_COLUMNS, history_name

NESTED = "__"
IGNORED = frozenset({"_dlt_id", "_dlt_load_id", "_row_hash"})
"""Columns that differ between loads of the same record."""

DELETED = "_deleted_at"
"""When a load noticed a deletion depends on the load: only whether it is set is compared."""

ROOT = "_dlt_root_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """A table of one side.

    Attributes:
        name: The table's name.
        key: The columns of its key.
        columns: The type of each column that is compared; lists are text.
        personal: Columns with personal data.
        query: SQL that returns these columns, and `is_there`.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    personal: frozenset[str]
    query: str


def table_rows(name: str, relations: Mapping[str, Relation], schema: str) -> TableRows:
    """Return the rows of a table.

    Args:
        name: The table's name.
        relations: The tables that the side has; this one may be missing.
        schema: The qualified and quoted schema.

    Returns:
        The rows; none if the side does not have the table.
    """
    key = BY_NAME[name].key
    if name not in relations:
        nothing = "SELECT true AS is_there WHERE false"
        return TableRows(name=name, key=key, columns={}, personal=frozenset(), query=nothing)
    relation = relations[name]
    lists = [
        each
        for each in relations.values()
        if each.name.startswith(f"{name}{NESTED}") and not each.is_view and ROOT in each.columns
    ]
    plain = {each: kind for each, kind in relation.columns.items() if each not in IGNORED}
    shown = [_shown(each) for each in plain]
    shown += [f"{_alias(each)}.items AS {identifier(_alias_name(each))}" for each in lists]
    joins = "".join(
        f" LEFT JOIN {_items(each, schema)} ON {_alias(each)}.root = t._dlt_id" for each in lists
    )
    return TableRows(
        name=name,
        key=key,
        columns={**plain, **{_alias_name(each): "VARCHAR" for each in lists}},
        personal=relation.personal | {_alias_name(each) for each in lists if each.personal},
        query=(
            f"SELECT {', '.join(shown)}, true AS is_there FROM {schema}.{identifier(name)} t{joins}"
        ),
    )


def version_rows(
    name: str, relations: Mapping[str, Relation], schema: str, moment: datetime | None
) -> TableRows:
    """Return the rows of a table as its history has them at a moment.

    Args:
        name: The table's name.
        relations: The tables that the side has, with the history.
        schema: The qualified and quoted schema.
        moment: The moment, UTC; None: now.

    Returns:
        The rows, without deleted ones.
    """
    relation = relations[history_name(name)]
    ignored = IGNORED | VERSION_COLUMNS.keys()
    columns = {each: kind for each, kind in relation.columns.items() if each not in ignored}
    at = "" if moment is None else quoted(moment.isoformat())
    valid = (
        f"_valid_from <= {at}::TIMESTAMPTZ AND (_valid_to IS NULL OR {at}::TIMESTAMPTZ < _valid_to)"
        if at
        else "_valid_to IS NULL"
    )
    return TableRows(
        name=name,
        key=BY_NAME[name].key,
        columns=columns,
        personal=relation.personal,
        query=(
            f"SELECT {', '.join(map(identifier, columns))}, true AS is_there "
            f"FROM {schema}.{identifier(relation.name)} WHERE {valid}"
        ),
    )


def _shown(column: str) -> str:
    name = identifier(column)
    return f"t.{name} IS NOT NULL AS {name}" if column == DELETED else f"t.{name}"


def _alias_name(relation: Relation) -> str:
    return relation.name.partition(NESTED)[2]


def _alias(relation: Relation) -> str:
    return identifier(relation.name)


def _items(relation: Relation, schema: str) -> str:
    """Return a subquery with the items of a list as one JSON text per row."""
    fields = [name for name in relation.columns if not name.startswith("_dlt")]
    item = f"json_object({_pairs(fields)})"
    return (
        f"(SELECT {ROOT} AS root, "
        f"CAST(to_json(list({item} ORDER BY _dlt_list_idx, {item})) AS VARCHAR) AS items "
        f"FROM {schema}.{identifier(relation.name)} GROUP BY 1) {_alias(relation)}"
    )


def _pairs(fields: Sequence[str]) -> str:
    quote = "'"
    return ", ".join(
        f"{quote}{name.replace(quote, quote * 2)}{quote}, {identifier(name)}"
        for name in sorted(fields)
    )
