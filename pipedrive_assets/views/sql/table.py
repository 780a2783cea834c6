"""Reads the `.sql` files of the derived tables.

A file starts with a comment that documents the table: a sentence, paragraphs, the tables that it
`needs`, and a line per column (`-- name type: meaning.`, or `-- name type personal: meaning.` for
personal data). The query follows. `{deals}` in it is the placeholder of a table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from string import Formatter

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import Column
from pipedrive_assets.views.sql import hygiene_rules

WEIGHTED_VALUE = (
    "d.value * coalesce(d.probability, CASE WHEN p.is_deal_probability_enabled "
    "THEN s.deal_probability END) / 100"
)
"""SQL for the weighted value of a deal `d` in stage `s` of pipeline `p`.

It uses the deal's own probability, or that of its stage if the pipeline uses probabilities. Without
either, the weighted value is null. `{_weighted_value}` is its placeholder in a query.
"""

GENERATED = ("_hygiene_findings", "_hygiene_checked")
"""Placeholders of queries that are made from the hygiene rules, which read further tables."""

NEEDS = "needs:"
COLUMN = re.compile(r"(\w+) (\w+)( personal)?: (.+)")


OVERVIEW = "sales_overview"
"""The name of the asset with the charts of the derived tables."""


@dataclass(frozen=True, kw_only=True)
class DerivedTable:
    """A derived table: a documented query over loaded tables.

    Attributes:
        name: The name of the view.
        description: What a row is and what is counted.
        needs: The tables that have to exist. Other tables in the query are replaced by empty ones
            if they were never loaded.
        columns: Its columns, by name.
        query: Its SQL for DuckDB, with placeholders for tables.
    """

    name: str
    description: str
    needs: tuple[str, ...]
    columns: Mapping[str, Column]
    query: str

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The names of the loaded and derived tables in the query, in its order."""
        named = [name for _, name, _, _ in Formatter().parse(self.query) if name]
        rules = hygiene_rules.READS if {*GENERATED} & {*named} else ()
        return tuple(dict.fromkeys(each for each in (*rules, *named) if not each.startswith("_")))

    @property
    def reads_derived(self) -> tuple[str, ...]:
        """The names of the derived tables in the query."""
        return tuple(name for name in self.reads if name not in BY_NAME)

    @property
    def needs_derived(self) -> tuple[str, ...]:
        """The names of the derived tables without which the view cannot exist."""
        return tuple(name for name in self.reads_derived if f"{{{name}}}" in self.query)


def parse(name: str, text: str) -> DerivedTable:
    """Parse the text of a `.sql` file.

    Args:
        name: The name of the file, without `.sql`.
        text: Its text.

    Returns:
        The derived table.

    Raises:
        ValueError: The comment lacks the line `needs:`, or a line after it is not a column.
    """
    head: list[str] = []
    query: list[str] = []
    for line in text.splitlines():
        (head if line.startswith("--") and not query else query).append(line)
    lines = [line.removeprefix("--").strip() for line in head]
    start = next((index for index, line in enumerate(lines) if line.startswith(NEEDS)), None)
    if start is None:
        raise ValueError(f"{name}.sql: the comment at the start has no line `needs:`")
    paragraphs = "\n".join(lines[:start]).strip().split("\n\n")
    return DerivedTable(
        name=name,
        description="\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs),
        needs=tuple(lines[start].removeprefix(NEEDS).replace(",", " ").split()),
        columns=dict(_column(name, line) for line in lines[start + 1 :] if line),
        query="\n".join(query).strip().replace("{_weighted_value}", WEIGHTED_VALUE),
    )


def _column(table: str, line: str) -> tuple[str, Column]:
    found = COLUMN.fullmatch(line)
    if not found:
        raise ValueError(f"{table}.sql: {line!r} is not `name type: meaning`")
    name, kind, personal, meaning = found.groups()
    return name, Column(type=kind, description=meaning, personal=bool(personal))


def in_order(tables: Mapping[str, DerivedTable]) -> tuple[DerivedTable, ...]:
    """Sort derived tables by name, but each after the derived tables that it reads."""
    done: dict[str, DerivedTable] = {}

    def take(table: DerivedTable) -> None:
        for name in table.reads_derived:
            take(tables[name])
        done[table.name] = table

    for name in sorted(tables):
        take(tables[name])
    return tuple(done.values())


def read_all() -> tuple[DerivedTable, ...]:
    """Read all `.sql` files of this folder."""
    found = [each for each in files(__package__).iterdir() if each.name.endswith(".sql")]
    tables = [parse(each.name.removesuffix(".sql"), each.read_text("utf-8")) for each in found]
    return in_order({table.name: table for table in tables})


DERIVED_TABLES = read_all()
DERIVED_BY_NAME = {table.name: table for table in DERIVED_TABLES}


def loaded_tables(table: DerivedTable) -> tuple[str, ...]:
    """Return the names of all loaded tables that a derived table reads, directly or indirectly."""
    found: dict[str, None] = {}
    for name in table.reads:
        found |= (
            {name: None} if name in BY_NAME else dict.fromkeys(loaded_tables(DERIVED_BY_NAME[name]))
        )
    return tuple(found)
