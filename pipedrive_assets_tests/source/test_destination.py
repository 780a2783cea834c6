"""What PIPEDRIVE_DESTINATION names, as far as no server is needed to tell."""

from pathlib import Path

import pytest

from pipedrive_assets.definitions import build
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.settings import Settings
from pipedrive_assets.source import Server, name_of, warehouse_of

pytest.importorskip("psycopg2")

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
    with pytest.raises(ConfigurationError, match="postgres has any number of readers"):
        settings(PIPEDRIVE_DESTINATION="postgres", PIPEDRIVE_READ_COPY="copy.duckdb")


def test_the_default_destination_points_to_no_account():
    assert (
        () == Settings.from_env({"PIPEDRIVE_DESTINATION": "duckdb"}, Path.cwd()).points_to_account
    )
    assert Settings.from_env({"PIPEDRIVE_DESTINATION": "postgres"}, Path.cwd()).points_to_account


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('FATAL:  password authentication failed for user "loader"', "refuses this user"),
        ('FATAL:  database "crm" does not exist', "There is no database"),
        ('connection to server at "x" failed: Connection refused', "cannot be reached"),
        ("permission denied for schema pipedrive_data", "GRANT it CREATE"),
        ("could not extend file: No space left on device", "is full"),
        ("server closed the connection unexpectedly", "was lost"),
        (f"something new about {URL}\nand long", "could not be used: something new"),
    ],
)
def test_each_trouble_is_one_sentence_without_the_password(monkeypatch, said, words):
    monkeypatch.setenv(CREDENTIALS, URL)

    told = str(Server("postgres").explain(Exception(said)))

    assert words in told
    assert "hunter2" not in told
    assert "\n" not in told


def test_credentials_may_stand_in_env(monkeypatch):
    monkeypatch.setenv(CREDENTIALS, "")  # so that what is set here is taken back
    monkeypatch.delenv(CREDENTIALS)
    Path(".env").write_text(f"{CREDENTIALS}={URL}", "utf-8")

    assert "postgres://db.example.com:5433/crm" == str(Server("postgres"))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("postgres", None, f"needs credentials.* Set {CREDENTIALS}"),
        ("postgres", "postgresql://me@localhost/db", "needs credentials"),
        ("postgres", "hunter2 is no URL", "cannot be read"),
        ("postgres", "postgresql://me:a@hunter2@localhost/db", "percent-encoded"),
        ("postgres", "postgresql://me:a@b/hunter2@localhost/db", "percent-encoded"),
        ("filesystem", None, "holds no tables"),
        ("lake", None, "is a DuckDB file. Set PIPEDRIVE_DESTINATION=duckdb"),
        ("oracle9", None, "dlt knows no destination 'oracle9'"),
        ("snowflake", None, "needs the package snowflake"),
    ],
)
def test_what_is_missing_is_one_sentence_that_says_what_to_set(monkeypatch, name, value, words):
    monkeypatch.delenv(CREDENTIALS, raising=False)
    monkeypatch.setenv("DESTINATION__LAKE__DESTINATION_TYPE", "duckdb")
    if value:
        monkeypatch.setenv(CREDENTIALS, value)

    with pytest.raises(ConfigurationError, match=words) as caught:
        Server(name)

    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}"
