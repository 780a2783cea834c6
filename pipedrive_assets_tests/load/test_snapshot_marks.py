"""Rows of a snapshot are marked only where two replies lack them and the loss is plausible."""

import json

import pytest

from pipedrive_assets.errors import ImplausibleLoss, LoadFailed, TransientApiError
from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.registry import BY_NAME, ENTITIES, Kind
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply

SNAPSHOTS = [
    entity.name
    for entity in ENTITIES
    if entity.kind is Kind.SNAPSHOT and entity.shape not in OWN_SHAPES
]


def edited(path, edit):
    """The reply's rows as `edit` makes them."""

    def change(genuine):
        body = json.loads(genuine.body)
        body["data"] = edit(body["data"])
        return json_reply(genuine.status, body, genuine.headers)

    return faults.changed(path, change)


def nothing(path, data=None):
    return edited(path, lambda _rows: data)


def marked(office, table):
    return office.query(f"SELECT count(_deleted_at), count(*) FROM {table}")[0]


def alive(office, table):
    return office.query(f"SELECT count(*) FROM {table} WHERE _deleted_at IS NULL")[0][0]


def paths_of(name):
    entity = BY_NAME[name]
    owner = BY_NAME[entity.list_per or name]
    return [endpoint.path for endpoint in owner.endpoints]


@pytest.mark.slow
@pytest.mark.samples(4)
@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize("data", [None, []])
@pytest.mark.parametrize("table", ["users", "activity_types", "role_assignments"])
def test_an_empty_reply_empties_no_table(office, table, data, purge):
    office.load(table)
    before = alive(office, table)
    for path in paths_of(table):
        office.sandbox.inject(nothing(path, data).always())

    with pytest.raises(LoadFailed, match=f"load {table} --accept-loss") as failed:
        office.load(table, purge_deleted=purge)

    assert ImplausibleLoss is type(failed.value.failures[table])
    assert before == alive(office, table) > 0
    office.sandbox.clear_faults()
    assert 0 == office.load(table, purge_deleted=purge)[table].written.marked_deleted
    assert before == alive(office, table)


@pytest.mark.samples(1)
@pytest.mark.parametrize("data", [None, []])
def test_one_empty_reply_is_asked_for_again(office, data):
    office.load("users")
    before = marked(office, "users")
    office.sandbox.inject(nothing("v1/users", data))
    office.sandbox.log.clear()

    report = office.load("users")["users"]

    assert 0 == report.written.marked_deleted
    assert before == marked(office, "users")
    paths = [line.path for line in office.sandbox.calls("v1/users")]
    assert 2 == paths.count("/v1/users")


def test_a_null_list_is_asked_for_once_more_at_the_first_load_too(office):
    office.sandbox.inject(nothing("v1/users"))

    office.load("users")

    assert [] == office.differences("users")


def test_only_rows_that_both_replies_lack_are_marked(office):
    office.load("stages")
    first, second, third = office.world.ids("stages")[:3]
    office.sandbox.inject(
        edited("*/stages", lambda rows: [r for r in rows if r["id"] not in {first, second}]),
        edited("*/stages", lambda rows: [r for r in rows if r["id"] not in {second, third}]).at(2),
    )

    office.load("stages")

    gone = office.query("SELECT id, _deleted_reason FROM stages WHERE _deleted_at IS NOT NULL")
    assert [(second, "vanished")] == gone


@pytest.mark.slow
def test_a_refusal_of_the_second_look_marks_nothing(office):
    office.load("stages")
    office.world.purge("stages", office.world.ids("stages")[-1])
    office.sandbox.inject(faults.server_error("*/stages").at(2, times=None))

    with pytest.raises(LoadFailed) as failed:
        office.load("stages")

    assert isinstance(failed.value.failures["stages"], TransientApiError)
    assert 0 == marked(office, "stages")[0]


