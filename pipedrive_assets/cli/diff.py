"""`diff`: what differs between two warehouses."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import takewhile
from pathlib import Path
from typing import Any

from pipedrive_assets.cli.output import print_table
from pipedrive_assets.compare import Changed, Comparison, Difference, Side, compare
from pipedrive_assets.config import Settings
from pipedrive_assets.config.values import moment
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse.dialect import POSTGRES

VALUE_LETTERS = 60
LETTERS_BEFORE = 20
"""Letters of a long value that are printed before the first difference."""

DIFFERENT = 1
"""The exit code for differences, as in the command diff."""


def diff(a: str, b: str, how: Comparison, moments: Sequence[str], *, as_json: bool) -> int:
    """Print what differs.

    Args:
        a: The first warehouse: `path`, `path:dataset`, `postgres` or `postgres:dataset`.
        b: The second one.
        how: What to compare and to print.
        moments: The moments of A and B; a missing one is now.
        as_json: Whether to print JSON.

    Returns:
        The exit code: 0 if both are equal, 1 if they differ.

    Raises:
        ConfigurationError: A side is a URL, or a table does not exist.
    """
    settings = Settings.from_env()
    how = replace(how, memory=settings.duckdb_memory)
    at_a, at_b = ([*map(_moment, moments), None, None])[:2]
    sides = _side(a, settings, at_a), _side(b, settings, at_b)
    found = list(compare(*sides, how))
    if as_json:
        print(_json(found))
    else:
        _print(found)
    return 0 if all(each.is_equal for each in found) else DIFFERENT


def _side(text: str, settings: Settings, at: datetime | None) -> Side:
    path, _, dataset = text.rpartition(":")
    if "://" in text:
        raise ConfigurationError(
            f"Pass {POSTGRES} or {POSTGRES}:DATASET instead of a URL, and set "
            "DESTINATION__POSTGRES__CREDENTIALS to the URL. On a command line, other users of the "
            "machine could read its password."
        )
    if not path or {"/", "\\"} & {*dataset} or dataset.endswith(".duckdb"):
        path, dataset = text, settings.dataset
    file = None if path == POSTGRES else Path(path).expanduser()
    return Side(path=file, dataset=dataset, moment=at)


def _moment(text: str) -> datetime:
    try:
        return moment(text)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"--at {text}: use a date or a time such as 2026-03-01 or 2026-03-01T08:00:00Z."
        ) from None


def _print(found: Sequence[Difference]) -> None:
    differing = [each for each in found if not each.is_equal]
    if differing:
        header = ("table", "only in A", "only in B", "changed", "changed columns")
        print_table(header, [_line(each) for each in differing])
        print()
    for each in differing:
        for line in _examples(each):
            print(f"{each.table}: {line}")
    for each in found:
        for side, names in (("A", each.columns_only_in_a), ("B", each.columns_only_in_b)):
            if names:
                print(f"{each.table}: columns only in {side}: {', '.join(names)}")
    print(f"{len(differing)} of {len(found)} tables differ.")


def _line(each: Difference) -> tuple[str, ...]:
    columns = ", ".join(f"{name} {rows:,}" for name, rows in each.columns.items())
    counts = (each.only_in_a, each.only_in_b, each.changed)
    return (each.table, *(f"{count:,}" for count in counts), columns)


def _examples(each: Difference) -> Iterable[str]:
    name = ", ".join(BY_NAME[each.table].key)
    for side, keys, rows in (
        ("A", each.keys_in_a, each.only_in_a),
        ("B", each.keys_in_b, each.only_in_b),
    ):
        if keys:
            more = f" and {rows - len(keys):,} more" if rows > len(keys) else ""
            yield f"only in {side}: {name} {'; '.join(_key(key) for key in keys)}{more}"
    for row in each.examples:
        yield f"changed: {name} {_key(row.key)}: {_values(row)}"


def _values(row: Changed) -> str:
    return ", ".join(f"{name} {_change(a, b)}" for name, (a, b) in row.values.items())


def _change(a: Any, b: Any) -> str:
    """Return both values, without a long beginning that they have in common."""
    texts = _words(a), _words(b)
    same = takewhile(lambda letters: letters[0] == letters[1], zip(*texts, strict=False))
    shared = sum(1 for _ in same)
    if shared < VALUE_LETTERS - 1:
        return " -> ".join(map(_cut, texts))
    return " -> ".join(_cut(f"…{text[shared - LETTERS_BEFORE :]}") for text in texts)


def _key(key: Sequence[Any]) -> str:
    return ", ".join(map(_text, key))


def _text(value: Any) -> str:
    return _cut(_words(value))


def _words(value: Any) -> str:
    return " ".join(str("null" if value is None else _plain(value)).split())


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_LETTERS else f"{text[: VALUE_LETTERS - 1]}…"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo:
        return f"{value.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    return value if isinstance(value, (bool, int, float)) or value is None else str(value)


def _json(found: Sequence[Difference]) -> str:
    tables = [
        {
            "table": each.table,
            "only_in_a": each.only_in_a,
            "only_in_b": each.only_in_b,
            "changed": each.changed,
            "changed_columns": each.columns,
            "columns_only_in_a": each.columns_only_in_a,
            "columns_only_in_b": each.columns_only_in_b,
            "keys_only_in_a": [[_plain(value) for value in key] for key in each.keys_in_a],
            "keys_only_in_b": [[_plain(value) for value in key] for key in each.keys_in_b],
            "examples": [
                {
                    "key": [_plain(value) for value in row.key],
                    "values": {
                        name: [_plain(value) for value in pair] for name, pair in row.values.items()
                    },
                }
                for row in each.examples
            ],
        }
        for each in found
    ]
    equal = all(each.is_equal for each in found)
    return json.dumps({"equal": equal, "tables": tables}, ensure_ascii=False, indent=2)
