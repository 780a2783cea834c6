"""The bare command: what it is completed to, and that nothing else is touched."""

import pytest

from pipedrive_assets.entities import DEFAULT_ENTITIES
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.orchestration.instance import (
    check_names,
    check_partitions,
    check_selection,
    spelled_out,
)

TODAY = "2026-03-10"
COMPLETED = ["-m", "pipedrive_assets", "--partition", TODAY]


@pytest.mark.parametrize(
    ("typed", "missing"),
    [
        ("--select deals+", COMPLETED),
        ("--select=deals+", COMPLETED),
        ("--select deals+ --partition 2026-03-01", COMPLETED[:2]),
        ("--select deals+ --partition=2026-03-01", COMPLETED[:2]),
        ("--select deals+ --partition-range 2026-03-01...2026-03-03", COMPLETED[:2]),
        ("--select deals+ -m pipedrive_assets", COMPLETED[2:]),
        ("--select deals+ --module-name=pipedrive_assets", COMPLETED[2:]),
    ],
)
@pytest.mark.parametrize("program", ["/x/bin/dagster", "/x/site-packages/dagster/__main__.py"])
def test_the_bare_command_is_completed_with_what_is_missing(program, typed, missing):
    words = ["asset", "materialize", *typed.split()]

    assert [*words, *missing] == spelled_out([program, *words], today=TODAY)


@pytest.mark.parametrize(
    "argv",
    [
        "/x/dagster asset materialize --select deals+ -m pipedrive_assets --partition 2026-03-01",
        "/x/bin/dagster asset materialize --select deals+ -m another_project",
        "/x/bin/dagster asset materialize --select deals+ -f other.py",
        "/x/bin/dagster asset materialize --help",
        "/x/bin/dagster asset list",
        "/x/bin/dagster dev",
        "/x/bin/pytest asset materialize --select deals+",
    ],
)
def test_every_other_command_is_left_alone(argv):
    assert spelled_out(argv.split(), today=TODAY) is None


@pytest.mark.parametrize(
    "typed",
    ["--partition 2025-12-31", "--partition=2026-03-11", "--partition-range 2026-03-09...x"],
)
def test_a_partition_that_there_is_not_is_one_sentence(typed):
    argv = ["dagster", "asset", "materialize", "--select", "deals+", *typed.split()]

    with pytest.raises(ConfigurationError, match="PIPEDRIVE_FIRST_PARTITION"):
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

    with pytest.raises(ConfigurationError, match=r"no asset 'dels'\. Select such as deals;"):
        check_names(argv, {"deals", "persons"})


@pytest.mark.parametrize(
    "selected", ["deals+1", "*", "+persons,deals", "deals or persons", "group:x", 'key:"nosuch"']
)
def test_a_selection_of_assets_or_of_anything_but_names_is_dagsters(selected):
    check_names(["dagster", "asset", "materialize", "--select", selected], {"deals", "persons"})
