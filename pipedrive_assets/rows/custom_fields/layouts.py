"""Which columns a custom field gets, by its type.

Shapes of the values per type: official docs, custom fields in API v2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

COERCION_FAILED_SUFFIX: Final = "__v_text"
"""Added to a column's name for what does not fit the column, as in `rows.normalize`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of a field whose column is `<name>`."""

    column: str = "text"
    """dlt's type of `<name>` itself."""

    parts: Mapping[str, str] = field(default_factory=dict)
    """dlt's type of each `<name>_<part>`."""

    lists: tuple[str, ...] = ()
    """Each `<name>_<list>` is a list of objects, of which dlt makes a child table."""

    form: Literal["plain", "link", "choice", "choices"] = "plain"
    """How values look: plain or in parts, another row's id, an option's id, a list of them."""

    def names(self, name: str) -> tuple[str, ...]:
        """Every column and list of a field with this name."""
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
"""Columns of the child table with a row per chosen label."""


def layout_of(field_type: str) -> Layout:
    """The layout of a type; types we do not know are text, objects as JSON."""
    return LAYOUTS.get(field_type, TEXT)


LONGEST_SUFFIX: Final = max(
    len(f"_{part}") + (0 if kind == "text" else len(COERCION_FAILED_SUFFIX))
    for layout in LAYOUTS.values()
    for part, kind in layout.parts.items()
)
"""What may follow a field's name; in a text column misfits stay where they are."""
