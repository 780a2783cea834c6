"""`dbt sources`: what it writes, and where."""

import sys
from pathlib import Path

import pytest

from pipedrive_assets.cli import main

yaml = pytest.importorskip("yaml")

ACCOUNTS = """
from pipedrive_assets.config import Settings

accounts = {
    "acme": Settings(found={}, api_token="token-of-acme-0123456789", tables="deals,users"),
    "globex": Settings(found={}, api_token="token-of-globex-012345", tables="stages"),
}
"""


@pytest.fixture(autouse=True)
def _imports(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_without_a_file_the_sources_are_printed_and_the_note_goes_to_standard_error(
    monkeypatch, capsys
):
    monkeypatch.setenv("PIPEDRIVE_TABLES", "deals,+projects")
    monkeypatch.setenv("PIPEDRIVE_DATASET", "crm")

    assert 0 == main(["dbt", "sources", "--key-prefix", "sales/crm"])

    said = capsys.readouterr()
    (source,) = yaml.safe_load(said.out)["sources"]
    deals = source["tables"][0]
    assert ("pipedrive", "pipedrive", "crm") == (
        source["name"],
        source["database"],
        source["schema"],
    )
    assert {"deals", "projects"} == {table["name"].partition("__")[0] for table in source["tables"]}
    assert ["sales", "crm", "deals"] == deals["config"]["meta"]["dagster"]["asset_key"]
    assert "not loaded" in said.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_file_that_cannot_be_written_is_named(capsys):
    assert 2 == main(["dbt", "sources", "--output", "/dev/full"])

    assert "/dev/full cannot be written (No space left on device)" in capsys.readouterr().err


def test_a_file_is_replaced_and_nothing_is_printed(tmp_path, capsys):
    target = tmp_path / "models" / "sources.yml"

    assert 0 == main(["dbt", "sources", "--output", str(target)])
    first = target.read_text("utf-8")
    assert 0 == main(["dbt", "sources", "--output", str(target)])

    assert first == target.read_text("utf-8")
    assert first.startswith("# ")
    assert "deals" in first
    assert "" == capsys.readouterr().out
    assert not (tmp_path / "data").exists()


def test_several_accounts_are_a_source_each_and_no_token_is_written(tmp_path, capsys):
    (tmp_path / "accounts_of_dbt.py").write_text(ACCOUNTS, "utf-8")

    assert 0 == main(["dbt", "sources", "--accounts", "accounts_of_dbt:accounts"])

    text = capsys.readouterr().out
    found = {source["name"]: source for source in yaml.safe_load(text)["sources"]}
    assert {"pipedrive_acme", "pipedrive_globex"} == found.keys()
    assert "pipedrive_globex" == found["pipedrive_globex"]["database"]
    assert "pipedrive_globex" == found["pipedrive_globex"]["schema"]
    assert ["stages"] == [table["name"] for table in found["pipedrive_globex"]["tables"]]
    assert "token-of" not in text


def test_accounts_that_cannot_be_imported_are_a_configuration_error(capsys):
    assert 2 == main(["dbt", "sources", "--accounts", "nowhere:accounts"])

    assert capsys.readouterr().err.startswith("ConfigurationError: ")