@pytest.mark.slow
def test_an_implausible_loss_still_loads_what_is_listed_and_can_be_accepted(office):
    office.load("filters")
    ids = office.world.ids("filters")
    for key in range(1001, 1041):
        office.world.tables["filters"].put(key, dict(office.world.row("filters", ids[0]), id=key))
    office.load("filters")
    for key in range(1001, 1041):
        office.world.purge("filters", key)
    office.world.row("filters", ids[0])["name"] = "Renamed"
    office.world.tables["filters"].touch()

    with pytest.raises(LoadFailed) as failed:
        office.load("filters")
    assert 40 == failed.value.failures["filters"].missing

    named = f"SELECT name FROM filters WHERE id = {ids[0]}"
    assert ([("Renamed",)], 0) == (office.query(named), marked(office, "filters")[0])
    report = office.load("filters", accept_loss=True)["filters"]
    assert 40 == report.written.marked_deleted
    assert [] == office.differences("filters")


@pytest.mark.slow
def test_the_share_that_may_vanish_is_the_settings(office):
    office.load("filters")
    ids = office.world.ids("filters")
    for key in range(1001, 1041):
        office.world.tables["filters"].put(key, dict(office.world.row("filters", ids[0]), id=key))
    office.load("filters")
    for key in range(1001, 1021):
        office.world.purge("filters", key)

    assert 20 == office.load("filters", max_share=0.9)["filters"].written.marked_deleted


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("role_assignments", "v1/roles/*/assignments"),
        ("permission_set_assignments", "v1/permissionSets/*/assignments"),
    ],
)
@pytest.mark.parametrize("how", ["404", "null", "empty"])
def test_an_owner_without_a_list_loses_its_rows_only_after_two_loads(office, table, path, how):
    office.load(table)
    column = BY_NAME[table].key[0]
    owners = f"SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 2, 1"
    (owner, rows), *_ = office.query(owners)
    its = path.replace("*", str(owner))
    fault = (
        faults.refused(its, 404) if how == "404" else nothing(its, None if how == "null" else [])
    )
    office.sandbox.inject(fault.always())

    first = office.load(table)[table].written.marked_deleted
    second = office.load(table)[table].written.marked_deleted
    office.sandbox.clear_faults()
    office.load(table)

    assert (0, rows) == (first, second)
    assert [] == office.differences(table)


@pytest.mark.slow
def test_an_empty_list_that_recovers_in_between_is_forgotten(office):
    office.load("role_assignments")
    ((owner,), *_) = office.query("SELECT role_id FROM role_assignments ORDER BY 1")
    for _ in range(2):
        office.sandbox.inject(nothing(f"v1/roles/{owner}/assignments").always())
        assert 0 == office.load("role_assignments")["role_assignments"].written.marked_deleted
        office.sandbox.clear_faults()
        office.load("role_assignments")

    assert [] == office.query("SELECT * FROM _pipedrive_unlisted")


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("data", [None, []])
@pytest.mark.parametrize("field_list", ["dealFields", "personFields"])
def test_field_lists_that_are_empty_mark_no_field(office, field_list, data):
    office.load("fields", "custom_fields_mapping")
    before = [marked(office, table) for table in ("fields", "custom_fields_mapping")]
    office.sandbox.inject(nothing(f"api/v2/{field_list}", []).always())

    office.load("fields", "custom_fields_mapping")

    assert before == [marked(office, table) for table in ("fields", "custom_fields_mapping")]


@pytest.mark.slow
def test_a_field_that_one_reply_leaves_out_is_not_marked_and_a_deleted_one_is(office):
    office.load("fields")
    office.sandbox.inject(edited("api/v2/dealFields", lambda rows: rows[:-2]))
    once = office.load("fields")["fields"].written.marked_deleted
    office.sandbox.inject(edited("api/v2/dealFields", lambda rows: rows[:-2]).always())

    twice = office.load("fields")["fields"].written.marked_deleted

    assert (0, 2) == (once, twice)


@pytest.mark.samples(2)
@pytest.mark.parametrize("table", SNAPSHOTS)
def test_no_snapshot_can_be_emptied(office, table):
    office.load(table)
    before = marked(office, table)
    if not before[1]:
        pytest.skip("the account has none")
    paths = paths_of(table)
    if BY_NAME[table].data_key:
        paths = []
        change = edited(BY_NAME[table].path, lambda _data: {BY_NAME[table].data_key: []})
        office.sandbox.inject(change.always())
    for path in paths:
        office.sandbox.inject(nothing(path, []).always())

    with pytest.raises(LoadFailed):
        office.load(table)

    assert before == marked(office, table)
