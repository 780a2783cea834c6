"""A list of a stream is refused, or empty by mistake: the next sync reads it from where it was."""

import pytest

from pipedrive_assets.entities import BY_NAME
from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests.singer.conftest import Killed
from pipedrive_assets_tests.source.test_refused_fields import refuse
from pipedrive_assets_tests.source.test_refused_lists import ARCHIVES, archive_one, empty
from pipedrive_assets_tests.source.test_rights import paged_by_offset


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


def test_a_sync_without_some_fields_that_was_killed_is_completed_too(bench, small_pages):
    catalog = bench.catalog("persons")
    refuse(bench.office, "persons")
    with pytest.raises(Killed):
        bench.sync(catalog, calls=8)
    bench.office.sandbox.clear_faults()

    bench.sync(catalog)

    assert bench.target.rows["persons"]
    assert [] == bench.differences("persons")


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
