"""Columns and types of every table, and where Pipedrive tells of it, one JSON file per entity.

The files are written by `tools/columns.py` from Pipedrive's official documents. Types are dlt's:
text, bigint, double, bool, timestamp, date, json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """dlt's type of a column and, where the name does not say it, what it means.

    `personal`: it tells of a natural person, or repeats what somebody wrote about one.
    """

    type: str
    description: str | None = None
    personal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of an entity's table and of the child table of each of its lists.

    A name with a double underscore is a leaf of a nested object: `address__country`.
    """

    columns: dict[str, Column]
    lists: dict[str, dict[str, Column]]
    page: str
    """The page of Pipedrive's API reference that tells of its list, such as `Deals#getDeals`."""

    @property
    def url(self) -> str:
        """That page's address."""
        return f"{REFERENCE}{self.page}"


REFERENCE = "https://developers.pipedrive.com/docs/api/v1/"
"""Pipedrive's API reference; lists of API v2 stand there too."""

EVERY_TABLE: dict[str, Column] = {
    "_row_hash": Column(
        type="bigint",
        description="Fingerprint of the row as loaded; tells whether a row read again has changed",
    ),
    "_deleted_at": Column(
        type="timestamp",
        description="When the row was seen deleted; null while it lives. "
        "Pipedrive's own word is is_deleted",
    ),
    "_deleted_reason": Column(
        type="text",
        description="Why _deleted_at is set: deleted, merged, out_of_view (the api token's user no "
        "longer sees it), vanished (no longer listed, the reason unknown), unlisted (in no list, "
        "but still found by its id), converted (a lead that became a deal)",
    ),
}
"""Columns that we add to every table; they stand in no file."""

WAREHOUSE_COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "leads": {
        "converted_deal_id": Column(
            type="bigint",
            description="The deal that the lead became; set where _deleted_reason is converted",
        )
    }
}
"""Columns that a load into a warehouse adds to a table: a single reply of Pipedrive does not have
what they hold."""


@cache
def columns_of(entity_name: str) -> Columns:
    """Read the columns of an entity's table; shared between callers, so not to be changed."""
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
