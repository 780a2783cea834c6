"""The bare command: what it is completed to, and that nothing else is touched."""

import dagster as dg
import pytest

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.orchestration.instance import (
    check_names,
    check_partitions,
    check_selection,
    is_bare,
    spelled_out,
)
from pipedrive_assets.registry import DEFAULT_ENTITIES

TODAY = "2026-03-10"
LOCATION = ["-m", "pipedrive_assets"]
TODAYS = ["--partition", TODAY]
PROGRAMS = ("/x/bin/dagster", "/x/site-packages/dagster/__main__.py")


@pytest.mark.parametrize(
    ("typed", "missing"),
    [
        ("--select deals+", [*LOCATION, *TODAYS]),
        ("--select=deals+", [*LOCATION, *TODAYS]),
        ("--select deals+ --partition 2026-03-01", LOCATION),
        ("--select deals+ --partition=2026-03-01", LOCATION),
        ("--select deals+ --partition-range 2026-03-01...2026-03-03", LOCATION),
    ],
)
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_bare_command_is_completed_with_what_is_missing(tmp_path, program, typed, missing):
    words = ["asset", "materialize", *typed.split()]

    assert is_bare([program, *words], {}, tmp_path)
    assert [*words, *missing] == spelled_out([program, *words], today=TODAY)


@pytest.mark.parametrize(
    "argv",
    [
        "/x/bin/dagster asset materialize --select deals+ -m pipedrive_assets",
        "/x/bin/dagster asset materialize --select deals+ --module-name=another_project",
        "/x/bin/dagster asset materialize --select deals+ -m another_project",
        "/x/bin/dagster asset materialize --select deals+ -f other.py",
        "/x/bin/dagster asset materialize --help",
        "/x/bin/dagster asset list",
        "/x/bin/dagster asset wipe deals",
        "/x/bin/dagster dev",
        "/x/bin/dagster job execute",
        "/x/bin/pytest asset materialize --select deals+",
    ],
)
def test_every_other_command_is_left_alone(tmp_path, argv):
    assert not is_bare(argv.split(), {}, tmp_path)


BARE = ["/x/bin/dagster", "asset", "materialize", "--select", "deals+"]


@pytest.mark.parametrize("name", ["DAGSTER_MODULE_NAME", "DAGSTER_PYTHON_FILE"])
def test_a_code_location_in_the_environment_is_left_alone(tmp_path, name):
    assert not is_bare(BARE, {name: "another_project"}, tmp_path)


@pytest.mark.parametrize("block", ["dagster", "dg"])
def test_a_code_location_in_the_folders_pyproject_is_left_alone(tmp_path, block):
    (tmp_path / "pyproject.toml").write_text(f'[tool.{block}]\nmodule_name = "another_project"\n')

    assert not is_bare(BARE, {}, tmp_path)


def test_a_pyproject_without_a_code_location_changes_nothing(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")

    assert is_bare(BARE, {}, tmp_path)


@pytest.mark.parametrize("command", ["dev", "asset list", "asset materialize -m another_project"])
def test_other_code_locations_of_the_instance_start_whatever_our_settings_are(
    monkeypatch, tmp_path, command
):
    monkeypatch.setattr("sys.argv", ["/x/bin/dagster", *command.split()])
    monkeypatch.setenv("PIPEDRIVE_FIRST_PARTITION", "someday")
    (tmp_path / "dagster.yaml").write_text(
        "instance_class:\n"
        "  module: pipedrive_assets.orchestration.instance\n"
        "  class: BareCommandInstance\n"
    )

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert "BareCommandInstance" == type(instance).__name__


@pytest.mark.parametrize(
    "typed",
    ["--partition 2025-12-31", "--partition=2026-03-11", "--partition-range 2026-03-09...x"],
)
def test_a_partition_that_there_is_not_is_one_sentence(typed):
    argv = ["dagster", "asset", "materialize", "--select", "deals+", *typed.split()]

    with pytest.raises(ConfigurationError, match="PIPEDRIVE_FIRST_PARTITION"):
        check_partitions(argv, "2026-01-01", TODAY)


def test_a_range_that_ends_before_it_begins_is_one_sentence():
    argv = ["dagster", "asset", "materialize", "--partition-range", "2026-03-09...2026-03-02"]

    with pytest.raises(ConfigurationError, match="ends before it begins"):
        check_partitions(argv, "2026-01-01", TODAY)


@pytest.mark.parametrize("typed", ["--select deals,+projects", "--select=projects*"])
def test_an_optional_table_that_is_not_loaded_here_is_one_sentence(typed):
    argv = ["dagster", "asset", "materialize", *typed.split()]

    with pytest.raises(ConfigurationError, match=r"PIPEDRIVE_TABLES=default,\+projects"):
        check_selection(argv, DEFAULT_ENTITIES)


@pytest.mark.parametrize(
    "typed", ["--select deals+", "--select=group:crm", "--select *", "-m projects"]
)
def test_any_other_selection_is_dagsters(typed):
    check_selection(["dagster", "asset", "materialize", *typed.split()], DEFAULT_ENTITIES)


def test_a_misspelt_asset_gets_the_name_that_is_meant():
    argv = ["dagster", "asset", "materialize", "--select", "persons,dels+"]

    with pytest.raises(ConfigurationError, match=r"'dels'.*\bdeals\b"):
        check_names(argv, {"deals", "persons"})


@pytest.mark.parametrize(
    "selected", ["deals+1", "*", "+persons,deals", "deals or persons", "group:x", 'key:"nosuch"']
)
def test_a_selection_of_assets_or_of_anything_but_names_is_dagsters(selected):
    check_names(["dagster", "asset", "materialize", "--select", selected], {"deals", "persons"})
