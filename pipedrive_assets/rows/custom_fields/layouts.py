"""The columns of a custom field, by its type.

Source of the values' shapes: official docs, custom fields in API v2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

COERCION_FAILED_SUFFIX: Final = "__v_text"
"""Suffix of the column for values that could not be coerced, as in `rows.normalize`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a field with the column name `<name>`.

    Attributes:
        column: dlt's data type of `<name>`.
        parts: dlt's data type of each `<name>_<part>`.
        lists: Lists of objects, `<name>_<list>`, which dlt loads into child tables.
        form: Shape of the values: plain or an object of parts, the id of a record, an option, or a
            list of options.
    """

    column: str = "text"
    parts: Mapping[str, str] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    form: Literal["plain", "link", "choice", "choices"] = "plain"

    def names(self, name: str) -> tuple[str, ...]:
        """Return all columns and lists of a field with the column name `name`."""
        return (name, *(f"{name}_{part}" for part in (*self.parts, *self.lists)))


TEXT = Layout()
_ZONE = {"timezone_id": "bigint", "timezone_name": "text"}
_LINK = Layout(column="bigint", form="link")
_WHOLE = Layout(column="bigint")

ADDRESS_PARTS = (
    "subpremise",
    "street_number",
    "route",
    "sublocality",
    "locality",
    "admin_area_level_1",
    "admin_area_level_2",
    "country",
    "postal_code",
    "formatted_address",
)

LAYOUTS: dict[str, Layout] = {
    "varchar": TEXT,
    "varchar_auto": TEXT,
    "text": TEXT,
    "phone": TEXT,
    "int": _WHOLE,
    "visible_to": _WHOLE,
    "boolean": Layout(column="bool"),
    "double": Layout(column="double"),
    "monetary": Layout(column="double", parts={"currency": "text"}),
    "enum": Layout(parts={"id": "bigint"}, form="choice"),
    "set": Layout(column="json", parts={"ids": "json"}, lists=("labels",), form="choices"),
    "date": Layout(column="date"),
    "daterange": Layout(column="date", parts={"until": "date"}),
    "time": Layout(parts=_ZONE),
    "timerange": Layout(parts={"until": "text", **_ZONE}),
    "address": Layout(parts=dict.fromkeys(ADDRESS_PARTS, "text")),
    **dict.fromkeys(("user", "org", "people", "deal", "activity", "project", "stage"), _LINK),
    "lead": Layout(form="link"),
}

CHOICE_COLUMNS = {"id": "bigint", "label": "text"}
"""Columns of the child table with one row per selected option."""


def layout_of(field_type: str) -> Layout:
    """Return the layout of a field type; an unknown type is text, with objects as JSON."""
    return LAYOUTS.get(field_type, TEXT)


LONGEST_SUFFIX: Final = max(
    len(f"_{part}") + (0 if kind == "text" else len(COERCION_FAILED_SUFFIX))
    for layout in LAYOUTS.values()
    for part, kind in layout.parts.items()
)
"""Length of the longest suffix of a field's column name. Text columns need no `__v_text` column."""
