"""Columns of every table, with types and descriptions, from one JSON file per entity.

`tools/columns.py` writes the files from Pipedrive's official documentation. Types are dlt's: text,
bigint, double, bool, timestamp, date, json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        type: dlt's data type.
        description: The meaning; None if the name is clear.
        personal: Whether the column contains personal data or free text about persons.
    """

    type: str
    description: str | None = None
    personal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of an entity's table and of its list tables.

    Attributes:
        columns: Columns by name; `address__country` is the key `country` of the object `address`.
        lists: For each list in a row, the columns of the child table that dlt creates for it.
        page: Page of Pipedrive's API reference for the endpoint, e.g. `Deals#getDeals`.
    """

    columns: dict[str, Column]
    lists: dict[str, dict[str, Column]]
    page: str

    @property
    def url(self) -> str:
        """URL of the page in Pipedrive's API reference."""
        return f"{REFERENCE}{self.page}"


REFERENCE = "https://developers.pipedrive.com/docs/api/v1/"
"""Base URL of Pipedrive's API reference; it includes API v2."""

EVERY_TABLE: dict[str, Column] = {
    "_row_hash": Column(
        type="bigint",
        description="Fingerprint of the row, used to detect whether it has changed",
    ),
    "_deleted_at": Column(
        type="timestamp",
        description="When the row was found to be deleted (UTC); null if it is not deleted. "
        "Pipedrive's own flag is is_deleted",
    ),
    "_deleted_reason": Column(
        type="text",
        description="Why _deleted_at is set: deleted, merged, out_of_view (no longer visible to "
        "the user of the API token), vanished (no longer listed, reason unknown), unlisted (not "
        "listed, but still returned by id), converted (a lead converted to a deal), filtered "
        "(PIPEDRIVE_ROW_FILTER leaves it out)",
    ),
}
"""Columns that this project adds to every table; they are not in the JSON files."""

WAREHOUSE_COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "leads": {
        "converted_deal_id": Column(
            type="bigint",
            description="The deal that the lead was converted to, if _deleted_reason is converted",
        )
    }
}
"""Columns that the warehouse load adds to a table; a single reply of Pipedrive does not contain
their values."""


@cache
def columns_of(entity_name: str) -> Columns:
    """Return the columns of an entity's table; cached, so callers must not change the result.

    Args:
        entity_name: The entity's name.

    Returns:
        The columns of the JSON file, and those that this project adds.

    Raises:
        KeyError: The entity has no column file.
    """
    source = files(__name__) / f"{entity_name}.json"
    if not source.is_file():
        raise KeyError(f"{entity_name} has no column file; run tools/columns.py to make one.")
    content = json.loads(source.read_text("utf-8"))
    return Columns(
        columns={
            **_read(content["columns"]),
            **WAREHOUSE_COLUMNS.get(entity_name, {}),
            **EVERY_TABLE,
        },
        lists={name: _read(columns) for name, columns in content["lists"].items()},
        page=content["page"],
    )


def _read(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Column]:
    return {name: Column(**column) for name, column in columns.items()}
