"""What a plain pipeline holds, whatever happened in the account and whatever was selected."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from pipedrive_assets.config import Settings
from pipedrive_assets.dlt_source import unfinished
from pipedrive_assets.errors import (
    BudgetExhausted,
    ConfigurationError,
    DataError,
    Forbidden,
    InternalError,
    WrongAccountError,
)
from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.sandbox import Sandbox, World, faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.conftest import NO_LIMIT, NOON
from pipedrive_assets_tests.dlt_source.conftest import DEALS, SMALL, cause
from pipedrive_assets_tests.facts import mentions
from pipedrive_assets_tests.truth import account_rows

SHOWN = tuple(name for name in DEALS if name != "deals_flow")
"""What moves a deal's `update_time` when it changes; of the flow, some events do not."""

PAIR = ("deals", "deals_products")
"""A parent and a child: enough where the kind of child does not matter. Each table costs time."""


@pytest.mark.slow
def test_later_runs_bring_what_changed_and_only_that(plain, twin):
    """Compared with the Dagster load, which also finds events that leave their deal as it was."""
    names = ("deals", "deals_participants", "leads")
    plain.run(*names)
    twin.load(*names)
    plain.office.advance(days=3)
    before = len(plain.asked("v1/deals"))

    changed = plain.run(*names)
    asked = len(plain.asked("v1/deals")) - before
    twin.load(*names)

    assert {name: [] for name in names} == {
        name: plain.differences_from(twin, name) for name in names
    }
    assert 0 < changed["deals"] < len(plain.office.world.ids("deals"))
    assert asked <= changed["deals"]


@pytest.mark.slow
def test_children_of_a_list_that_is_read_whole_are_read_where_their_parent_changed(plain):
    names = ("mail_messages", "project_changelog", "phases", "role_assignments")
    plain.run(*names)
    assert [] == plain.office.differences(*names)
    plain.office.advance(days=9)

    plain.run(*names)
    asked = len(plain.asked("/mailMessages"))
    plain.run(*names)

    assert [] == plain.differences("mail_messages", "project_changelog", "phases")
    assert asked == len(plain.asked("/mailMessages"))


@pytest.mark.slow
def test_a_second_run_asks_for_no_children_when_nothing_changed(loaded):
    loaded.office.advance(minutes=30)
    before = len(loaded.asked("v1/deals"))

    loaded.run(*DEALS)

    assert before == len(loaded.asked("v1/deals"))


@pytest.mark.slow
def test_a_child_selected_later_gets_the_children_of_all_parents(plain):
    plain.run("deals", "deals_participants")
    plain.office.advance(days=1)
    participants = len(plain.asked("v1/deals"))

    plain.run(*DEALS)

    assert [] == plain.differences(*DEALS)
    asked = [path for path in plain.asked("v1/deals")[participants:] if "participants" in path]
    assert len(asked) < 10


@pytest.mark.slow
def test_a_child_deselected_for_a_while_loses_nothing(plain):
    plain.run(*PAIR)
    plain.office.advance(days=2)
    plain.run("deals")
    plain.office.advance(days=2)

    plain.run(*PAIR)

    assert [] == plain.differences(*PAIR)


@pytest.mark.slow
def test_a_child_alone_is_loaded_without_its_parent(plain):
    loaded = plain.run("deals_products")

    assert "deals" not in loaded
    assert [] == plain.differences("deals_products")


@pytest.mark.slow
def test_deals_selected_after_a_child_are_loaded_whole(plain):
    plain.run("deals_products")
    plain.office.advance(days=1)

    plain.run("deals", "deals_products")

    assert [] == plain.differences("deals", "deals_products")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("counter", ["participants_count", None])
