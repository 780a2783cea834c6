"""`reconcile` and `purge` as typed, on the invented company."""

import re

import pytest

from pipedrive_assets.cli import main


@pytest.fixture
def _loaded():
    assert 0 == main(["load", "persons", "stages"])


@pytest.mark.slow
@pytest.mark.usefixtures("_loaded")
def test_reconcile_says_what_it_did_and_purge_takes_a_person_out_and_back(capsys):
    assert 0 == main(["reconcile", "persons"])
    assert re.match(r"persons: 0 .* 0 ", capsys.readouterr().out)

    assert 0 == main(["purge", "--person", "3"])
    said = capsys.readouterr().out
    assert "persons: 1 " in said
    assert "Person 3 " in said

    assert 0 == main(["purge", "--person", "3"])
    capsys.readouterr()

    assert 0 == main(["purge", "--person", "3", "--undo"])
    assert "load --full" in capsys.readouterr().out


@pytest.mark.slow
def test_reconcile_reads_children_again_where_that_is_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_TABLES", "deals,deals_products,deals_flow")
    assert 0 == main(["load", "deals", "deals_products"])
    capsys.readouterr()

    assert 0 == main(["reconcile", "deals", "--children"])

    said = capsys.readouterr().out
    assert "deals: 0 " in said
    assert "deals_products: 0 " in said
    assert "deals_flow" not in said


@pytest.mark.slow
@pytest.mark.usefixtures("_loaded")
def test_a_person_whom_no_table_knows_is_not_called_erased(capsys):
    assert 2 == main(["purge", "--person", "999999"])

    said = capsys.readouterr()
    assert "999999" in said.err
    assert "" == said.out


def test_reconcile_skips_what_was_never_loaded(capsys):
    assert 0 == main(["reconcile", "persons"])

    assert "persons: skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "fact"),
    [
        (["reconcile", "stages"], "stages"),
        (["reconcile", "people"], "'people'"),
        (["purge", "--person", "3"], "sandbox.duckdb"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(capsys, typed, fact):
    assert 2 == main(typed)

    error = capsys.readouterr().err
    assert fact in error
    assert 1 == len(error.splitlines())
    assert "Traceback" not in error


def test_raw_replies_in_an_unknown_place_are_not_silently_kept(capsys):
    assert 2 == main(["purge", "--person", "3", "--raw", "delete"])

    said = capsys.readouterr().err
    assert "PIPEDRIVE_RAW_TO is not set" in said
    assert "Nothing was erased" in said


@pytest.mark.parametrize(
    "argv", [["export", "--to", " "], ["rebuild", "--from", "", "--to", "x.duckdb"]]
)
def test_an_empty_folder_is_not_the_working_directory(argv, capsys):
    assert 2 == main(argv)

    assert f"{argv[1]} is empty" in capsys.readouterr().err
