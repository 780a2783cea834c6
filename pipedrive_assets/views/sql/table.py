"""Derived tables: a `.sql` file each, a query over loaded tables with what it means above it.

The comment that a file begins with is its documentation: a sentence, paragraphs, then what the
query `needs` and a line per column (`-- name type: meaning.`; after the type `personal`
where it tells of a person). In the query `{deals}` stands for
a table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from string import Formatter

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import Column

WEIGHTED_VALUE = (
    "d.value * coalesce(d.probability, CASE WHEN p.is_deal_probability_enabled "
    "THEN s.deal_probability END) / 100"
)
"""The one definition of a weighted value, of the deal `d` in the stage `s` of the pipeline `p`.

A deal counts with its own probability, else with its stage's where the pipeline uses probabilities;
without either it has no weighted value (null). `{_weighted_value}` stands for it in a query.
"""

NEEDS = "needs:"
COLUMN = re.compile(r"(\w+) (\w+)( personal)?: (.+)")


OVERVIEW = "sales_overview"
"""The name of the charts made from the derived tables."""


@dataclass(frozen=True, kw_only=True)
class DerivedTable:
    """A query and what it means; `needs` are the tables without which it says nothing.

    Of the other tables it reads, empty ones stand in where they were never loaded.
    """

    name: str
    description: str
    needs: tuple[str, ...]
    columns: Mapping[str, Column]
    query: str

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The loaded and derived tables in the query, in its order."""
        named = dict.fromkeys(name for _, name, _, _ in Formatter().parse(self.query) if name)
        return tuple(name for name in named if not name.startswith("_"))

    @property
    def reads_derived(self) -> tuple[str, ...]:
        """The derived ones among them."""
        return tuple(name for name in self.reads if name not in BY_NAME)


def parse(name: str, text: str) -> DerivedTable:
    """Read a file's text; ValueError names the file and the line that is no column's."""
    head: list[str] = []
    query: list[str] = []
    for line in text.splitlines():
        (head if line.startswith("--") and not query else query).append(line)
    said = [line.removeprefix("--").strip() for line in head]
    start = next((place for place, line in enumerate(said) if line.startswith(NEEDS)), None)
    if start is None:
        raise ValueError(f"{name}.sql: its head says nothing of what it needs")
    paragraphs = "\n".join(said[:start]).strip().split("\n\n")
    return DerivedTable(
        name=name,
        description="\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs),
        needs=tuple(said[start].removeprefix(NEEDS).replace(",", " ").split()),
        columns=dict(_column(name, line) for line in said[start + 1 :] if line),
        query="\n".join(query).strip().replace("{_weighted_value}", WEIGHTED_VALUE),
    )


def _column(table: str, line: str) -> tuple[str, Column]:
    found = COLUMN.fullmatch(line)
    if not found:
        raise ValueError(f"{table}.sql: {line!r} is not `name type: meaning`")
    name, kind, personal, meaning = found.groups()
    return name, Column(type=kind, description=meaning, personal=bool(personal))


def in_order(tables: Mapping[str, DerivedTable]) -> tuple[DerivedTable, ...]:
    """Each after the derived tables that it reads; else by name."""
    done: dict[str, DerivedTable] = {}

    def take(table: DerivedTable) -> None:
        for name in table.reads_derived:
            take(tables[name])
        done[table.name] = table

    for name in sorted(tables):
        take(tables[name])
    return tuple(done.values())


def read_all() -> tuple[DerivedTable, ...]:
    """Every `.sql` file of this folder."""
    found = [each for each in files(__package__).iterdir() if each.name.endswith(".sql")]
    tables = [parse(each.name.removesuffix(".sql"), each.read_text("utf-8")) for each in found]
    return in_order({table.name: table for table in tables})


DERIVED_TABLES = read_all()
DERIVED_BY_NAME = {table.name: table for table in DERIVED_TABLES}


def loaded_tables(table: DerivedTable) -> tuple[str, ...]:
    """The loaded tables that it rests on, through other derived ones too."""
    found: dict[str, None] = {}
    for name in table.reads:
        found |= (
            {name: None} if name in BY_NAME else dict.fromkeys(loaded_tables(DERIVED_BY_NAME[name]))
        )
    return tuple(found)
