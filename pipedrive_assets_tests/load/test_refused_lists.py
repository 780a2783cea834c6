"""One list of a table is refused, or empty by mistake: the others go on, and nothing is lost."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest

from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.load.test_load import visible_differences

ARCHIVES = {"deals": "api/v2/deals/archived", "leads": "v1/leads/archived"}
STATUSES = (400, 402, 403, 404, 410, 415)


def empty(path):
    """The list answers, but without a row and without a next page."""

    def change(genuine):
        body = {**json.loads(genuine.body), "data": [], "additional_data": {}}
        return json_reply(genuine.status, body, genuine.headers)

    return faults.changed(path, change)


PROJECT_FAULTS = [
    empty("api/v2/projects"),
    empty("api/v2/projects/archived"),
    faults.refused("api/v2/projects/archived", 403),
]


def empty_folder(folder):
    """One mail folder has no threads."""

    def act(_sandbox, call, serve):
        genuine = serve()
        if ("folder", folder) not in call.params:
            return genuine
        return json_reply(200, {**json.loads(genuine.body), "data": []})

    return faults.Fault(on="v1/mailbox/mailThreads", act=act).always()


def edit_project(world, is_archived):
    """Change a project that one of the two lists returns."""
    projects = (world.row("projects", key) for key in world.ids("projects"))
    project = next(row for row in projects if bool(row["archive_time"]) is is_archived)
    world.edit("projects", project["id"], title=f"{project['title']}!")


def archive_one(office, table):
    key = next(
        key for key in office.world.ids(table) if not office.world.row(table, key)["is_archived"]
    )
    office.world.archive(table, key)


@pytest.mark.samples(1)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("table", ARCHIVES)
def test_a_refused_second_list_does_not_stop_the_first(office, table, status):
    path = ARCHIVES[table]
    office.sandbox.inject(faults.refused(path, status, "Not yours"))

    first = office.load(table)[table]
    office.advance(days=2)
    archive_one(office, table)
    second = office.load(table)[table]
    living = [key for key in office.world.ids(table) if not is_archived(office, table, key)]

    assert (True, True) == ("Not yours" in first.warnings[0], path in second.warnings[0])
    assert second.complete_until > first.complete_until
    held = office.query(f"SELECT id FROM {table} WHERE NOT is_archived AND _deleted_at IS NULL")
    assert set(living) <= {key for (key,) in held}
    office.sandbox.clear_faults()

    healed = office.load(table)[table]

    assert () == healed.warnings
    assert [] == visible_differences(office, table)


def is_archived(office, table, key):
    return office.world.row(table, key)["is_archived"]


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("table", ARCHIVES)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_second_list_refused_for_days_is_read_from_where_it_was(office, table, nth):
    office.load(table)
    office.sandbox.inject(faults.refused(ARCHIVES[table], 403).at(nth, times=None))
    for _ in range(3):
        office.advance(days=1)
        archive_one(office, table)
        office.load(table, page_rows=2)
    office.sandbox.clear_faults()
    office.sandbox.log.clear()

    office.load(table)

    assert [] == visible_differences(office, table)
    if table == "deals":
        assert "updated_since" in dict(office.sandbox.calls("api/v2/deals/archived")[0].params)


@pytest.mark.slow
@pytest.mark.parametrize("table", ARCHIVES)
def test_a_second_list_refused_in_the_middle_is_read_again_from_its_start(office, table):
    office.sandbox.inject(faults.refused(ARCHIVES[table], 403).at(2, times=None))
    office.load(table, page_rows=2)
    office.sandbox.clear_faults()

    office.load(table)

    assert [] == office.differences(table)


@pytest.mark.slow
def test_a_walk_that_an_older_version_left_at_a_refused_list_goes_on(office):
    office.sandbox.inject(faults.server_error("v1/leads/archived").always())
    with pytest.raises(LoadFailed):
        office.load("leads")
    office.sandbox.clear_faults()
    office.sandbox.inject(faults.refused("v1/leads/archived", 403))
    office.advance(days=1)

    report = office.load("leads")["leads"]

    assert report.complete_until == office.sandbox.now
    office.sandbox.clear_faults()
    office.load("leads")
    assert [] == visible_differences(office, "leads")


@pytest.mark.slow
def test_a_refused_first_list_refuses_the_table(office):
    office.sandbox.inject(faults.refused("api/v2/deals", 403), faults.refused("v1/leads", 403))

    with pytest.raises(LoadFailed) as failed:
        office.load("deals", "leads", "stages")
    assert 403 == failed.value.failures["deals"].status

    assert [(None, None)] * 2 == office.query(
        "SELECT max(baseline_at), max(complete_until) FROM _pipedrive_coverage "
        "WHERE entity IN ('deals', 'leads') GROUP BY entity"
    ) or not office.query("SELECT 1 FROM _pipedrive_coverage WHERE entity IN ('deals', 'leads')")
    office.sandbox.clear_faults()
    office.load("deals", "leads")
    assert [] == office.differences("deals", "leads")


@pytest.mark.samples(1)
@pytest.mark.parametrize("table", ARCHIVES)
def test_nothing_is_marked_as_deleted_while_a_list_is_refused(office, table):
    office.load(table)
    office.sandbox.inject(faults.refused(ARCHIVES[table], 403))

    report = office.reconcile(table)[table]

    assert 0 == report.written.marked_deleted
    assert ARCHIVES[table] in report.warnings[0]
    assert [] == office.differences(table)


@pytest.mark.slow
def test_a_snapshot_marks_nothing_while_one_of_its_lists_is_refused(office):
    office.load("projects")
    held = office.query("SELECT count(*) FROM projects WHERE _deleted_at IS NULL")
    office.sandbox.inject(faults.refused("api/v2/projects/archived", 402))

    report = office.load("projects")["projects"]

    assert held == office.query("SELECT count(*) FROM projects WHERE _deleted_at IS NULL")
    assert "projects/archived" in report.warnings[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "path"),
    [*ARCHIVES.items(), ("deals", "api/v2/deals"), ("leads", "v1/leads")],
)
def test_a_list_that_was_empty_by_mistake_at_first_is_read_whole_by_the_next_run(
    office, table, path
):
    office.sandbox.inject(empty(path))
    office.load(table)
    office.advance(days=1)

    office.load(table)

    assert [] == office.differences(table)


@pytest.mark.slow
@pytest.mark.parametrize("table", ARCHIVES)
def test_a_window_that_is_empty_by_mistake_passes_nothing_over(office, table):
    office.load(table)
    office.advance(days=2)
    office.sandbox.inject(empty(office_path(table)).always())
    office.advance(minutes=30)
    archive_one(office, table)
    office.load(table)
    office.sandbox.clear_faults()
    office.advance(minutes=30)

    office.load(table)

    assert [] == visible_differences(office, table)


def office_path(table):
    return ARCHIVES[table].removesuffix("/archived")


@pytest.mark.slow
def test_a_look_at_the_newest_ids_that_is_empty_by_mistake_proves_nothing(office):
    office.load("persons")
    office.advance(minutes=10)
    undated = office.world.add("persons", update_time=None)
    dated = office.world.add("persons")
    office.sandbox.inject(replace(empty("api/v2/persons"), nth=2))
    office.load("persons")
    assert 1 == len(office.query(f"SELECT id FROM persons WHERE id IN ({undated}, {dated})"))

    office.load("persons")

    assert [] == visible_differences(office, "persons")


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("fault", [*map(empty_folder, ("inbox", "sent")), *PROJECT_FAULTS])
@pytest.mark.parametrize("is_first", [True, False])
def test_children_of_a_snapshot_are_read_once_all_its_lists_answer(office, fault, is_first):
    mail = ("mail_threads", "mail_messages")
    tables = (
        mail if "mail" in fault.on else ("projects", "project_changelog", "custom_fields_mapping")
    )
    if not is_first:
        office.load(*tables)
        office.advance(days=1)
    office.sandbox.inject(fault.always())
    for _ in range(2):
        with suppress(LoadFailed):
            office.load(*tables)
        office.advance(hours=1)
        edit_project(office.world, is_archived="archived" in fault.on)
        office.advance(days=3)
    office.sandbox.clear_faults()

    office.load(*tables)
    office.advance(minutes=20)
    office.load(*tables)

    assert [] == office.differences(*tables[:2])