def test_a_participant_who_left_disappears_also_when_nobody_is_left(plain, counter, monkeypatch):
    """Whether the deal's own counter tells, or an empty answer."""
    participants = replace(BY_NAME["deals_participants"], count_column=counter)
    monkeypatch.setattr(Settings, "named", lambda *_: (BY_NAME["deals"], participants))
    world = plain.office.world
    deal = next(iter(world.tables["deals"].rows.values()))["id"]
    for row in list(world.tables["participants"].where("deal_id", deal)):
        world.remove_participant(deal, row["person_id"])
    person, other = world.ids("persons")[:2]
    world.add_participant(deal, person)
    world.add_participant(deal, other)
    plain.run("deals_participants")
    held = f"SELECT person_id FROM deals_participants WHERE deal_id = {deal} ORDER BY 1"
    both = plain.office.query(held)
    plain.office.advance(minutes=30)
    world.remove_participant(deal, person)

    plain.run("deals_participants")
    one = plain.office.query(held)
    plain.office.advance(minutes=30)
    world.remove_participant(deal, other)
    plain.run("deals_participants")
    if counter is None:
        plain.run("deals_participants")  # an empty reply is accepted by the second run that gets it

    assert ([(person,), (other,)], [(other,)], []) == (both, one, plain.office.query(held))


@pytest.mark.slow
def test_an_edit_while_the_list_is_read_is_held_as_it_was_last_read(plain, small_pages):
    world = plain.office.world
    first = min(world.ids("deals"))
    plain.office.sandbox.inject(
        faults.after("api/v2/deals", lambda: world.archive("deals", first)).at(2)
    )

    plain.run("deals", "deals_flow")

    asked = plain.asked("v1/deals")
    assert [] == plain.office.differences("deals")
    assert sorted(set(asked)) == sorted(asked)


@pytest.mark.slow
def test_a_row_without_update_time_is_found_by_its_id(loaded):
    loaded.office.advance(minutes=30)
    deal = loaded.office.world.add("deals", title="Without a time")
    loaded.office.world.touch("deals", deal, None)

    loaded.run("deals", "deals_flow")

    assert [] == loaded.differences("deals", "deals_flow")


@pytest.mark.slow
def test_a_run_that_fails_loads_nothing_and_remembers_nothing(loaded):
    loaded.office.advance(days=2)
    before = loaded.office.query("SELECT id, update_time FROM deals ORDER BY 1")
    loaded.office.sandbox.inject(faults.spent("v1/deals/*/flow").at(3, times=None))

    with pytest.raises(PipelineStepFailed) as failure:
        loaded.run(*DEALS)
    unchanged = loaded.office.query("SELECT id, update_time FROM deals ORDER BY 1")
    loaded.office.sandbox.clear_faults()
    loaded.run(*DEALS)

    assert isinstance(cause(failure), BudgetExhausted)
    assert before == unchanged
    assert [] == loaded.differences(*SHOWN)


@pytest.mark.slow
def test_a_run_killed_before_its_load_is_loaded_by_the_next(plain):
    pipeline = plain.pipeline
    pipeline.extract(plain.source(*PAIR))

    plain.run(*PAIR)

    assert [] == plain.office.differences(*PAIR)


@pytest.mark.slow
def test_a_package_given_up_is_read_again(plain):
    pipeline = plain.pipeline
    pipeline.extract(plain.source("deals"))
    pipeline.abort_packages()

    plain.run("deals")

    assert [] == plain.office.differences("deals")


@pytest.mark.slow
def test_without_its_working_folder_a_pipeline_goes_on_from_the_destination(loaded):
    loaded.office.advance(days=1)
    shutil.rmtree(loaded.folder / "pipelines")
    before = len(loaded.asked("v1/deals"))

    changed = loaded.run(*DEALS)

    assert [] == loaded.differences(*SHOWN)
    assert changed["deals"] < len(loaded.office.world.ids("deals"))
    assert len(loaded.asked("v1/deals")) - before <= 2 * changed["deals"]


@pytest.mark.slow
def test_not_incremental_loads_everything_again(loaded):
    total = len(loaded.office.world.ids("deals"))

    again = loaded.run("deals", "deals_products", incremental=False)

    assert total <= again["deals"]
    assert [] == loaded.differences("deals", "deals_products")


@pytest.mark.slow
def test_a_start_limits_the_first_run_of_a_resource(plain):
    plain.run("activities", since_timestamp="2026-03-01 00:00:00Z")

    ((oldest, held),) = plain.office.query("SELECT min(update_time), count(*) FROM activities")
    assert 0 < held < len(plain.office.world.ids("activities"))
    assert "2026-03-01" <= f"{oldest:%Y-%m-%d}"


