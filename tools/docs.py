"""Write the generated parts of README and docs, and check what these files cite.

    .venv/bin/python tools/docs.py [--check]

A generated part is the text between `<!-- name -->` and `<!-- /name -->`. With `--check` the tool
writes nothing, prints the files that would change and exits with 1. It also exits with 1 if a page
cites a test or links to a file that does not exist, or if an entry of docs/behaviors.md cites no
test.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from sqlglot import exp, parse_one

from pipedrive_assets.config import SETTINGS
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES, ENTITIES, Entity, Kind, children_of
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.views.option_labels import option_column_name
from pipedrive_assets.views.readable_columns import PERSONAL_VIEW_COLUMNS, VIEW_COLUMNS
from pipedrive_assets.views.readable_queries import VIEWS, View
from pipedrive_assets.views.record_url import URL
from pipedrive_assets.views.sql import DERIVED_TABLES, DerivedTable
from pipedrive_assets.warehouse.ledger import DESCRIPTIONS

ROOT = Path(__file__).parents[1]
PERSONAL = "(personal)"
PAGINATION = {"cursor": "cursor", "offset": "offset", "none": "one page"}
HOW = {
    Kind.WINDOWED: "history, then changes",
    Kind.SNAPSHOT: "whole list",
    Kind.CHILD: "per changed deal",
}


def settings_table() -> str:
    """Format all settings with their defaults and descriptions."""
    rows = [
        f"| `{name}` | {'' if row.default in (None, '') else f'`{row.default}`'} "
        f"| {row.description} |"
        for name, row in SETTINGS.items()
    ]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def entity_table() -> str:
    """Format the tables that are loaded by default, for README."""
    rows = [
        f"| `{entity.name}` | {_doc(entity)} | {HOW[entity.kind]} | {_cost(entity)} |"
        for entity in DEFAULT_ENTITIES
    ]
    return "\n".join(["| table | what | how it is read | tokens |", "|---|---|---|---|", *rows])


def table_counts() -> str:
    """Count the tables that are loaded by default, and the optional ones."""
    default = len(DEFAULT_ENTITIES)
    return f"{default}, and {len(ENTITIES) - default} optional"


def scope_table() -> str:
    """Format the OAuth scopes of all tables; tables and lists with the same scopes share a row."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for entity in ENTITIES:
        for endpoint in entity.endpoints:
            own = endpoint.scopes == entity.scopes
            part = "" if own else f" (`/{endpoint.path}`)"
            groups.setdefault(endpoint.scopes, []).append(f"`{entity.name}`{part}")
    rows = [
        f"| {' or '.join(f'`{scope}`' for scope in scopes)} | {', '.join(dict.fromkeys(names))} |"
        for scopes, names in groups.items()
    ]
    return "\n".join(["| scope | tables |", "|---|---|", *rows])


def optional_tables() -> str:
    """List the names of the optional tables, grouped by what they are read for."""
    groups: dict[str, list[str]] = {}
    for entity in ENTITIES:
        if entity.optional:
            whose = f"per {entity.parent_name.replace('_', ' ')}" if entity.parent else "lists"
            groups.setdefault(whose, []).append(f"`{entity.name}`")
    return "\n".join(f"- {whose}: {', '.join(names)}" for whose, names in groups.items())


def _cost(entity: Entity) -> str:
    costs = [endpoint.tokens_per_page for endpoint in entity.endpoints]
    cost = f"{len(costs)} x {costs[0]}" if len(costs) > 2 else " + ".join(map(str, costs))
    if entity.parent:
        one = entity.parent_name.replace("_", " ")
        return f"{cost} per {f'100 {one}s' if entity.bulk else one}"
    if entity.per_interval:
        owner = BY_NAME[entity.list_per or ""]
        lists = f"{len(owner.variants)} x {owner.tokens_per_page}"
        return f"{lists} + {cost} for each interval of each of {owner.name}"
    if entity.list_per:
        return f"{BY_NAME[entity.list_per].tokens_per_page} + {cost} for each of {entity.list_per}"
    return f"{cost} per page"


