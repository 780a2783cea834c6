"""The plain dlt source with `add_limit`: rows are loaded, and nothing counts as read."""

import pytest

from pipedrive_assets.dlt_source import unfinished
from pipedrive_assets.dlt_source.child_reading import PENDING
from pipedrive_assets.dlt_source.state import COMPLETE, IDS, LISTS
from pipedrive_assets.registry import BY_NAME, ENTITIES

READ = ("deals", "deals_participants")

KINDS = ("deals", "deals_participants", "users", "webhooks", "mail_messages", "fields")
"""A list, a child, snapshots, a child of a snapshot, and field definitions."""

OTHERS = tuple(name for name in BY_NAME if name not in KINDS)


def limit(source, count):
    """Limit every resource that dlt can limit."""
    for resource in source.resources.values():
        if not resource.is_transformer:
            resource.add_limit(count)
    return source


def run(plain, *names, count, **arguments):
    """Run once with a limit; rows by table."""
    pipeline = plain.pipeline
    pipeline.run(limit(plain.source(*names, **arguments), count))
    return pipeline.last_trace.last_normalize_info.row_counts


@pytest.mark.parametrize("names", [KINDS, pytest.param(OTHERS, marks=pytest.mark.slow)])
def test_every_resource_gives_rows_with_a_limit_of_one(plain, names):
    def read(name):
        return list(limit(plain.source(), 1).with_resources(name))

    rows = {name: read(name) for name in names}
    # No deal of this account has an email.
    world = plain.office.world
    deal, thread = (next(iter(world.tables[name].alive)) for name in ("deals", "mail_threads"))
    world.edit("mail_threads", thread, deal_id=deal)
    rows |= {name: read(name) for name in names if name == "deals_mails"}

    assert len(ENTITIES) == len(KINDS) + len(OTHERS)
    assert [] == [name for name in names if not rows[name]]


@pytest.mark.slow
@pytest.mark.usefixtures("small_pages")
def test_a_limited_run_loads_a_page_and_its_children_and_the_next_run_loads_the_rest(plain):
    first = run(plain, *READ, count=1)
    states = [plain.state(name) for name in READ]
    missing = unfinished(plain.pipeline)
    plain.run(*READ)

    assert 5 == first["deals"]
    assert 0 < first["deals_participants"]
    assert [set(), set()] == [{COMPLETE, IDS, LISTS} & {*state} for state in states]
    assert "deals" in missing
    assert [] == plain.differences(*READ)
    assert {} == unfinished(plain.pipeline)


@pytest.mark.slow
@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_limited_run_between_two_runs_hides_no_change(plain, count):
    plain.run(*READ)
    plain.office.advance(days=20)

    run(plain, *READ, count=count)
    plain.run(*READ)

    assert [] == plain.differences(*READ)


@pytest.mark.slow
def test_a_limited_run_that_reads_everything_again_keeps_the_parents_that_are_pending(plain):
    plain.run(*READ)
    pending = [min(plain.office.world.ids("deals"))]
    with plain.pipeline.managed_state() as state:
        resources = state["sources"]["pipedrive"]["resources"]
        resources["deals_participants"][PENDING] = pending

    run(plain, *READ, count=0, incremental=False)

    assert pending == plain.state("deals_participants")[PENDING]
