"""First loads that read long lists from both ends: the warehouse is the account after all."""

import pytest

from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.sandbox import faults

TABLES = ("deals", "activities")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("call", [6, 8, 11, 15])
@pytest.mark.parametrize("walk", ["asc", "desc"])
def test_a_first_load_that_changes_and_fails_between_two_walks_is_right_after_two_more(
    make_office, walk, call
):
    office = make_office(deals=25)
    world = office.world

    def stir():
        office.advance(seconds=1)
        for table, column in (("deals", "title"), ("activities", "subject")):
            ids = world.ids(table)
            world.edit(table, ids[0], **{column: "edited in mid-scan"})
            world.edit(table, ids[-1], **{column: "edited in mid-scan"})
            world.add(table, **{column: "quiet"}, update_time=None)
        world.archive("deals", world.ids("deals")[5])
        world.archive("deals", world.add("deals", title="archived at once"))

    def fail(_sandbox, request, serve):
        if ("sort_direction", walk) in request.params:
            return faults.json_reply(503, {"success": False, "error": "down"}, {})
        return serve()

    every = "api/v2/*s"
    office.sandbox.inject(
        *(faults.after(f"api/v2/{name}", stir).at(call) for name in ("deals", "activities")),
        faults.Fault(on=every, act=fail, nth=3 * call, times=None),
    )
    try:
        office.load(*TABLES, page_rows=3)
    except LoadFailed:
        assert walk == "asc"
    office.sandbox.clear_faults()

    office.advance(minutes=1)
    office.load(*TABLES, page_rows=3)
    office.advance(minutes=1)
    office.load(*TABLES, page_rows=3)

    assert [] == office.differences(*TABLES)
