"""What the tools of the MCP server return. Each tool opens the warehouse, reads, and closes it."""

import json
import logging
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.errors import ConfigurationError, QueryRefused
from pipedrive_assets.load.tokens.estimate import account_note, estimate
from pipedrive_assets.load.tokens.explain import next_load, sentences
from pipedrive_assets.mcp_server.masked import connect, is_masked, masked
from pipedrive_assets.mcp_server.query import QueryLimits, run
from pipedrive_assets.mcp_server.statement import check
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.catalog import Relation, catalog
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.read_only import PATIENCE, Patience, reader_of, reading
from pipedrive_assets.warehouse.statements import Sql, table
from pipedrive_assets.windows import utc_now

log = logging.getLogger(__name__)

EVERYTHING = "*"


class Tools:
    """The tools on one warehouse. One call runs at a time."""

    def __init__(
        self,
        settings: Settings,
        *,
        shown: Collection[str] = (),
        limits: QueryLimits | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        """Define the tools without opening the warehouse.

        Args:
            settings: The settings.
            shown: Columns with personal data that are not masked, as `table.column`; `*`: all.
            limits: The limits of a query.
            patience: How long to wait while a load writes.

        Raises:
            ConfigurationError: The warehouse is not in a DuckDB file.
        """
        if settings.destination != FILE_DESTINATION:
            raise ConfigurationError(
                f"The MCP server reads DuckDB files only, but PIPEDRIVE_DESTINATION is "
                f"{settings.destination}. Unset it, or query {settings.destination} with a client "
                "of its own."
            )
        self._settings, self._shown = settings, frozenset(shown)
        self._limits, self._patience = limits or QueryLimits(), patience
        self._one_at_a_time = threading.Lock()
        self._known: tuple[Any, dict[str, Relation]] = (None, {})

    def list_tables(self) -> str:
        """List the tables and views: description, rows, and up to when each table is complete."""
        with self._reading() as sql:
            found = [
                {
                    "name": relation.name,
                    "kind": "view" if relation.is_view else "table",
                    "description": relation.description.split("\n\n", 1)[0],
                    **({} if relation.is_view else {"rows": _count(sql, relation.name)}),
                    **(_complete(sql, relation.name) if relation.name in BY_NAME else {}),
                }
                for relation in catalog(sql).values()
            ]
        return _json({"schema": self._settings.dataset, "tables": found})

    def describe(self, table: str) -> str:
        """Describe a table or view: its columns with type, meaning, key and personal data.

        Args:
            table: The name of a table or view.

        Returns:
            A JSON object.
        """
        relations = self._relations()
        relation = _named(table, relations)
        columns = [
            {
                "name": name,
                "type": kind,
                **({"description": text} if (text := relation.texts.get(name)) else {}),
                **({"personal": True} if name in relation.personal else {}),
                **({"masked": True} if is_masked(relation, name, self._shown) else {}),
            }
            for name, kind in relation.columns.items()
        ]
        return _json(
            {
                "name": relation.name,
                "kind": "view" if relation.is_view else "table",
                "description": relation.description,
                "key": relation.key,
                "lists": [name for name in relations if name.startswith(f"{table}__")],
                "columns": columns,
            }
        )

    def query(self, sql: str) -> str:
        """Run one SELECT statement in DuckDB's SQL. Personal data is masked as `•••`.

        Args:
            sql: The statement. Tables have the names that list_tables returns, with or without
                schema. Leave out deleted rows with `_deleted_at IS NULL`.

        Returns:
            A JSON object.
        """
        relations = self._relations()
        memory, dataset = self._settings.duckdb_memory, self._settings.dataset
        with closing(connect(memory)) as parser:
            read = check(parser, sql, relations, dataset)
        used = [relations[name] for name in sorted(read)]
        hidden = {
            each.name: [name for name in each.columns if is_masked(each, name, self._shown)]
            for each in used
        }
        with (
            self._one_at_a_time,
            self._warehouse() as warehouse,
            masked(
                warehouse, used, self._shown, memory=memory, patience=self._patience
            ) as connection,
        ):
            return run(connection, sql, self._limits, hidden)

    def freshness(self) -> str:
        """Return up to when each table is complete (UTC), and its last load."""
        with self._reading() as sql:
            loads = {name: (ended, rows) for name, ended, rows in _last_loads(sql)}
            found = [
                {
                    "table": name,
                    **_complete(sql, name),
                    "last_load": _moment(loads[name][0]) if name in loads else None,
                    "rows_loaded": loads[name][1] if name in loads else None,
                }
                for name in catalog(sql)
                if name in BY_NAME
            ]
        return _json({"now": _moment(utc_now()), "tables": found})

    def plan(self) -> str:
        """Estimate the token cost of the next load, per table. No request is sent to Pipedrive."""
        now = utc_now()
        request = next_load(self._settings, self._settings.entities)
        with self._reading() as sql:
            estimates, note = estimate(sql, request, now), account_note(sql, now)
        return _json(
            {
                "tables": [
                    {
                        "table": one.entity.name,
                        "rows": one.rows,
                        "tokens": one.tokens,
                        "at_least": one.is_least,
                        "how": one.why,
                    }
                    for one in estimates
                ],
                "summary": list(sentences(estimates, note, request)),
            }
        )

    def _relations(self) -> dict[str, Relation]:
        """Return the tables and views; they are read again when the file has changed."""
        with self._warehouse() as warehouse:
            version = _version(warehouse.path)
        if version is None or version != self._known[0]:
            with self._reading() as sql:
                self._known = version, catalog(sql)
            self._warn_of_other_names(self._known[1].values())
        return self._known[1]

    def _warn_of_other_names(self, relations: Iterable[Relation]) -> None:
        """Warn of columns to show that the warehouse does not have."""
        names = {f"{each.name}.{column}" for each in relations for column in each.personal}
        for name in sorted(self._shown - names - {EVERYTHING}):
            log.warning(
                "--show %s changes nothing: the warehouse has no column with personal data of "
                "this name. `describe` lists the columns of a table.",
                name,
            )

    @contextmanager
    def _warehouse(self) -> Iterator[Warehouse]:
        warehouse = reader_of(self._settings)
        try:
            yield warehouse
        finally:
            warehouse.close()

    @contextmanager
    def _reading(self) -> Iterator[Sql]:
        with (
            self._one_at_a_time,
            self._warehouse() as warehouse,
            reading(warehouse, self._patience) as sql,
        ):
            yield sql


def _version(path: Path) -> Any:
    """Return what changes when a DuckDB file is written; None if there is no file."""
    if not path.exists():
        return None
    log = path.with_name(f"{path.name}.wal")
    return [
        (found.st_ino, found.st_mtime_ns, found.st_size)
        for found in (each.stat() for each in (path, log) if each.exists())
    ]


def _named(name: str, relations: Mapping[str, Relation]) -> Relation:
    if name not in relations:
        raise QueryRefused(f"There is no table {name}. list_tables returns the tables.")
    return relations[name]


def _count(sql: Sql, name: str) -> int:
    rows = sql.execute_sql(f"SELECT count(*) FROM {table(sql, name)}")
    return int(rows[0][0]) if rows else 0


def _complete(sql: Sql, name: str) -> dict[str, Any]:
    return {"complete_until": _moment(watermark(sql, BY_NAME[name]).complete_until)}


def _last_loads(sql: Sql) -> Iterator[tuple[str, datetime, int]]:
    rows = sql.execute_sql(
        "SELECT entity, finished_at, rows_loaded FROM (SELECT *, row_number() OVER "
        "(PARTITION BY entity ORDER BY finished_at DESC) AS place "
        f"FROM {table(sql, '_pipedrive_loads')}) AS l WHERE place = 1"
    )
    yield from ((row[0], row[1], row[2]) for row in rows or ())


def _moment(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
