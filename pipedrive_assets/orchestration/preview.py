"""A few rows as a Markdown table.

Dagster's event log keeps every preview, also those of persons who were erased later. So every
value that can name a person is masked, unless the settings ask for everything: the columns that
are tagged `personal`, and all texts that an erasure searches.
"""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timezone
from typing import Any

from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.rows.redaction import is_fixed, is_structure, may_name
from pipedrive_assets.warehouse import TableSample

COLUMNS = 14
"""More do not fit on a screen."""

CELL_LETTERS = 40
MASK = "•••"
SIGNS = re.compile(r"([\\`*_{}\[\]()<>#+!|~&:@.-])")
"""What Markdown may take for more than text: nothing that somebody wrote is to become a link."""


def markdown(entity: Entity, sample: TableSample, *, masked: bool) -> str | None:
    """The rows as a table; None where there are none. Columns without a value are left out."""
    hidden = _hidden(entity, sample)
    return as_table(
        sample.columns,
        sample.rows,
        lambda name, value: masked and (name in hidden or not may_be_shown(name, value)),
    )


def as_table(
    columns: Collection[str], rows: Sequence[Sequence[Any]], is_masked: Callable[[str, Any], bool]
) -> str | None:
    """Return rows as a Markdown table; None where there are none.

    Args:
        columns: The names of the columns. Columns without a value are left out.
        rows: The rows, a value for each column.
        is_masked: Whether a column's value is masked.
    """
    filled = [
        (place, name)
        for place, name in enumerate(columns)
        if any(row[place] is not None for row in rows)
    ][:COLUMNS]
    if not filled:
        return None
    lines = [
        [_cell(row[place], hide=is_masked(name, row[place])) for place, name in filled]
        for row in rows
    ]
    head = [[name for _, name in filled], ["---"] * len(filled)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (*head, *lines))


def _hidden(entity: Entity, sample: TableSample) -> set[str]:
    """Columns whose values can name a person: those tagged so, texts, and custom fields of most
    types.
    """
    known = columns_of(entity.name).columns
    return {
        name
        for name, column in sample.columns.items()
        if column.personal
        or (name not in known and _may_tell(column))
        or (may_name(entity.name, (), name) and not is_structure(name))
    }


def may_be_shown(name: str, value: Any) -> bool:
    """Whether a value of a column for ids, times or fixed words is one."""
    return not isinstance(value, str) or not is_structure(name) or is_fixed(name, value)


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
