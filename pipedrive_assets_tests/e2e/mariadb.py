"""A MariaDB server of the test's own: Debian's programs, data in a folder that is thrown away."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
from typing_extensions import Self

USER = "loader"
NO_SUCH_TABLE = 1146
START_SECONDS = 60


def reason_to_skip() -> str:
    """Why there can be no server here; empty: there can."""
    try:
        import pymysql  # noqa: F401
    except ImportError:
        return "the package pymysql is not installed"
    return (
        "" if _program("mariadbd") else "no MariaDB is installed (apt-get install mariadb-server)"
    )


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


class Server:
    """A running server, on a port of its own."""

    def __init__(self, port: int, password: str) -> None:
        self.port, self.password = port, password

    @property
    def url(self) -> str:
        return f"mysql+pymysql://{USER}:{self.password}@127.0.0.1:{self.port}/pipelines"

    def connect(self) -> Any:
        import pymysql

        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=self.password,
            autocommit=True,
            init_command="SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')",
        )

    def execute(self, statement: str) -> list[Any]:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


@contextmanager
def running() -> Iterator[Server]:
    """A server for as long as it takes."""
    folder, password = Path(tempfile.mkdtemp(prefix="mariadb-")), secrets.token_hex(8)
    user = ["--user=root"] if os.getuid() == 0 else []
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        server = Server(int(found.getsockname()[1]), password)
    (folder / "start.sql").write_text(
        f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO {USER}@'127.0.0.1';\nCREATE DATABASE pipelines;\n",
        "utf-8",
    )
    data = f"--datadir={folder / 'data'}"
    try:
        with (folder / "log").open("w") as log:
            install = [
                _program("mariadb-install-db"),
                "--no-defaults",
                *user,
                data,
                "--skip-test-db",
            ]
            subprocess.run(install, stdout=log, stderr=log, check=True, timeout=120)
            options = [
                f"--port={server.port}", "--bind-address=127.0.0.1", "--skip-name-resolve",
                f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}",
                f"--init-file={folder / 'start.sql'}", "--innodb-flush-log-at-trx-commit=0",
            ]  # fmt: skip
            command = [_program("mariadbd"), "--no-defaults", *user, data, *options]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait(server, process, folder / "log")
            yield server
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import pymysql

    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            server.execute("USE pipelines")
        except pymysql.OperationalError:
            assert process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < give_up, log.read_text("utf-8", "replace")
            time.sleep(0.2)
        else:
            return


class Reader:
    """A connection that answers like one to a DuckDB file: it gives times their zone, UTC."""

    def __init__(self, server: Server) -> None:
        self._connection = server.connect()
        self.description: Sequence[Any] = ()
        self._rows: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Self:
        import pymysql

        with self._connection.cursor() as cursor:
            try:
                cursor.execute(statement.replace("?", "%s"), list(values) or None)
            except pymysql.ProgrammingError as error:
                if error.args[0] == NO_SUCH_TABLE:
                    raise duckdb.CatalogException(str(error)) from None
                raise
            self.description, self._rows = cursor.description, list(cursor.fetchall())
        return self

    def fetchall(self) -> list[Any]:
        return [tuple(map(_in_utc, row)) for row in self._rows]


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) else value