def _doc(entity: Entity) -> str:
    return f"{entity.description} Optional." if entity.optional else entity.description


def entity_pages() -> str:
    """Format all tables with endpoint, key, cursor, cost, children and columns."""
    return "\n\n".join(_entity_page(entity) for entity in ENTITIES)


def _entity_page(entity: Entity) -> str:
    return "\n".join(
        [
            f"## {entity.name}",
            "",
            _doc(entity),
            "",
            *[f"- {name}: {value}" for name, value in _facts(entity).items()],
            "",
            "<details><summary>columns</summary>",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
            *_column_rows(entity),
            "",
            "</details>",
        ]
    )


def _facts(entity: Entity) -> dict[str, str]:
    lists = ", ".join(f"`GET /{endpoint.path}`" for endpoint in entity.endpoints)
    cursor = f"`{entity.cursor}`" if entity.cursor else "none: read whole each time"
    if entity.parent:
        cursor = f"none: read again when its `{entity.parent}` row changes"
    paging = f"{PAGINATION.get(entity.paging)}, {entity.page_rows} rows a page"
    return {
        "endpoint": f"{lists} ([reference]({columns_of(entity.name).url}))",
        "key": ", ".join(f"`{name}`" for name in entity.key),
        "cursor": cursor,
        "paging": "a record per request" if entity.paging == "record" else paging,
        "cost": f"{_cost(entity)} (API tokens)",
        "OAuth scope": " or ".join(f"`{scope}`" for scope in entity.scopes),
        "children": ", ".join(f"`{child.name}`" for child in children_of(entity.name)) or "none",
    }


def _column_rows(entity: Entity) -> list[str]:
    held = columns_of(entity.name)
    described = dict(held.columns)
    for name, columns in held.lists.items():
        described |= {f"{entity.name}__{name}.{item}": column for item, column in columns.items()}
    return [_column_row(name, column) for name, column in described.items()]


def _column_row(name: str, column: Column) -> str:
    return f"| `{name}` | {column.type} | {_meaning(column.description or '', column.personal)} |"


def _meaning(description: str, personal: bool) -> str:
    """Mark personal data, which diff, the MCP server and previews mask."""
    return f"{description} {PERSONAL}".strip() if personal else description


def derived_names() -> str:
    """List the derived tables for a sales team; those of data hygiene have a row of their own."""
    names = sorted(table.name for table in DERIVED_TABLES)
    return ", ".join(f"`{name}`" for name in names if not name.startswith("hygiene"))


def ledger_columns() -> str:
    """List the columns of the ledger that are for people."""
    lines = ["| table | column | meaning |", "|---|---|---|"]
    lines += [
        f"| `{table}` | {f'`{column}`' if column else ''} | {text} |"
        for (table, column), text in DESCRIPTIONS.items()
    ]
    return "\n".join(lines)


def derived_pages() -> str:
    """Format all derived tables with their inputs and columns."""
    return "\n\n".join(_derived_page(table) for table in DERIVED_TABLES)


def _derived_page(table: DerivedTable) -> str:
    columns = [_column_row(name, column) for name, column in table.columns.items()]
    return "\n".join(
        [
            f"## {table.name}",
            "",
            table.description,
            "",
            f"- reads: {', '.join(f'`{name}`' for name in table.reads)}",
            f"- query: [{table.name}.sql](../pipedrive_assets/views/sql/{table.name}.sql)",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
            *columns,
        ]
    )


def view_pages() -> str:
    """Format all readable views with their columns, without custom fields."""
    return "\n\n".join(_view_page(view) for view in VIEWS)


