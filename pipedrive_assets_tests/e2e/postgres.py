"""A PostgreSQL server of the test's own: Debian's programs, a cluster in a folder that is thrown
away."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
from typing_extensions import Self

from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.server import database as backend
from pipedrive_assets_tests.conftest import Office

USER = "loader"
_numbers = count()


def programs() -> Path | None:
    """Where initdb and pg_ctl are, of the newest version there is."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


def reason_to_skip() -> str:
    """Why there can be no server here; empty: there can."""
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        return "the package psycopg2 is not installed"
    if programs() is None:
        return "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
    return "" if _user() is not None or os.getuid() else "PostgreSQL refuses root, and nobody else"


def _user() -> str | None:
    """Who runs it: PostgreSQL refuses root."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None


class Server:
    """A running server, on a port of its own."""

    def __init__(self, port: int, password: str) -> None:
        self.port, self.password = port, password

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"warehouse_{next(_numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, database: str, statement: str) -> None:
        import psycopg2

        with closing(psycopg2.connect(self.url(database))) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)


@contextmanager
def running() -> Iterator[Server]:
    """A server for as long as it takes."""
    folder, password = Path(tempfile.mkdtemp(prefix="postgres-")), secrets.token_hex(8)
    who: dict[str, Any] = {"user": user, "group": user} if (user := _user()) else {}
    if user:
        who["group"] = pwd.getpwnam(user).pw_gid
        shutil.chown(folder, user)
    found, port = programs(), _free_port()
    assert found
    (folder / "password").write_text(password, "utf-8")
    (folder / "password").chmod(0o644)

    def run(*command: str) -> None:
        with (folder / "log").open("a") as log:
            subprocess.run(
                command, cwd=folder, stdout=log, stderr=log, check=True, timeout=60,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}, **who,
            )  # fmt: skip

    data = str(folder / "data")
    options = f"-p {port} -c fsync=off -c listen_addresses=127.0.0.1 -k {folder}"
    try:
        run(str(found / "initdb"), "-D", data, "-U", USER, f"--pwfile={folder / 'password'}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync")  # fmt: skip
        run(str(found / "pg_ctl"), "-D", data, "-w", "-o", options, "-l", f"{data}/log", "start")
        try:
            yield Server(port, password)
        finally:
            run(str(found / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Reader:
    """A connection that answers like one to a DuckDB file."""

    def __init__(self, url: str) -> None:
        import psycopg2

        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True
        self._undefined = psycopg2.errors.UndefinedTable

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        if statement.startswith("SET schema"):
            statement = statement.replace("SET schema", "SET search_path")
        cursor = self._connection.cursor()
        try:
            cursor.execute(statement.replace("?", "%s"), list(values) or None)
        except self._undefined as error:
            raise duckdb.CatalogException(str(error)) from None
        return cursor


class PostgresOffice(Office):
    """An account and a warehouse in a database of its own."""

    def __init__(self, folder: Path, url: str, **world: Any) -> None:
        super().__init__(folder, **world)
        self.warehouse.close()
        self.url, self.warehouse = (
            url,
            Warehouse(backend.DatabaseServer("postgres"), "pipedrive_data"),
        )

    @property
    def database(self) -> Any:
        return lambda: Reader(self.url)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
