"""A few rows as a Markdown table.

Dagster's event log keeps every preview, including rows of persons who are erased later. Therefore
every value that can name a person is masked, unless PIPEDRIVE_PREVIEW is `full`: columns tagged
`personal`, and all texts that an erasure searches.
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
"""Characters that Markdown interprets; escaped, so that no text of a user becomes a link."""


def markdown(entity: Entity, sample: TableSample, *, masked: bool) -> str | None:
    """Return the sampled rows as a Markdown table without empty columns; None: there are none.

    Args:
        entity: The table.
        sample: Its newest rows.
        masked: Whether values that can name a person are masked.
    """
    hidden = _hidden(entity, sample)
    return as_table(
        sample.columns,
        sample.rows,
        lambda name, value: masked and (name in hidden or not may_be_shown(name, value)),
    )


def as_table(
    columns: Collection[str], rows: Sequence[Sequence[Any]], is_masked: Callable[[str, Any], bool]
) -> str | None:
    """Return rows as a Markdown table; None: there are no rows or no values.

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
    """Columns whose values can name a person: tagged columns, texts, most custom fields."""
    known = columns_of(entity.name).columns
    return {
        name
        for name, column in sample.columns.items()
        if column.personal
        or (name not in known and _may_name_person(column))
        or (may_name(entity.name, (), name) and not is_structure(name))
    }


def may_be_shown(name: str, value: Any) -> bool:
    """Whether a value is an id, a time or a fixed word, as its column's name promises."""
    return not isinstance(value, str) or not is_structure(name) or is_fixed(name, value)


def _may_name_person(column: Column) -> bool:
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