def _view_page(view: View) -> str:
    shown = {
        name: (column.type, _meaning(column.description or "", column.personal))
        for name, column in columns_of(view.base).columns.items()
        if name not in view.replaced
    }
    added = added_columns(view)
    for name in added:
        kind, meaning = VIEW_COLUMNS[name]
        shown[name] = (kind, _meaning(meaning, name in PERSONAL_VIEW_COLUMNS))
    base = f"[`{view.base}`](entities.md#{view.base})"
    return "\n".join(
        [
            f"### {view.name}",
            "",
            f"The rows of {base}. The last {len(added)} columns are the view's own.",
            "",
            "<details><summary>columns</summary>",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
            *(f"| `{name}` | {kind} | {meaning} |" for name, (kind, meaning) in shown.items()),
            "",
            "</details>",
        ]
    )


def added_columns(view: View) -> list[str]:
    """List the columns that a readable view adds to its table."""
    query = view.query.format_map(_Placeholders())
    shown = parse_one(query, read="duckdb", into=exp.Select).expressions
    named = [each.alias for each in shown if each.alias]
    return [URL, *named, *map(option_column_name, view.options)]


class _Placeholders(dict[str, str]):
    """Mapping that replaces `{deals}` by the identifier `deals`, and drops option columns."""

    def __missing__(self, name: str) -> str:
        return "" if name.startswith("option_") else name


PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "settings": settings_table,
        "tables": entity_table,
        "optional": optional_tables,
        "counts": table_counts,
    },
    "docs/entities.md": {"entities": entity_pages},
    "docs/derived.md": {"derived": derived_pages},
    "docs/oauth.md": {"scopes": scope_table},
    "docs/sql.md": {"views": view_pages, "derived": derived_names, "ledger": ledger_columns},
}


def renewed(text: str, parts: dict[str, Callable[[], str]]) -> str:
    """Replace the generated parts of a text, which are within a line or lines of their own.

    Args:
        text: The text of a file.
        parts: Functions that generate the parts, by name.

    Returns:
        The new text.

    Raises:
        ValueError: If the text has no place for a part.
    """
    for name, make in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        old, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"The file has no marks <!-- {name} --> and <!-- /{name} -->.")
        gap = "\n" if old.startswith("\n") else ""
        text = f"{before}{begin}{gap}{make()}{gap}{end}{after}"
    return text


def documents() -> dict[str, str]:
    """Read README and all pages of docs, by path."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths}


def defined_tests() -> set[str]:
    """List the names of all tests."""
    files = (ROOT / "pipedrive_assets_tests").rglob("test_*.py")
    source = "\n".join(path.read_text("utf-8") for path in files)
    return set(re.findall(r"^def (test_\w+)", source, re.MULTILINE))


def false_citations(texts: dict[str, str], tests: set[str]) -> list[str]:
    """List cited tests and linked files that do not exist, one sentence each."""
    missing = [
        f"{name} cites {cited}, but this test does not exist"
        for name, text in texts.items()
        for cited in re.findall(r"`(test_\w+)`", text)
        if cited not in tests
    ]
    links = [
        f"{name} links to {link}, but this file does not exist"
        for name, text in texts.items()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
        if not (ROOT / name).parent.joinpath(link).exists()
    ]
    return missing + links


def untested_behaviors(text: str) -> list[str]:
    """List the entries of docs/behaviors.md that cite no test."""
    return [
        f"docs/behaviors.md: entry {entry.split('.')[0]} cites no test"
        for entry in re.split(r"\n(?=\d+\. |## )", text)
        if entry[:1].isdigit() and "`test_" not in entry
    ]


def main(arguments: list[str]) -> int:
    """Write or check the generated parts, and check the citations."""
    texts = documents()
    wrong = false_citations(texts, defined_tests())
    wrong += untested_behaviors(texts["docs/behaviors.md"])
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if renew(arguments) or wrong else 0


def renew(arguments: list[str]) -> int:
    """Write the generated parts, or check them (`--check`)."""
    stale = []
    for name, parts in PARTS.items():
        path = ROOT / name
        text = path.read_text("utf-8")
        new = renewed(text, parts)
        if new != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(new, "utf-8")
    if "--check" in arguments and stale:
        print(f"Out of date: {', '.join(stale)}. Run `make docs`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
