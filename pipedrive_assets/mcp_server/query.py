"""Runs a query within limits and returns its rows as JSON."""

import json
import math
import re
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from pipedrive_assets.errors import QueryRefused

SECONDS = 20.0
MOST_ROWS = 500
REPLY_LETTERS = 60_000
CELL_LETTERS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """The limits of a query.

    Attributes:
        rows: Rows of a reply.
        letters: Characters of a reply.
        seconds: Seconds that a query may run.
    """

    rows: int = MOST_ROWS
    letters: int = REPLY_LETTERS
    seconds: float = SECONDS


def run(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    limits: QueryLimits,
    masked: Mapping[str, Collection[str]],
) -> str:
    """Run a checked query.

    Args:
        connection: A connection that only reads what the client may see.
        text: The query.
        limits: Its limits.
        masked: The masked columns of each table that it reads.

    Returns:
        A JSON object with `columns`, `rows`, `truncated` (why rows are missing, or null), and
        `masked` if the query names or returns masked columns.

    Raises:
        QueryRefused: The query failed or took too long.
    """
    timer = threading.Timer(limits.seconds, connection.interrupt)
    timer.start()
    try:
        cursor = connection.execute(text)
        columns = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchmany(limits.rows + 1)
    except duckdb.InterruptException:
        raise QueryRefused(
            f"The query was stopped after {limits.seconds:g} seconds. Read fewer rows, or "
            "aggregate."
        ) from None
    except duckdb.OutOfMemoryException:
        raise QueryRefused(
            "The query needs more memory than PIPEDRIVE_DUCKDB_MEMORY allows. Read fewer rows or "
            "columns, or aggregate."
        ) from None
    except duckdb.Error as error:
        said = " ".join(str(error).split("\n\nLINE ", 1)[0].split())
        raise QueryRefused(f"DuckDB refused the query: {said}") from None
    finally:
        timer.cancel()
    seen = {*re.findall(r"\w+", text.lower()), *columns}
    hidden = {name: sorted(seen & {*names}) for name, names in masked.items()}
    return _reply(columns, rows, limits, {name: names for name, names in hidden.items() if names})


def _reply(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    limits: QueryLimits,
    masked: Mapping[str, Collection[str]],
) -> str:
    kept: list[list[Any]] = []
    letters, truncated = 0, None
    for row in rows:
        made = [_plain(value) for value in row]
        letters += len(json.dumps(made, ensure_ascii=False))
        if len(kept) == limits.rows:
            truncated = f"only the first {limits.rows} rows"
            break
        if letters > limits.letters:
            truncated = f"only the first {len(kept)} rows: the reply is limited in size"
            break
        kept.append(made)
    reply: dict[str, Any] = {"columns": columns, "rows": kept, "truncated": truncated}
    if masked:
        reply["masked"] = masked
    return json.dumps(reply, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Convert a value of DuckDB to one that JSON has; long texts are shortened."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (dict, list, tuple)):
        value = json.dumps(value, default=str, ensure_ascii=False)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= CELL_LETTERS else f"{text[: CELL_LETTERS - 1]}…"
