"""What PIPEDRIVE_DESTINATION names, as far as no server is needed to tell."""

import re
from pathlib import Path

import pytest
from dlt.destinations.exceptions import DatabaseTerminalException, DestinationConnectionError

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.warehouse import DatabaseServer, name_of, warehouse_of
from pipedrive_assets.warehouse.server.faults import sentence_of
from pipedrive_assets_tests.facts import mentions, raises

psycopg2 = pytest.importorskip("psycopg2")

CREDENTIALS = "DESTINATION__POSTGRES__CREDENTIALS"
URL = "postgresql://loader:hunter2@db.example.com:5433/crm"


def settings(**given: str) -> Settings:
    return Settings.from_env({"PIPEDRIVE_API_TOKEN": "t", **given}, Path.cwd())


def on_postgres() -> Settings:
    return settings(PIPEDRIVE_DESTINATION="postgres")


def test_a_server_is_named_by_host_and_database_without_its_password(monkeypatch):
    monkeypatch.setenv(CREDENTIALS, URL)
    warehouse = warehouse_of(on_postgres())

    assert "postgres://db.example.com:5433/crm:pipedrive_data" == str(warehouse)
    assert str(warehouse) == name_of(on_postgres())
    warehouse.close()


def test_definitions_are_built_where_credentials_are_still_missing(monkeypatch):
    monkeypatch.delenv(CREDENTIALS, raising=False)

    assert "postgres:pipedrive_data" == name_of(on_postgres())
    specs = build(on_postgres()).resolve_all_asset_specs()
    assert {"dlt", "postgres"} in [spec.kinds for spec in specs]
    assert not any("duckdb" in spec.kinds for spec in specs)


def test_a_read_copy_is_for_a_file_alone():
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_READ_COPY"):
        settings(PIPEDRIVE_DESTINATION="postgres", PIPEDRIVE_READ_COPY="copy.duckdb")


def test_the_default_destination_points_to_no_account():
    assert (
        () == Settings.from_env({"PIPEDRIVE_DESTINATION": "duckdb"}, Path.cwd()).points_to_account
    )
    assert Settings.from_env({"PIPEDRIVE_DESTINATION": "postgres"}, Path.cwd()).points_to_account


AT = 'connection to server at "db.example.com" (10.0.0.1), port 5433 failed: '


def refused(text):
    """An error without a code: no connection came about."""
    return psycopg2.OperationalError(text)


def with_state(state, kind=psycopg2.DatabaseError, text="Anna Li"):
    return type(kind.__name__, (kind,), {"pgcode": state})(text)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(f'{AT}FATAL:  password authentication failed for user "x"'), "28000"),
        (refused(f"{AT}fe_sendauth: no password supplied"), "28000"),
        (refused(f'{AT}FATAL:  role "timeout" does not exist'), "28000"),
        (refused(f'{AT}FATAL:  database "refused" does not exist'), "3D000"),
        (refused(f"{AT}Connection refused"), "08001"),
        (refused('could not translate host name "terminating" to address'), "08001"),
        (refused(f"{AT}FATAL:  sorry, too many clients already"), "53300"),
        (refused("server closed the connection unexpectedly"), "08006"),
        (psycopg2.InterfaceError("connection already closed"), "08006"),
        (with_state("42501", text='permission denied for schema "timeout"'), "42501"),
        (with_state("53100"), "53100"),
        (with_state("25006"), "25006"),
        (with_state("25006"), ("read-only", "standby", CREDENTIALS)),
        (refused(f"{AT}server does not support SSL, but SSL was required"), ("TLS", "sslmode")),
        (refused(f"{AT}SSL error: certificate verify failed"), ("TLS", "sslrootcert")),
        (with_state("57014", text="canceling statement due to statement timeout"), "57014"),
        (with_state("57P01", text="terminating connection due to …"), "57P01"),
        (with_state("55P03"), "55P03"),
        (with_state("23505", kind=psycopg2.IntegrityError), ("IntegrityError", "23505")),
        (Exception(f"something new about {URL}\nand long"), ("Exception",)),
        (
            DestinationConnectionError("c", "d", "x", Exception(f"new, {URL}\nand long")),
            ("Exception", "new, postgresql://***@db.example.com"),
        ),
    ],
)
def test_each_trouble_is_one_sentence_without_password_and_rows(monkeypatch, error, expected):
    """`expected` is an SQLSTATE that has the same sentence, or facts."""
    monkeypatch.setenv(CREDENTIALS, URL)

    told = str(DatabaseServer("postgres").translate_error(error))

    if isinstance(expected, str):
        told_of_state = DatabaseServer("postgres").translate_error(with_state(expected))
        assert sentence_of(expected)
        assert str(told_of_state) == told
    else:
        assert re.match(mentions(*expected), told)
    assert "hunter2" not in told
    assert "Anna" not in told
    assert "\n" not in told
    assert told == str(DatabaseServer("postgres").translate_error(wrapped(error)))


def wrapped(error):
    """As dlt wraps it."""
    if isinstance(error, DestinationConnectionError):
        return error
    return DatabaseTerminalException(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(f"{AT}FATAL:  the database system is starting up"), True),
        (refused(f"{AT}FATAL:  remaining connection slots are reserved"), True),
        (refused(f'{AT}FATAL:  database "starting up" does not exist'), False),
        (with_state("57014", text="the database system is starting up"), False),
        (with_state("53300"), True),
    ],
)
def test_only_a_server_that_takes_connections_soon_is_waited_for(monkeypatch, error, expected):
    monkeypatch.setenv(CREDENTIALS, URL)

    assert expected is DatabaseServer("postgres").is_busy(
        DestinationConnectionError("c", "d", str(error), error)
    )


def test_credentials_may_stand_in_env(monkeypatch):
    monkeypatch.setenv(CREDENTIALS, "")  # so that what is set here is taken back
    monkeypatch.delenv(CREDENTIALS)
    Path(".env").write_text(f"{CREDENTIALS}={URL}", "utf-8")

    assert "postgres://db.example.com:5433/crm" == str(DatabaseServer("postgres"))


@pytest.mark.parametrize(
    ("name", "value", "facts"),
    [
        ("postgres", None, (CREDENTIALS,)),
        ("postgres", "postgresql://me@localhost/db", (CREDENTIALS,)),
        ("postgres", "hunter2 is no URL", (CREDENTIALS,)),
        ("postgres", "postgresql://me:a@hunter2@localhost/db", ("percent-encoded",)),
        ("postgres", "postgresql://me:a@b/hunter2@localhost/db", ("percent-encoded",)),
        ("postgres", "mysql://me:hunter2@localhost/db", ("a URL of mysql", CREDENTIALS)),
        ("filesystem", None, ("filesystem", "duckdb", "postgres")),
        ("snowflake", None, ("snowflake", "duckdb", "postgres")),
    ],
)
def test_what_is_missing_is_one_sentence_that_says_what_to_set(monkeypatch, name, value, facts):
    monkeypatch.delenv(CREDENTIALS, raising=False)
    if value:
        monkeypatch.setenv(CREDENTIALS, value)

    with raises(ConfigurationError, *facts) as caught:
        DatabaseServer(name)

    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}"
