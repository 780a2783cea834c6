"""Compares one table of two attached databases with SQL, row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from pipedrive_assets.compare.rows import TableRows
from pipedrive_assets.warehouse.dialect import identifier, quoted

CHANGES = "changes"
SIDES = ("a", "b")
COUNT = """
SELECT count(*) FILTER (side = 'a'), count(*) FILTER (side = 'b'), count(*) FILTER (side = '')
FROM {changes}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A row that both sides have, with different values.

    Attributes:
        key: The values of its key.
        values: The values of A and B, by column.
    """

    key: tuple[Any, ...]
    values: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs in a table.

    Attributes:
        table: The table's name.
        only_in_a: How many rows only A has.
        only_in_b: How many rows only B has.
        changed: How many rows have different values.
        columns: In how many rows each column differs.
        columns_only_in_a: Columns and lists that B does not have.
        columns_only_in_b: Columns and lists that A does not have.
        keys_in_a: The keys of some rows that only A has.
        keys_in_b: The keys of some rows that only B has.
        examples: Some rows with different values.
    """

    table: str
    only_in_a: int = 0
    only_in_b: int = 0
    changed: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    columns_only_in_a: Sequence[str] = ()
    columns_only_in_b: Sequence[str] = ()
    keys_in_a: Sequence[tuple[Any, ...]] = ()
    keys_in_b: Sequence[tuple[Any, ...]] = ()
    examples: Sequence[Changed] = ()

    @property
    def is_equal(self) -> bool:
        """Whether both sides have the same rows and values."""
        return not (self.only_in_a or self.only_in_b or self.changed)


def difference(
    connection: duckdb.DuckDBPyConnection, a: TableRows, b: TableRows, *, most_examples: int
) -> Difference:
    """Compare a table.

    Args:
        connection: A connection with both databases attached.
        a: The table of A.
        b: The table of B.
        most_examples: How many rows of each kind to return.

    Returns:
        What differs.
    """
    columns = list(dict.fromkeys((*a.columns, *b.columns)))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {CHANGES} AS {_changes(a, b, columns)}")
    ((only_in_a, only_in_b, changed),) = connection.execute(
        COUNT.format(changes=CHANGES)
    ).fetchall()
    counts = connection.execute(
        f"SELECT name, count(*) FROM (SELECT unnest(differing) AS name FROM {CHANGES}) GROUP BY 1"
    ).fetchall()
    by_name = dict(counts)
    keys_in_a, keys_in_b = (_keys(connection, a.key, side, most_examples) for side in SIDES)
    return Difference(
        table=a.name,
        only_in_a=only_in_a,
        only_in_b=only_in_b,
        changed=changed,
        columns={name: by_name[name] for name in columns if name in by_name},
        columns_only_in_a=_only(a, b),
        columns_only_in_b=_only(b, a),
        keys_in_a=keys_in_a,
        keys_in_b=keys_in_b,
        examples=_examples(connection, a, b, most_examples),
    )


def _only(mine: TableRows, other: TableRows) -> list[str]:
    """Return the columns that only one side has; none if the other does not have the table."""
    return [name for name in mine.columns if other.columns and name not in other.columns]


def _changes(a: TableRows, b: TableRows, columns: Sequence[str]) -> str:
    """Return a query with the rows that differ: key, the side that has it, changed columns.

    The side is empty for a row that both have.
    """
    values = {name: (_value("a", a, b, name), _value("b", b, a, name)) for name in columns}
    keys = ", ".join(f"coalesce({', '.join(values[name])}) AS {identifier(name)}" for name in a.key)
    same = " AND ".join(" IS NOT DISTINCT FROM ".join(values[name]) for name in a.key)
    cases = ", ".join(
        f"CASE WHEN {' IS DISTINCT FROM '.join(values[name])} THEN {quoted(name)} END"
        for name in columns
        if name not in a.key
    )
    both = "a.is_there AND b.is_there"
    return (
        f"WITH a AS ({a.query}), b AS ({b.query}) "
        f"SELECT {keys}, CASE WHEN b.is_there IS NULL THEN 'a' WHEN a.is_there IS NULL THEN 'b' "
        f"ELSE '' END AS side, CASE WHEN {both} THEN "
        f"list_filter([{cases}]::VARCHAR[], lambda each: each IS NOT NULL) ELSE [] END "
        f"AS differing FROM a FULL JOIN b ON {same} WHERE side <> '' OR len(differing) > 0"
    )


def _value(alias: str, mine: TableRows, other: TableRows, name: str) -> str:
    """Return SQL for a value: null where the column is missing, text where types differ."""
    if name not in mine.columns:
        return "NULL"
    value = f"{alias}.{identifier(name)}"
    same_type = mine.columns[name] == other.columns.get(name, mine.columns[name])
    return value if same_type else f"CAST({value} AS VARCHAR)"


def _keys(
    connection: duckdb.DuckDBPyConnection, key: Sequence[str], side: str, most: int
) -> list[tuple[Any, ...]]:
    names = ", ".join(identifier(name) for name in key)
    return connection.execute(
        f"SELECT {names} FROM {CHANGES} WHERE side = ? ORDER BY ALL LIMIT {most}", [side]
    ).fetchall()


def _examples(
    connection: duckdb.DuckDBPyConnection, a: TableRows, b: TableRows, most: int
) -> list[Changed]:
    names = ", ".join(identifier(name) for name in a.key)
    rows = connection.execute(
        f"SELECT {names}, differing FROM {CHANGES} WHERE side = '' ORDER BY {names} LIMIT {most}"
    ).fetchall()
    found = []
    for *key, columns in rows:
        held = [_row(connection, rows_of, key, columns) for rows_of in (a, b)]
        pairs = zip(columns, zip(*held, strict=True), strict=True)
        found.append(Changed(key=tuple(key), values=dict(pairs)))
    return found


def _row(
    connection: duckdb.DuckDBPyConnection,
    rows: TableRows,
    key: Sequence[Any],
    columns: Sequence[str],
) -> tuple[Any, ...]:
    shown = ", ".join(identifier(name) if name in rows.columns else "NULL" for name in columns)
    same = " AND ".join(f"{identifier(name)} IS NOT DISTINCT FROM ?" for name in rows.key)
    (row,) = connection.execute(
        f"SELECT {shown} FROM ({rows.query}) WHERE {same} LIMIT 1", list(key)
    ).fetchall()
    return tuple(row)
