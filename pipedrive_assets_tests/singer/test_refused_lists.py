"""A list of a stream is refused, or empty by mistake: the next sync reads it from where it was."""

import pytest

from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests.load.test_refused_fields import refuse
from pipedrive_assets_tests.load.test_refused_lists import (
    ARCHIVES,
    PROJECT_FAULTS,
    archive_one,
    edit_project,
    empty,
    empty_folder,
)
from pipedrive_assets_tests.load.test_rights import paged_by_offset
from pipedrive_assets_tests.singer.conftest import Killed


@pytest.mark.slow
@pytest.mark.parametrize("table", ARCHIVES)
@pytest.mark.parametrize("status", [400, 403])
def test_a_refused_second_list_stops_neither_the_first_nor_the_next_sync(bench, table, status):
    catalog = bench.catalog(table)
    bench.office.sandbox.inject(faults.refused(ARCHIVES[table], status))
    bench.sync(catalog)
    bench.office.advance(days=1)
    archive_one(bench.office, table)
    bench.sync(catalog)
    assert bench.target.rows[table]
    bench.office.sandbox.clear_faults()

    bench.sync(catalog)

    assert [] == bench.differences(table)
    assert "lists" not in bench.target.state["bookmarks"][table] or all(
        bench.target.state["bookmarks"][table]["lists"].values()
    )


@pytest.mark.parametrize("path", [*ARCHIVES.values(), "api/v2/deals", "v1/leads"])
def test_a_list_that_was_empty_by_mistake_is_read_whole_by_the_next_sync(bench, path):
    table = "leads" if "leads" in path else "deals"
    catalog = bench.catalog(table)
    bench.office.sandbox.inject(empty(path))
    bench.sync(catalog)
    bench.office.advance(minutes=20)

    bench.sync(catalog)

    assert [] == bench.differences(table)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["deals", "activities"])
def test_refused_fields_are_left_out_of_records_and_sent_once_they_are_accepted(bench, table):
    catalog = bench.catalog(table)
    refuse(bench.office, table)
    bench.sync(catalog)
    bench.office.advance(minutes=10)
    bench.sync(catalog)
    omitted = set(BY_NAME[table].include_fields)
    assert all(not omitted & record.keys() for record in bench.target.rows[table].values())
    bench.office.sandbox.clear_faults()

    bench.sync(catalog)

    assert [] == bench.differences(table)
    assert "omitted_fields" not in bench.target.state["bookmarks"][table]


@pytest.mark.slow
def test_a_sync_without_some_fields_that_was_killed_is_completed_too(bench, small_pages):
    catalog = bench.catalog("persons")
    refuse(bench.office, "persons")
    with pytest.raises(Killed):
        bench.sync(catalog, calls=8)
    bench.office.sandbox.clear_faults()

    bench.sync(catalog)

    assert bench.target.rows["persons"]
    assert [] == bench.differences("persons")


@pytest.mark.slow
def test_streams_that_this_user_may_not_read_are_skipped(bench):
    bench.office.sandbox.inject(faults.refused("v1/users", 403), faults.refused("v1/notes", 402))

    bench.sync(bench.catalog("users", "notes", "stages"))

    assert ["stages"] == list(bench.target.rows)


def test_a_sync_of_which_every_stream_is_refused_is_a_failure(bench):
    bench.office.sandbox.inject(faults.refused("v1/notes", 402), faults.refused("v1/leads", 404))

    with pytest.raises(LoadFailed):
        bench.sync(bench.catalog("notes", "leads"))


def test_a_stream_without_pages_is_followed_where_its_reply_has_some(bench):
    bench.office.sandbox.inject(paged_by_offset("v1/users", 2))

    bench.sync(bench.catalog("users"))

    assert [] == bench.differences("users")


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["inbox", "drafts", "sent", "archive"])
def test_messages_of_a_mail_folder_that_was_empty_by_mistake_are_read_by_the_next_sync(
    bench, folder
):
    catalog = bench.catalog("mail_threads", "mail_messages")
    bench.office.sandbox.inject(empty_folder(folder))
    bench.sync(catalog)
    bench.office.sandbox.clear_faults()
    bench.office.advance(days=3)

    bench.sync(catalog)

    assert [] == bench.differences("mail_messages")


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("fault", PROJECT_FAULTS)
def test_children_of_a_snapshot_of_two_lists_are_sent_once_both_answer(bench, fault, is_first):
    catalog = bench.catalog("projects", "project_changelog")
    if not is_first:
        bench.sync(catalog)
        bench.office.advance(days=1)
    bench.office.sandbox.inject(fault.always())
    for _ in range(2):
        bench.sync(catalog)
        bench.office.advance(hours=1)
        edit_project(bench.office.world, is_archived="archived" in fault.on)
        bench.office.advance(days=3)
    bench.office.sandbox.clear_faults()

    bench.sync(catalog)

    assert [] == bench.differences("project_changelog")


@pytest.mark.parametrize(
    ("stream", "path"),
    [("deals_participants", "v1/deals/*/participants"), ("deal_products", "api/v2/deals/products")],
)
def test_children_that_their_parent_counts_are_requested_once_more_by_the_same_sync(
    bench, stream, path
):
    bench.office.sandbox.inject(empty(path))

    bench.sync(bench.catalog(stream))

    assert bench.target.rows[stream]
    assert [] == bench.differences(stream)
