"""Labels of built-in options in the readable views, as Pipedrive's field definitions list them.

The definitions are in the table `fields`; the labels of leads are in `lead_labels`. An option that
no definition lists is shown as its id.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipedrive_assets.extract.custom_fields import ENDPOINT_OF
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.readable_queries import View
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import Sql, table

LABELS = ("label_ids", "label")
"""Names under which the field definitions list labels."""

TYPES = ("enum", "set", "visible_to")
"""Types of built-in fields whose values are option ids."""

NAMED = frozenset({"type", *LABELS})
"""Fields that a view names in another way."""

READ = frozenset({"entity", "field_code", "field_type", "is_custom_field", "options"})
"""Columns of `fields` without which no label is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionColumn:
    """A column with labels.

    Attributes:
        name: The name of the column.
        value: Its SQL.
        join: The join that it needs.

    In both, `{row}` becomes the alias of the view's table, and other `{name}` become tables.
    """

    name: str
    value: str
    join: str


def option_columns(sql: Sql, view: View, columns: Mapping[str, list[str]]) -> list[OptionColumn]:
    """Return the columns with labels of a view, those of `view.options` first.

    Args:
        sql: The warehouse.
        view: The readable view.
        columns: The columns of each table that exists.

    Returns:
        The columns to add to the view.
    """
    if not view.options:
        return []
    base, held = view.base, set(columns[view.base])
    has_fields = set(columns.get("fields", ())) >= READ
    others = _other_fields(sql, base) if has_fields else ()
    found = []
    for number, code in enumerate(dict.fromkeys((*view.options, *others))):
        options = _options(sql, base, code, has_fields=has_fields)
        alias = f"option_{number}"
        if f"{base}__{code}" in columns:
            found.append(_of_list(_free_name(code, held), f"{base}__{code}", options, alias))
        elif code in held:
            found.append(_of_value(_free_name(code, held), code, options, alias))
        elif code in LABELS:
            # No row has a label yet, so the table of labels does not exist.
            name = _free_name(code, held)
            found.append(OptionColumn(name=name, value="CAST(NULL AS VARCHAR)", join=""))
    return found


def option_column_name(code: str) -> str:
    """Return the name of the column with the labels of a field, for example `channel_label`."""
    return "labels" if code in LABELS else f"{code}_label"


def _free_name(code: str, held: Collection[str]) -> str:
    """Return the column's name, or another if a custom field has it."""
    name = option_column_name(code)
    return f"option_{name}" if name in held else name


def _other_fields(sql: Sql, base: str) -> list[str]:
    """Return further built-in fields with options that the definitions list."""
    types = ", ".join(f"'{each}'" for each in TYPES)
    rows = sql.execute_sql(
        f"SELECT field_code FROM {table(sql, 'fields')} WHERE entity = %s "
        f"AND NOT is_custom_field AND field_type IN ({types}) AND options IS NOT NULL ORDER BY 1",
        _endpoint(base),
    )
    return [row[0] for row in rows or () if row[0] not in NAMED]


def _endpoint(base: str) -> str:
    return ENDPOINT_OF[BY_NAME[base].fields or ""]


def _options(sql: Sql, base: str, code: str, *, has_fields: bool) -> str:
    """Return a query of `id` and `label`, one row per option."""
    if base == "leads" and code in LABELS:
        return "(SELECT id, name AS label FROM {lead_labels})"
    if not has_fields:
        return "(SELECT '' AS id, '' AS label WHERE 1 = 0)"
    literal = sql.capabilities.escape_literal
    codes = ", ".join(literal(each) for each in (LABELS if code in LABELS else (code,)))
    source = f"{{fields}} f WHERE f.entity = '{_endpoint(base)}' AND f.field_code IN ({codes})"
    return dialect.options(sql, "f.options", source)


def _of_value(name: str, code: str, options: str, alias: str) -> OptionColumn:
    value = f"CAST({{row}}.{code} AS VARCHAR)"
    return OptionColumn(
        name=name,
        value=f"coalesce({alias}.label, {value})",
        join=f"LEFT JOIN {options} {alias} ON {alias}.id = {value}",
    )


def _of_list(name: str, values: str, options: str, alias: str) -> OptionColumn:
    """Return the labels of a list, separated by commas, in the list's order."""
    value = "CAST(v.value AS VARCHAR)"
    labels = (
        f"SELECT v._dlt_parent_id AS row_id, "
        f"string_agg(coalesce(o.label, {value}), ', ' ORDER BY v._dlt_list_idx) AS labels "
        f"FROM {{{values}}} v LEFT JOIN {options} o ON o.id = {value} GROUP BY 1"
    )
    return OptionColumn(
        name=name,
        value=f"{alias}.labels",
        join=f"LEFT JOIN ({labels}) {alias} ON {alias}.row_id = {{row}}._dlt_id",
    )