@pytest.mark.slow
def test_a_start_after_the_last_run_leaves_no_gap(plain):
    plain.run("deals")
    plain.office.advance(days=2)

    plain.run("deals", "deals_products", since_timestamp=plain.office.sandbox.now)

    assert [] == plain.differences("deals")


@pytest.mark.slow
def test_a_source_may_be_run_again_and_again(plain):
    source, pipeline = plain.source("deals"), plain.pipeline
    pipeline.run(source)
    plain.office.advance(days=2)

    pipeline.run(source)

    assert [] == plain.differences("deals")


def test_rows_are_read_without_a_pipeline_too(plain):
    found = list(plain.source("deals", "deals_products").resources["deals"])

    assert set(plain.office.world.ids("deals")) <= {row["id"] for row in found}


@pytest.mark.slow
def test_what_the_account_lacks_is_skipped_and_loaded_whole_once_it_is_there(plain):
    names = ("deals", "deals_products", "leads")
    plain.office.sandbox.inject(
        faults.refused("api/v2/deals/products", 402), faults.refused("v1/leads*", 403)
    )
    plain.run(*names)
    plain.office.advance(days=1)
    before = len(plain.office.sandbox.log)
    plain.run(*names)
    log = plain.office.sandbox.log[before:]
    first = next(dict(line.params) for line in log if line.path == "/api/v2/deals")
    plain.office.sandbox.clear_faults()
    plain.office.advance(days=1)

    plain.run(*names)
    plain.run(*names)

    assert "updated_since" in first
    assert [] == plain.differences(*names)


@pytest.mark.slow
def test_what_the_account_lacks_is_not_asked_for_page_by_page(plain, small_pages):
    plain.office.sandbox.inject(faults.refused("api/v2/deals/products", 402))

    plain.run("deals", "deals_products")

    assert 1 <= len(plain.asked("api/v2/deals/products")) <= 5


@pytest.mark.slow
def test_a_deal_refused_by_itself_is_asked_for_again(plain):
    deal = min(plain.office.world.ids("deals"))
    plain.office.sandbox.inject(faults.refused(f"v1/deals/{deal}/flow", 403))
    plain.run("deals", "deals_flow")
    plain.office.sandbox.clear_faults()

    plain.run("deals", "deals_flow")

    assert [] == plain.office.differences("deals_flow")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_deal_that_is_refused_in_every_run_is_asked_for_again_and_hinders_no_other(plain, status):
    deal = min(plain.office.world.ids("deals"))
    names = ("deals", "deals_participants")
    paths = [f"v1/deals/{deal}/*", *([f"api/v2/deals/{deal}"] if status == 404 else [])]
    plain.office.sandbox.inject(*(faults.refused(path, status) for path in paths))
    plain.run(*names)
    plain.run(*names)
    plain.office.sandbox.clear_faults()

    plain.run(*names)

    assert [] == plain.office.differences("deals_participants")
    assert {"owed", "doubted"}.isdisjoint(plain.state("deals_participants"))


@pytest.mark.slow
def test_a_table_whose_endpoint_closes_in_mid_run_fails_and_is_read_whole_afterwards(plain):
    plain.office.sandbox.inject(
        faults.refused("v1/deals/*/flow", 403).at(5, times=None),
        faults.refused("api/v2/deals/*", 403).at(2, times=None),
    )
    with pytest.raises(PipelineStepFailed) as failure:
        plain.run("deals", "deals_flow")
    plain.office.sandbox.clear_faults()

    plain.run("deals", "deals_flow")

    assert isinstance(cause(failure), Forbidden)
    assert [] == plain.office.differences("deals_flow")


@pytest.mark.slow
@pytest.mark.samples(3)
@pytest.mark.parametrize("at_first", [True, False])
@pytest.mark.parametrize("name", ["deals_participants", "deals_flow", "deals_products"])
def test_empty_replies_in_one_run_take_nothing_away_and_hide_nothing(plain, name, at_first):
    if not at_first:
        plain.run("deals", name)
        plain.office.advance(minutes=30)
        for deal in plain.office.world.ids("deals"):
            plain.office.world.edit("deals", deal, title="Moved")
    path = BY_NAME[name].path.format(id="*")
    empty = json_reply(200, {"success": True, "data": []})
    plain.office.sandbox.inject(faults.reply(path, empty).always())
    plain.run("deals", name)
    held = plain.office.query(f"SELECT count(*) FROM {name}")
    plain.office.sandbox.clear_faults()

    plain.run("deals", name)

    assert at_first or [(0,)] < held
    assert [] == plain.office.differences(name)


