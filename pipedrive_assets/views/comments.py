"""What the comments on tables, columns and views contain: the descriptions of this project.

They quote nothing from rows, except the names of custom fields.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipedrive_assets.extract.custom_fields import ENDPOINT_OF
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import EVERY_TABLE, columns_of
from pipedrive_assets.rows.custom_fields.layouts import COERCION_FAILED_SUFFIX, layout_of
from pipedrive_assets.warehouse.history.history_table import history_name
from pipedrive_assets.warehouse.statements import Sql, table

DLT_COLUMNS: Mapping[str, str] = {
    "_dlt_id": "dlt's id of the row.",
    "_dlt_load_id": "dlt's id of the load that wrote the row; refers to _dlt_loads.load_id.",
    "_dlt_parent_id": "_dlt_id of the row that contains the list.",
    "_dlt_root_id": "_dlt_id of the row of the main table.",
    "_dlt_list_idx": "Position in the list, from 0.",
}
OPTION_COLUMNS: Mapping[str, str] = {"id": "Id of the option.", "label": "Label of the option."}
NAMING_COLUMNS = frozenset({"endpoint", "name", "normalized_name", "column_type"})
"""Columns of `custom_fields_mapping` without which no custom field has a comment."""


VERSION_TEXTS: Mapping[str, str] = {
    "_valid_from": "When a load found this version of the row, UTC.",
    "_valid_to": (
        "When a load found the next version, or when the row was deleted, UTC; null while the "
        "version is current."
    ),
    "_is_current": "Whether this is the current version of a row that is not deleted.",
    "_dlt_id": "Id of the version.",
}

CustomFields = Mapping[str, Mapping[str, str]]
"""The text for each column of a custom field, by entity."""


def comments(sql: Sql, columns: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], str]:
    """Return the comments by table and column; the column is empty for the table itself.

    Args:
        sql: The warehouse.
        columns: The columns of each table that exists.
    """
    has_mapping = {*columns.get("custom_fields_mapping", ())} >= NAMING_COLUMNS
    return descriptions(columns, _custom_fields(sql) if has_mapping else {})


def history_comments(
    histories: Mapping[str, Iterable[str]], texts: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], str]:
    """Return the comments of histories: those of their tables, and of the columns of versions.

    Args:
        histories: The columns of each history, by the name of its table.
        texts: The comments of the tables.
    """
    found: dict[tuple[str, str], str] = {}
    for table_name, columns in histories.items():
        name = history_name(table_name)
        found[name, ""] = f"Every version of the rows of {table_name}, since PIPEDRIVE_HISTORY."
        for column in columns:
            of_list = texts.get((f"{table_name}__{column}", ""), "")
            text = VERSION_TEXTS.get(column) or texts.get((table_name, column)) or of_list
            if text:
                found[name, column] = text
    return found


def descriptions(
    columns: Mapping[str, Sequence[str]], fields: CustomFields
) -> dict[tuple[str, str], str]:
    """Return the texts by table and column; the column is empty for the table itself.

    Args:
        columns: The columns of each table.
        fields: The custom fields.
    """
    found: dict[tuple[str, str], str] = {}
    for name, held in columns.items():
        root, _, nested = name.partition("__")
        if root not in BY_NAME:
            continue
        own = fields.get(ENDPOINT_OF.get(BY_NAME[root].fields or "", ""), {})
        found[name, ""] = _of_table(root, nested, own)
        extra = (OPTION_COLUMNS if nested in own else {}) if nested else own
        known = {**dict(_known_columns(root, nested)), **DLT_COLUMNS, **extra}
        found.update(
            {(name, column): text for column in held if (text := _of_column(column, known))}
        )
    return found


def _of_table(root: str, nested: str, own: Mapping[str, str]) -> str:
    if not nested:
        return BY_NAME[root].description
    return f"The list {nested} of {root}. {own.get(nested, '')}".strip()


def _known_columns(root: str, nested: str) -> Iterator[tuple[str, str]]:
    declared = columns_of(root)
    columns = declared.lists.get(nested, {}) if nested else {**EVERY_TABLE, **declared.columns}
    for name, column in columns.items():
        if column.description:
            yield name, column.description


def _of_column(column: str, known: Mapping[str, str]) -> str:
    stem = column.removesuffix(COERCION_FAILED_SUFFIX)
    if stem != column:
        return f"The value of {stem} as text, where it does not have the type of {stem}."
    return known.get(column, "")


def _custom_fields(sql: Sql) -> dict[str, dict[str, str]]:
    """Return the text for each column of a custom field, by entity."""
    rows = sql.execute_sql(
        "SELECT endpoint, name, normalized_name, column_type "
        f"FROM {table(sql, 'custom_fields_mapping')}"
    )
    found: dict[str, dict[str, str]] = {}
    for endpoint, label, name, kind in rows or ():
        text = f"Custom field: {label}"
        found.setdefault(endpoint, {}).update(dict.fromkeys(layout_of(kind).names(name), text))
    return found
