"""A run that finds the same content reports it again; any change to what is shown is computed."""

from functools import partial

import dagster as dg
import duckdb
import pytest

from pipedrive_assets_tests.orchestration.test_assets import facts
from pipedrive_assets_tests.orchestration.test_derived import run  # noqa: F401 - a fixture

INPUTS = ["deals", "deals_flow", "stages", "pipelines", "activities", "users", "activity_types"]
DERIVED = ["deal_stage_history", "open_pipeline", "hygiene", "hygiene_rules", "sales_overview"]
TIMES = ("complete_until", "preview_as_of", "based_on")


def write(office, statement):
    """Change the warehouse as another program does: nothing records it."""
    with duckdb.connect(str(office.warehouse.path)) as connection:
        connection.execute("SET schema = 'pipedrive_data'")
        connection.execute(statement)


def report_of(result, name):
    return {key: value for key, value in facts(result, name).items() if key not in TIMES}


def checks_of(result):
    return {
        each.check_name: (each.passed, each.description, each.metadata)
        for each in result.get_asset_check_evaluations()
        if each.asset_key == dg.AssetKey("hygiene")
    }


def is_repeated(result):
    """Whether a run has repeated the report on the content of an earlier one."""
    return "preview_as_of" in facts(result, "open_pipeline")


@pytest.fixture
def derive(run, office):  # noqa: F811
    """Materialize the derived assets of a loaded warehouse, always in the same instance."""
    office.load(*INPUTS)
    with dg.DagsterInstance.ephemeral() as instance:
        yield partial(run, DERIVED, instance=instance)


def test_the_same_content_is_reported_again_with_the_time_until_which_it_is_complete(
    derive, office
):
    first = derive()
    office.advance(minutes=30)
    office.load(*INPUTS)

    second = derive()

    assert (False, True) == (is_repeated(first), is_repeated(second))
    for name in DERIVED:
        assert report_of(first, name) == report_of(second, name)
    for name in ("deal_stage_history", "sales_overview"):
        assert office.sandbox.now.timestamp() == facts(second, name)["complete_until"]
    assert checks_of(first) == checks_of(second)
    page = office.warehouse.path.with_name("sales_overview_sandbox.html").read_text("utf-8")
    assert f"complete up to {office.sandbox.now:%Y-%m-%d %H:%M} UTC" in page


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deals SET value = 12345 WHERE id = (SELECT min(id) FROM deals)",
        "DELETE FROM deals_flow WHERE deal_id = (SELECT min(id) FROM deals)",
        "UPDATE deals SET _deleted_at = now() WHERE id = (SELECT min(id) FROM deals)",
        "UPDATE users SET name = 'Somebody else'",
        "UPDATE _pipedrive_coverage SET complete_until = complete_until + INTERVAL 1 DAY",
        "UPDATE _pipedrive_coverage SET baseline_at = NULL WHERE entity = 'activities'",
        "DROP VIEW hygiene",
    ],
)
def test_whatever_changes_what_is_shown_is_computed(derive, office, statement):
    derive()
    write(office, statement)

    result = derive()

    assert result.success
    assert is_repeated(result) is statement.startswith("DROP VIEW")
    assert (
        facts(result, "hygiene")["rows_in_table"]
        == (office.query("SELECT count(*) FROM hygiene")[0][0])
    )


@pytest.mark.slow
def test_a_column_that_no_table_shows_changes_nothing(derive, office):
    derive()
    write(office, "UPDATE deals SET origin = 'Nowhere'")

    assert is_repeated(derive())


@pytest.mark.slow
def test_another_preview_is_made_when_the_setting_changes(derive, monkeypatch):
    derive()
    monkeypatch.setenv("PIPEDRIVE_PREVIEW", "off")

    result = derive()

    assert "preview" not in facts(result, "open_pipeline")


@pytest.mark.slow
def test_a_page_that_someone_deleted_is_written_again(derive, office):
    derive()
    page = office.warehouse.path.with_name("sales_overview_sandbox.html")
    before = page.read_text("utf-8")
    page.unlink()

    derive()

    assert before == page.read_text("utf-8")


@pytest.mark.slow
def test_the_report_on_another_warehouse_does_not_count(derive, office, tmp_path):
    derive()
    path = office.warehouse.path
    moved = tmp_path / "moved.duckdb"
    path.rename(moved)
    office.load("stages")

    result = derive()

    assert (
        facts(result, "hygiene")["rows_in_table"]
        == (office.query("SELECT count(*) FROM hygiene")[0][0])
    )
