"""A list of a resource is refused, or empty by mistake: the next run reads it from where it was."""

from datetime import timedelta

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from pipedrive_assets.dlt_source import unfinished
from pipedrive_assets.errors import FieldsRefused
from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests.dlt_source.conftest import cause
from pipedrive_assets_tests.load.test_refused_fields import refuse
from pipedrive_assets_tests.load.test_refused_lists import (
    ARCHIVES,
    PROJECT_FAULTS,
    archive_one,
    edit_project,
    empty,
    empty_folder,
)


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("table", ARCHIVES)
def test_a_refused_second_list_stops_neither_the_first_nor_the_next_run(plain, table):
    plain.office.sandbox.inject(faults.refused(ARCHIVES[table], 403))
    plain.run(table)
    plain.office.advance(days=1)
    archive_one(plain.office, table)
    plain.run(table)
    plain.office.sandbox.clear_faults()

    plain.run(table)

    assert [] == plain.differences(table)


@pytest.mark.slow
def test_children_of_rows_that_only_a_refused_list_returns_are_read_once_it_answers(plain):
    plain.office.sandbox.inject(faults.refused("api/v2/deals/archived", 403))
    plain.run("deals", "deals_flow")
    plain.run("deals", "deals_flow")
    plain.office.sandbox.clear_faults()

    plain.run("deals", "deals_flow")

    assert [] == plain.differences("deals", "deals_flow")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("path", [*ARCHIVES.values(), "api/v2/deals", "v1/leads"])
def test_a_list_that_was_empty_by_mistake_is_read_whole_by_the_next_run(plain, path):
    table = "leads" if "leads" in path else "deals"
    plain.office.sandbox.inject(empty(path))
    plain.run(table)
    plain.office.advance(minutes=20)

    plain.run(table)

    assert [] == plain.differences(table)


@pytest.mark.slow
def test_children_of_a_snapshot_that_was_empty_by_mistake_are_read_by_the_next_run(plain):
    tables = ("mail_threads", "mail_messages")
    plain.office.sandbox.inject(empty("v1/mailbox/mailThreads").always())
    plain.run(*tables)
    plain.office.sandbox.clear_faults()
    plain.office.advance(minutes=20)

    plain.run(*tables)

    assert [] == plain.differences(*tables)


@pytest.mark.slow
def test_refused_fields_are_loaded_once_they_are_accepted(plain):
    refuse(plain.office, "persons")
    plain.run("persons")
    plain.office.advance(minutes=10)
    plain.run("persons")
    plain.office.sandbox.clear_faults()

    plain.run("persons")

    assert [] == plain.office.differences("persons")
    assert "omitted_fields" not in plain.state("persons")


@pytest.mark.slow
def test_fields_that_were_loaded_are_not_emptied_by_a_refusal(plain):
    plain.run("persons")
    refuse(plain.office, "persons")
    plain.office.advance(days=1)

    with pytest.raises(PipelineStepFailed) as failure:
        plain.run("persons")
    assert ("persons", FieldsRefused) == (cause(failure).table, type(cause(failure)))
    plain.office.sandbox.clear_faults()
    plain.run("persons")

    assert [] == plain.differences("persons")


@pytest.mark.slow
def test_with_keep_partial_a_refusal_of_fields_costs_only_its_resource(plain):
    plain.run("persons", "stages")
    refuse(plain.office, "persons")
    plain.office.advance(days=1)

    plain.run("persons", "stages", keep_partial=True)

    assert "include_fields" in unfinished(plain.pipeline)["persons"]
    plain.office.sandbox.clear_faults()
    plain.run("persons", "stages", keep_partial=True)
    assert [] == plain.differences("persons", "stages")


@pytest.mark.slow
def test_a_resource_that_this_user_may_not_read_is_skipped(plain):
    plain.office.sandbox.inject(faults.refused("v1/users", 403))

    plain.run("users", "stages")

    assert [] == plain.differences("stages")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("folder", ["inbox", "drafts", "sent", "archive"])
def test_messages_of_a_mail_folder_that_was_empty_by_mistake_are_read_by_the_next_run(
    plain, folder
):
    tables = ("mail_threads", "mail_messages")
    plain.office.sandbox.inject(empty_folder(folder))
    plain.run(*tables)
    plain.office.sandbox.clear_faults()
    plain.office.advance(days=3)

    plain.run(*tables)

    assert [] == plain.differences(*tables)


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("fault", PROJECT_FAULTS)
def test_children_of_a_snapshot_of_two_lists_are_read_once_both_answer(plain, fault, is_first):
    tables = ("projects", "project_changelog")
    if not is_first:
        plain.run(*tables)
        plain.office.advance(days=1)
    plain.office.sandbox.inject(fault.always())
    for _ in range(2):
        plain.run(*tables)
        plain.office.advance(hours=1)
        edit_project(plain.office.world, is_archived="archived" in fault.on)
        plain.office.advance(days=3)
    plain.office.sandbox.clear_faults()

    plain.run(*tables)

    assert [] == plain.differences(*tables)


@pytest.mark.slow
def test_a_deal_that_no_run_finds_for_a_week_is_forgotten(plain):
    plain.office.sandbox.inject(
        faults.refused("v1/deals/7/flow", 404), faults.refused("api/v2/deals/7", 404)
    )
    plain.run("deals", "deals_flow")
    first = dict(plain.state("deals_flow"))
    plain.office.world.instant += timedelta(days=6)
    plain.run("deals", "deals_flow")
    second = dict(plain.state("deals_flow"))
    plain.office.world.instant += timedelta(days=2)

    plain.run("deals", "deals_flow")

    assert {"7"} == first["doubted"].keys() == second["doubted"].keys()
    assert first["doubted"] == second["doubted"]
    assert "doubted" not in plain.state("deals_flow")
