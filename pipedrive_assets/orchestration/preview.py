"""A few rows as a Markdown table.

Dagster's event log keeps every preview for ever, those of persons who were erased since too. So
what may tell of a natural person is masked, unless the settings ask for everything.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from typing import Any

from pipedrive_assets.entities import Entity
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.source import Glimpse

COLUMNS = 14
"""More do not fit on a screen."""

CELL_LETTERS = 40
MASK = "•••"
SIGNS = re.compile(r"([\\`*_{}\[\]()<>#+!|~&:@.-])")
"""What Markdown may take for more than text: nothing that somebody wrote is to become a link."""


def markdown(entity: Entity, glimpse: Glimpse, *, masked: bool) -> str | None:
    """The rows as a table; None where there are none. Columns without a value are left out."""
    return as_table(glimpse.columns, glimpse.rows, _hidden(entity, glimpse) if masked else set())


def as_table(
    columns: Collection[str], rows: Sequence[Sequence[Any]], hidden: Collection[str]
) -> str | None:
    """The same of any rows; values of `hidden` columns are masked."""
    filled = [
        (place, name)
        for place, name in enumerate(columns)
        if any(row[place] is not None for row in rows)
    ][:COLUMNS]
    if not filled:
        return None
    lines = [[_cell(row[place], hide=name in hidden) for place, name in filled] for row in rows]
    head = [[name for _, name in filled], ["---"] * len(filled)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (*head, *lines))


def _hidden(entity: Entity, glimpse: Glimpse) -> set[str]:
    """What may tell of a person: columns tagged so, and whatever an account writes into custom
    fields.
    """
    known = columns_of(entity.name).columns
    return {
        name
        for name, column in glimpse.columns.items()
        if column.personal or (name not in known and _may_tell(column))
    }


def _may_tell(column: Column) -> bool:
    return column.type not in {"bool", "double", "date", "timestamp"}


def _cell(value: Any, *, hide: bool) -> str:
    if value is None:
        return ""
    if hide:
        return MASK
    if isinstance(value, datetime):
        return f"{value.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"
    text = " ".join(str(value).split())
    short = text if len(text) <= CELL_LETTERS else f"{text[: CELL_LETTERS - 1]}…"
    return SIGNS.sub(r"\\\1", short) if isinstance(value, str) else short