@pytest.mark.slow
@pytest.mark.parametrize("changed", [2, SMALL], ids=["a few deals", "all deals"])
@pytest.mark.parametrize(
    ("name", "data"),
    [("deals_participants", None), ("deals_flow", []), ("deals_products", [])],
)
def test_empty_replies_in_two_runs_take_nothing_away_and_hide_nothing(plain, name, data, changed):
    plain.run("deals", name)
    plain.office.advance(minutes=30)
    filled = plain.office.query(f"SELECT DISTINCT deal_id FROM {name} ORDER BY 1")
    for (deal,) in filled[:changed]:
        plain.office.world.edit("deals", deal, title="Moved")
    before = plain.office.query(f"SELECT count(*) FROM {name}")
    path = BY_NAME[name].path.format(id="*")
    empty = json_reply(200, {"success": True, "data": data})
    plain.office.sandbox.inject(faults.reply(path, empty).always())
    plain.run("deals", name)

    if changed < SMALL:
        plain.run("deals", name)
    else:
        with pytest.raises(PipelineStepFailed) as failure:
            plain.run("deals", name)
        assert isinstance(cause(failure), DataError)
    held = plain.office.query(f"SELECT count(*) FROM {name}")
    plain.office.sandbox.clear_faults()
    plain.run("deals", name)

    assert before == held
    assert [] == plain.office.differences(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deals_participants", "deals_flow"])
def test_a_single_deal_that_stays_empty_keeps_its_rows_and_is_not_requested_for_ever(plain, name):
    plain.run("deals", name)
    plain.office.advance(minutes=30)
    control = plain.state(name)["filled"]
    ((deal,),) = plain.office.query(f"SELECT max(deal_id) FROM {name} WHERE deal_id != {control}")
    plain.office.world.edit("deals", deal, title="Moved")
    before = plain.office.query(f"SELECT count(*) FROM {name} WHERE deal_id = {deal}")
    path = BY_NAME[name].path.format(id=deal)
    empty = json_reply(200, {"success": True, "data": []})
    plain.office.sandbox.inject(faults.reply(path, empty).always())
    plain.run("deals", name)
    plain.office.world.instant += timedelta(minutes=30)
    plain.run("deals", name)
    asked = len(plain.asked(path))

    plain.run("deals", name)

    assert before == plain.office.query(f"SELECT count(*) FROM {name} WHERE deal_id = {deal}")
    assert asked == len(plain.asked(path))
    assert not {"owed", "doubted"} & plain.state(name).keys()


@pytest.mark.slow
def test_participants_are_removed_by_the_second_empty_reply_if_the_deal_counts_none(plain):
    """The deal's row still counted them when the first empty reply arrived."""
    plain.run("deals", "deals_participants")
    plain.office.advance(minutes=30)
    ((deal,),) = plain.office.query("SELECT max(deal_id) FROM deals_participants")
    world = plain.office.world
    world.edit("deals", deal, title="Moved")
    path = BY_NAME["deals_participants"].path.format(id=deal)
    empty = json_reply(200, {"success": True, "data": None})
    plain.office.sandbox.inject(faults.reply(path, empty).always())
    plain.run("deals", "deals_participants")
    plain.office.sandbox.clear_faults()
    for row in list(world.tables["participants"].where("deal_id", deal)):
        world.remove_participant(deal, row["person_id"], touch=False)
    held = f"SELECT count(*) FROM deals_participants WHERE deal_id = {deal}"
    before = plain.office.query(held)

    plain.run("deals", "deals_participants")

    assert [(0,)] < before
    assert [(0,)] == plain.office.query(held)
    assert [] == plain.office.differences("deals_participants")


@pytest.mark.slow
def test_a_deal_that_no_run_finds_for_a_week_is_forgotten(plain):
    plain.run("deals", "deals_participants")
    plain.office.advance(minutes=30)
    ((deal,),) = plain.office.query(
        "SELECT min(id) FROM deals WHERE participants_count > 0 AND NOT is_deleted"
    )
    plain.office.world.edit("deals", deal, title="Going")
    for path in (f"v1/deals/{deal}/*", f"api/v2/deals/{deal}"):
        plain.office.sandbox.inject(faults.refused(path, 404))
    plain.run("deals", "deals_participants")
    first = plain.state("deals_participants").get("doubted")
    plain.office.world.instant += timedelta(days=8)

    plain.run("deals", "deals_participants")

    assert {str(deal)} == set(first)
    assert "doubted" not in plain.state("deals_participants")


@pytest.mark.slow
def test_a_deal_that_vanished_takes_no_other_row_with_it(loaded):
    loaded.office.advance(minutes=30)
    first, second = sorted(loaded.office.world.ids("deals"))[:2]
    loaded.office.world.edit("deals", first, title="Going")
    loaded.office.world.edit("deals", second, title="Staying")
    for path in (f"v1/deals/{first}/*", f"api/v2/deals/{first}"):
        loaded.office.sandbox.inject(faults.refused(path, 404))

    loaded.run(*DEALS)

    assert [("Staying",)] == loaded.office.query(f"SELECT title FROM deals WHERE id = {second}")


@pytest.mark.slow
def test_with_keep_partial_a_spent_day_costs_nothing_that_was_read(plain, small_pages):
    plain.office.sandbox.inject(faults.spent("v1/deals/*/flow").at(12, times=None))
    plain.run("deals", "deals_flow", keep_partial=True)
    missing = unfinished(plain.pipeline)
    ((held,),) = plain.office.query("SELECT count(DISTINCT deal_id) FROM deals_flow")
    done = {
        f"/v1/deals/{deal}/flow"
        for (deal,) in plain.office.query("SELECT DISTINCT deal_id FROM deals_flow")
    }
    plain.office.sandbox.clear_faults()
    before = len(plain.asked("v1/deals"))

    plain.run("deals", "deals_flow", keep_partial=True)

    asked = plain.asked("v1/deals")[before:]
    assert "deals_flow" in missing
    assert "2026-03-11 00:00 UTC" in missing["deals_flow"]
    assert 0 < held < len(plain.office.world.ids("deals"))
    assert [] == [path for path in asked if path in done]
    assert {} == unfinished(plain.pipeline)
    assert [] == plain.differences("deals", "deals_flow")


@pytest.mark.slow
@pytest.mark.parametrize(("page", "names"), [(1, ["organizations"]), (3, PAIR)])
def test_with_keep_partial_a_list_goes_on_where_it_had_to_stop(plain, small_pages, page, names):
    plain.office.sandbox.inject(faults.spent(f"api/v2/{names[0]}").at(page, times=None))
    plain.run(*names, keep_partial=True)
    assert names[0] in unfinished(plain.pipeline)
    plain.office.sandbox.clear_faults()

    plain.run(*names, keep_partial=True)

    assert [] == plain.differences(*names)
    assert {} == unfinished(plain.pipeline)
    assert "begun" not in plain.state(names[0])


@pytest.mark.slow
def test_a_pipeline_belongs_to_one_company(plain):
    plain.run("stages")
    other = World(deals=3, instant=NOON, seed=2)
    plain.office.sandbox = Sandbox(other, limits=NO_LIMIT)
    me = {"data": {"company_id": 77, "company_name": "Other"}, "success": True}
    plain.office.sandbox.inject(faults.reply("v1/users/me", json_reply(200, me)).always())

    with pytest.raises(PipelineStepFailed, match="Other") as failure:
        plain.run("stages")

    assert isinstance(cause(failure), WrongAccountError)


def test_a_plain_pipeline_refuses_the_dataset_of_the_dagster_project(plain):
    plain.office.load("stages")

    with pytest.raises(PipelineStepFailed, match="pipedrive_data") as failure:
        plain.run("stages")

    assert isinstance(cause(failure), ConfigurationError)


def test_a_database_that_this_project_has_no_code_for_is_loaded_again_and_again(
    plain, tmp_path, monkeypatch
):
    """SQLite, through SQLAlchemy; it allows one writer at a time."""
    monkeypatch.setenv("LOAD__WORKERS", "1")
    url = f"sqlite:///{tmp_path / 'pipedrive.sqlite'}"
    pipeline = dlt.pipeline(
        "elsewhere",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.sqlalchemy(url),
        dataset_name="pipedrive_data",
    )
    names = ("stages", "deals", "deals_participants")

    pipeline.run(plain.source(*names))
    plain.office.advance(days=2)
    pipeline.run(plain.source(*names))

    with pipeline.sql_client() as sql:
        held = sql.execute_sql("SELECT id, update_time FROM deals")
    rows = account_rows(plain.office.sandbox, BY_NAME["deals"])
    expected = {(row["id"], row["update_time"][:19].replace("T", " ")) for row in rows}
    assert expected <= {(row, str(moment)[:19]) for row, moment in held}


@pytest.mark.slow
def test_the_dagster_load_refuses_the_dataset_of_a_plain_pipeline(plain):
    plain.run("stages")

    with pytest.raises(ConfigurationError, match="PIPEDRIVE_DATASET"):
        plain.office.load("stages")
    plain.run("stages")

    assert [] == plain.office.differences("stages")


@pytest.mark.slow
def test_a_column_that_a_setting_keeps_out_is_not_loaded(plain, monkeypatch):
    monkeypatch.setenv(
        "PIPEDRIVE_EXCLUDE_COLUMNS", "persons.phones,persons.job_title,deals_flow.event"
    )

    pipeline = plain.pipeline
    pipeline.extract(plain.source("persons", "deals", "deals_flow"))
    pipeline.normalize()

    columns = pipeline.default_schema.tables
    assert "persons__phones" not in columns
    assert "job_title" not in columns["persons"]["columns"]
    assert "event" not in columns["deals_flow"]["columns"]
    assert "persons__emails" in columns


@pytest.mark.slow
def test_two_sources_are_loaded_in_one_run(plain):
    pipeline = plain.pipeline
    first = plain.source("activities", since_timestamp="2026-03-01 00:00:00Z")

    pipeline.run([first, plain.source("deals", "deals_participants")])

    assert [] == plain.office.differences("deals", "deals_participants")
    assert plain.office.query("SELECT count(*) FROM activities") > [(0,)]


@pytest.mark.slow
def test_custom_fields_have_names_although_the_mapping_is_not_selected(plain):
    pipeline = plain.pipeline
    pipeline.run(plain.source().with_resources("deals"))
    held = pipeline.default_schema.tables

    assert "campaign" in held["deals"]["columns"]
    assert "custom_fields_mapping" not in held


@pytest.mark.slow
def test_a_renamed_field_keeps_its_column(plain):
    code = plain.office.world.code("deals", "Campaign")
    plain.run("deals", "custom_fields_mapping")
    plain.office.world.rename_field("deals", code, "Marketing source")
    plain.office.advance(days=1)

    plain.run("deals", "custom_fields_mapping")

    assert [("campaign", "Marketing source")] == plain.office.query(
        f"SELECT normalized_name, name FROM custom_fields_mapping WHERE hash_string = '{code}'"
    )


@pytest.mark.slow
def test_the_tables_made_of_definitions_are_those_of_the_dagster_load(plain, twin):
    plain.run("custom_fields_mapping", "fields")
    twin.load(*(entity.name for entity in ENTITIES if entity.shape in OWN_SHAPES))
    mapping = (
        "SELECT endpoint, hash_string, normalized_name, options FROM custom_fields_mapping "
        "ORDER BY 1, 2"
    )
    fields = "SELECT entity, field_code, field_name FROM fields ORDER BY 1, 2"

    assert twin.query(mapping) == plain.office.query(mapping)
    assert twin.query(fields) == plain.office.query(fields)


def test_an_exception_that_nobody_foresaw_is_a_sentence_without_rows(plain, monkeypatch, caplog):
    person = "Anna Li"

    def stumble(*_, **__):
        return float(person)

    monkeypatch.setattr("pipedrive_assets.dlt_source.run.Extraction.shaped", stumble)
    with pytest.raises(PipelineStepFailed) as failure:
        plain.run("stages")

    assert isinstance(cause(failure), InternalError)
    assert re.search(mentions("stages", "ValueError"), str(failure.value))
    assert "in stumble" in caplog.text
    assert person not in caplog.text + str(failure.value)
