"""Which columns of tables and views have personal data.

The column files tag the columns that Pipedrive documents. Other columns are personal unless it is
certain that they have no free text: values of custom fields, and columns that this version does not
have a description for.
"""

from collections.abc import Iterator, Mapping

from pipedrive_assets.extract.custom_fields import ENDPOINT_OF
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.layouts import CHOICE_COLUMNS, LAYOUTS, layout_of
from pipedrive_assets.views.comments import DLT_COLUMNS, NAMING_COLUMNS
from pipedrive_assets.views.readable_columns import PERSONAL_VIEW_COLUMNS, VIEW_COLUMNS
from pipedrive_assets.views.readable_queries import VIEWS
from pipedrive_assets.views.sql import DERIVED_TABLES
from pipedrive_assets.warehouse.statements import Sql, table

FREE_TEXT = frozenset({"varchar", "varchar_auto", "text", "phone", "address"})
"""Types of custom fields whose values can name or describe a person."""

RAW_FIELDS = "custom_fields"
"""The column with the values of all custom fields that have no column of their own."""

LABEL = "_label"
SUFFIXES = ("_live", "_history")
"""Suffixes of views and tables that have the columns of the table before the suffix."""

FACTS = ("BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIME", "DECIMAL", "NUMERIC", "HUGEINT")
"""How the names of types begin whose values are no text."""

MASK = "•••"
"""What replaces personal texts."""

CustomTypes = Mapping[str, Mapping[str, str]]
"""The type of the custom field of each column, by entity of the fields."""


def custom_types(sql: Sql, columns: Mapping[str, Mapping[str, str]]) -> CustomTypes:
    """Read the types of custom fields.

    Args:
        sql: The warehouse.
        columns: The columns of each table that exists.

    Returns:
        The type of the custom field of each column, by entity of the fields.
    """
    if not {*columns.get("custom_fields_mapping", ())} >= NAMING_COLUMNS:
        return {}
    rows = sql.execute_sql(
        f"SELECT endpoint, normalized_name, column_type FROM {table(sql, 'custom_fields_mapping')}"
    )
    found: dict[str, dict[str, str]] = {}
    for endpoint, name, kind in rows or ():
        found.setdefault(endpoint, {}).update(dict.fromkeys(layout_of(kind).names(name), kind))
    return found


def base_of(name: str) -> str:
    """Return the table whose columns a table or view has, for example `deals` for `deals_live`."""
    for view in VIEWS:
        if view.name == name:
            return view.base
    for suffix in SUFFIXES:
        if name.removesuffix(suffix).partition("__")[0] in BY_NAME:
            name = name.removesuffix(suffix)
    return name


def personal_columns(name: str, columns: Mapping[str, str], custom: CustomTypes) -> frozenset[str]:
    """Return the columns of a table or view that have personal data.

    Args:
        name: The table or view.
        columns: The type of each column, as the database names it.
        custom: The types of custom fields.

    Returns:
        The columns.
    """
    known = dict(_known(name, custom))
    return frozenset(
        column for column, kind in columns.items() if _is_personal(column, kind, known)
    )


def _is_personal(column: str, kind: str, known: Mapping[str, bool]) -> bool:
    if column in known:
        return known[column]
    if column.endswith(LABEL):
        return known.get(column.removesuffix(LABEL), True)
    return not kind.upper().startswith(FACTS)


def _known(name: str, custom: CustomTypes) -> Iterator[tuple[str, bool]]:
    """Yield each column that is described, and whether it has personal data."""
    yield from dict.fromkeys(DLT_COLUMNS, False).items()
    for derived in DERIVED_TABLES:
        if derived.name == name:
            yield from ((each, column.personal) for each, column in derived.columns.items())
    root, _, nested = base_of(name).partition("__")
    if root not in BY_NAME:
        return
    declared = columns_of(root)
    own = custom.get(ENDPOINT_OF.get(BY_NAME[root].fields or "", ""), {})
    if nested:
        items = declared.lists.get(nested, {})
        yield from dict.fromkeys(CHOICE_COLUMNS if nested in own else (), False).items()
    else:
        items = declared.columns
        yield from ((each, kind in FREE_TEXT or kind not in LAYOUTS) for each, kind in own.items())
        # In a history, a list is a column.
        for name_of_list, each in declared.lists.items():
            yield name_of_list, any(column.personal for column in each.values())
    yield from ((each, column.personal or each == RAW_FIELDS) for each, column in items.items())
    if any(view.name == name for view in VIEWS):
        yield from ((each, each in PERSONAL_VIEW_COLUMNS) for each in VIEW_COLUMNS)
