"""Runs the query in a file on the warehouse, read-only, and prints its rows as JSON.

Observable Framework calls it for each file `src/queries/<name>.json.sql`.
"""

import json
import os
import sys
from pathlib import Path

import duckdb

SANDBOX = Path(__file__).parents[2] / "data" / "sandbox.duckdb"
WAREHOUSE = Path(os.environ.get("PIPEDRIVE_READ_COPY") or SANDBOX)
DATASET = os.environ.get("PIPEDRIVE_DATASET") or "pipedrive_data"


def rows_of(query: str) -> list[dict[str, object]]:
    """Run a query.

    Args:
        query: The SQL of one statement.

    Returns:
        The rows, by column.

    Raises:
        duckdb.Error: The warehouse cannot be read, or the query fails.
    """
    with duckdb.connect(str(WAREHOUSE), read_only=True) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        warehouse.execute(f"SET schema = '{DATASET}'")
        found = warehouse.execute(query)
        columns = [column for column, *_ in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def main(path: Path) -> None:
    """Print the rows of a query as JSON.

    Args:
        path: The file with the query.
    """
    if not WAREHOUSE.exists():
        sys.exit(
            f"{WAREHOUSE} does not exist. Set PIPEDRIVE_READ_COPY to the absolute path of the read "
            "copy and run a load, or run `make try` in the project folder for invented data."
        )
    try:
        rows = rows_of(path.read_text("utf-8"))
    except duckdb.IOException as error:
        sys.exit(
            f"{WAREHOUSE} cannot be opened; a load may be writing to it. Build again after the "
            f"load, or set PIPEDRIVE_READ_COPY, which can be read at any time. DuckDB: {error}"
        )
    except duckdb.Error as error:
        sys.exit(
            f"The query {path.name} fails on {WAREHOUSE}; nothing was changed. If a table does not "
            f"exist, run a load of all default tables, then build again. DuckDB: {error}"
        )
    print(json.dumps(rows, default=str, ensure_ascii=False, allow_nan=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
