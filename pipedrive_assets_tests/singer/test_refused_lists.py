"""A list of a stream is refused, or empty by mistake: the next sync reads it from where it was."""

import pytest

from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests.source.test_refused_lists import ARCHIVES, archive_one, empty


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
