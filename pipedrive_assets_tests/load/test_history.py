"""The history of a table has a row per version of each row, since it was switched on."""

from dataclasses import replace

import pytest

from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.load import LoadRequest, forgive_person, load, purge_person
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse.duckdb import write as duckdb_write
from pipedrive_assets.windows import Window
from pipedrive_assets_tests import erased_person, month
from pipedrive_assets_tests.conftest import NOON

TABLES = ("persons", "deals", "deals_participants")
NAMING = ("persons", "deals", "notes")
LISTS = (
    "SELECT substr(table_name, 8) FROM duckdb_tables() WHERE table_name LIKE 'deals\\_\\_%' "
    "ESCAPE '\\'"
)
LOAD = {"_dlt_load_id"}
SPARED = {"_dlt_id", "_dlt_load_id", "_deleted_at", "_deleted_reason"}


def versions(office, table, key, shown):
    """Values and end of each version of a row, in order."""
    return office.query(
        f"SELECT {shown}, _valid_to IS NULL AND _is_current FROM {table}_history "
        f"WHERE {BY_NAME[table].key[-1]} = {key} ORDER BY _valid_from"
    )


def untrue(office, *tables):
    """What contradicts a history: against the table, and within itself."""
    found = []
    for table in tables:
        key = ", ".join(BY_NAME[table].key)
        held = {row[0] for row in office.query(f"SELECT column_name FROM (DESCRIBE {table})")}
        shown = ", ".join(f'"{name}"' for name in sorted(held - SPARED))
        alive = f"SELECT {shown} FROM {table} WHERE _deleted_at IS NULL"
        current = f"SELECT {shown} FROM {table}_history WHERE _is_current"
        for one, other in ((alive, current), (current, alive)):
            found += office.query(f"{one} EXCEPT ALL {other}")
        found += office.query(
            f"SELECT {key}, _valid_from, _valid_to FROM (SELECT *, lead(_valid_from) OVER ("
            f"PARTITION BY {key} ORDER BY _valid_from, _valid_to) AS next FROM {table}_history) "
            "WHERE _valid_to < _valid_from OR next < _valid_to "
            "OR (next IS NOT NULL AND _valid_to IS NULL) OR _is_current <> (_valid_to IS NULL)"
        )
    return found


def test_a_changed_row_has_a_second_version_and_a_deleted_one_ends(make_office):
    office = make_office(deals=2)
    office.history, world = ("deals",), office.world
    changed, gone = world.ids("deals")[:2]
    office.load("deals")
    office.advance(minutes=1)
    world.edit("deals", changed, label_ids=[7])
    world.delete("deals", gone)
    office.load("deals", full=True)

    (old, was_current), (new, is_current) = versions(office, "deals", changed, "label_ids")
    assert (False, "[7]", True) == (was_current, new, is_current)
    assert "[7]" != old
    assert [(gone, False)] == versions(office, "deals", gone, "id")
    more = "SELECT id FROM deals_history GROUP BY id HAVING count(*) > 1"
    assert [(changed,)] == office.query(more)
    assert [] == untrue(office, "deals")
    columns = {row[0] for row in office.query("SELECT column_name FROM (DESCRIBE deals_history)")}
    kept = {row[0] for row in office.query("SELECT column_name FROM (DESCRIBE deals)")} - SPARED
    lists = {row[0] for row in office.query(LISTS)}
    assert columns == kept | lists | {"_valid_from", "_valid_to", "_is_current", "_dlt_id"} | LOAD


@pytest.mark.slow
def test_each_change_is_a_version_and_a_reload_is_none(make_office):
    office = make_office(deals=6)
    office.load(*TABLES)
    office.history, world = TABLES, office.world
    changed, gone, back = world.ids("deals")[:3]
    person = world.ids("persons")[0]
    world.add_participant(changed, person)
    office.advance(hours=1)
    office.load(*TABLES)
    office.load(*TABLES, full=True)
    first = office.query("SELECT count(*), count(DISTINCT id), min(_valid_from) FROM deals_history")
    before = versions(office, "deals", changed, "title")

    office.advance(hours=1)
    world.edit("deals", changed, title="second")
    world.remove_participant(changed, person)
    world.delete("deals", gone)
    world.delete("deals", back)
    office.load(*TABLES)
    office.advance(hours=1)
    revive(world, back)
    office.load(*TABLES)

    count, deals, began = first[0]
    assert (count, True) == (deals, began >= NOON.replace(hour=13))
    assert [*[(title, False) for title, _ in before], ("second", True)] == versions(
        office, "deals", changed, "title"
    )
    assert [False] == [alive for _, alive in versions(office, "deals", gone, "title")]
    assert [False, True] == [alive for _, alive in versions(office, "deals", back, "title")]
    comments = dict(
        office.query(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'deals_history'"
        )
    )
    assert "UTC" in comments["_valid_from"]
    assert comments["title"]
    assert comments["label_ids"]
    ended = f"SELECT count(*) FROM deals_participants_history WHERE deal_id = {changed}"
    assert [(1,)] == office.query(f"{ended} AND person_id = {person} AND NOT _is_current")
    then = f"SELECT title FROM deals_as_of('2026-03-10 13:30:00+00') WHERE id = {changed}"
    assert [before[0][:1]] == office.query(then)
    assert [] == untrue(office, *TABLES)


def revive(world, deal):
    """Undo a deletion, as Pipedrive's support can."""
    table = world.tables["deals"]
    row = table.rows[deal]
    row.update(is_deleted=False, status="open", update_time=world.stamp)
    table.put(deal, row)


@pytest.mark.slow
def test_a_history_that_was_switched_off_continues_with_what_is_there(make_office):
    office = make_office(deals=4)
    office.history, world = ("deals",), office.world
    one, two, three = world.ids("deals")[:3]
    office.load("deals")
    office.history = ()
    for title in ("unseen", "seen"):
        office.advance(minutes=1)
        world.edit("deals", one, title=title)
        office.load("deals")
    world.delete("deals", two)
    office.load("deals")
    office.history = ("deals",)
    office.advance(minutes=1)
    world.edit("deals", three, title="now")
    office.load("deals")

    titles = [title for title, _ in versions(office, "deals", one, "title")]
    assert ("seen", 2) == (titles[-1], len(titles))
    assert [False] == [alive for _, alive in versions(office, "deals", two, "title")]
    assert [False, True] == [alive for _, alive in versions(office, "deals", three, "title")]
    assert [] == untrue(office, "deals")


@pytest.mark.slow
def test_an_interrupted_commit_keeps_neither_rows_nor_versions(make_office, monkeypatch):
    office = make_office(deals=4)
    office.history, world = ("deals",), office.world
    office.load("deals")
    deal = world.ids("deals")[0]
    world.edit("deals", deal, title="second")
    with monkeypatch.context() as patch:
        patch.setattr(duckdb_write, "_record_load", lambda *_: 1 / 0)
        with pytest.raises(LoadFailed):
            office.load("deals")
    interrupted = versions(office, "deals", deal, "title")
    held = office.query(f"SELECT title FROM deals WHERE id = {deal}")
    office.load("deals")

    assert 1 == len(interrupted)
    assert interrupted[0][:1] == held[0] != ("second",)
    assert ("second", True) == versions(office, "deals", deal, "title")[-1]


@pytest.mark.slow
def test_rows_that_vanish_with_a_dropped_table_end_with_the_next_reconciliation(make_office):
    office = make_office(deals=4)
    office.history, world = ("persons",), office.world
    person = world.ids("persons")[0]
    office.load("persons")
    with office.warehouse.sql() as sql:
        sql.execute_sql(f"DELETE FROM pipedrive_data.persons WHERE id = {person}")
    world.purge("persons", person)
    office.load("persons")
    loaded = versions(office, "persons", person, "id")
    office.reconcile("persons")

    assert [(person, True)] == loaded
    assert [(person, False)] == versions(office, "persons", person, "id")
    assert [] == untrue(office, "persons")


@pytest.mark.slow
def test_a_new_column_comes_later_and_an_excluded_one_goes(make_office):
    office = make_office(deals=4)
    office.history, world = ("deals",), office.world
    deal = world.ids("deals")[0]
    office.load("deals")
    code = world.add_field("deals", "Brand new", "varchar")
    office.advance(minutes=1)
    world.edit("deals", deal, custom_fields={code: "x"})
    office.load("deals")
    found = versions(office, "deals", deal, "brand_new")
    count = office.query("SELECT count(*) FROM deals_history")
    entity = replace(BY_NAME["deals"], history=True, excluded=frozenset({"title"}))
    load(
        office.connection,
        office.warehouse,
        LoadRequest(entities=(entity,), window=Window(start=office.midnight), full=True),
    )

    assert [(None, False), ("x", True)] == found
    held = {row[0] for row in office.query("SELECT column_name FROM (DESCRIBE deals_history)")}
    assert "title" not in held
    assert count == office.query("SELECT count(*) FROM deals_history")


@pytest.mark.slow
def test_a_column_that_is_hashed_later_is_hashed_in_every_version(make_office):
    office = make_office(deals=2)
    office.history, world = ("persons",), office.world
    person = world.ids("persons")[0]
    for address in ("einstein@example.com", "zwei@example.com"):
        world.edit("persons", person, name=address, emails=[{"value": address, "label": "work"}])
        office.advance(minutes=1)
        office.load("persons")
    before = office.query("SELECT count(*) FROM persons_history")
    hidden = frozenset({"name", "emails"})
    entity = replace(BY_NAME["persons"], history=True, hashed=hidden, hash_key=b"x" * 16)
    window = Window(start=office.midnight)
    request = LoadRequest(entities=(entity,), window=window, full=True)
    load(office.connection, office.warehouse, request)

    assert b"einstein@" not in office.warehouse.path.read_bytes()
    assert b"zwei@" not in office.warehouse.path.read_bytes()
    assert before == office.query("SELECT count(*) FROM persons_history")
    texts = office.query(f"SELECT name, emails FROM persons_history WHERE id = {person}")
    assert 64 == len(texts[0][0])
    assert all(name in emails and '"label":"work"' in emails for name, emails in texts)
    assert [] == untrue(office, "persons")


@pytest.mark.slow
def test_a_table_of_the_users_is_left_alone_and_named(make_office):
    office = make_office(deals=2)
    office.load("persons")
    with office.warehouse.sql() as sql:
        sql.execute_sql("CREATE TABLE pipedrive_data.persons_history AS SELECT 1 AS mine")
    office.history = ("persons",)

    with pytest.raises(LoadFailed, match=r"persons_history.*did not create"):
        office.load("persons")

    assert [(1,)] == office.query("SELECT mine FROM persons_history")


@pytest.mark.slow
def test_a_purge_removes_the_versions_of_deleted_rows_and_of_their_children(make_office):
    office = make_office(deals=4)
    office.history, world = TABLES, office.world
    deal, person = world.ids("deals")[0], world.ids("persons")[0]
    world.add_participant(deal, person)
    office.load(*TABLES)
    world.remove_participant(deal, person)
    office.advance(minutes=1)
    office.load(*TABLES)
    world.delete("deals", deal)
    office.advance(minutes=1)
    office.load(*TABLES, purge_deleted=True)

    assert [] == versions(office, "deals", deal, "id")
    children = f"SELECT count(*) FROM deals_participants_history WHERE deal_id = {deal}"
    assert [(0,)] == office.query(children)
    assert [] == untrue(office, *TABLES)


@pytest.mark.slow
def test_no_byte_of_an_erased_person_is_left_in_any_history(make_office):
    office = make_office(deals=6)
    person = erased_person.occurring(office)
    office.history = tuple(BY_NAME)
    office.load()
    former = {"name": "Zebulon Formername", "emails": [{"value": "former@zeb.example"}]}
    office.world.edit("persons", person, **former)
    for deal in office.world.ids("deals"):
        office.world.edit("deals", deal, title="Zebulon Formername, former@zeb.example")
    office.advance(minutes=1)
    office.load(*NAMING)
    for deal in office.world.ids("deals"):
        office.world.edit("deals", deal, title="no name")
    office.advance(minutes=1)
    office.load(*NAMING)
    before = office.query("SELECT count(*) FROM deals_history WHERE title LIKE '%Formername%'")
    purge_person(office.warehouse, person, NOON)
    left = erased_person.left_in_files([office.warehouse.path.parent])
    words = b"Formername", b"former@zeb"
    data = office.warehouse.path.read_bytes()

    assert before[0][0] >= 6
    assert [] == left
    assert [] == [word for word in words if word in data]
    assert [] == versions(office, "persons", person, "id")
    assert [] == untrue(office, *NAMING)
    forgive_person(office.warehouse, person)
    office.load(*NAMING, full=True)
    assert 1 == len(versions(office, "persons", person, "id"))
    assert [] == untrue(office, *NAMING)


@pytest.mark.slow
def test_histories_are_true_after_days_of_changes_kills_and_reconciliations(make_office):
    office = make_office(deals=10)
    office.history = month.FOLLOWED

    differences = month.simulate(office, seed=4, days=6)

    assert [] == differences
    assert [] == untrue(office, *month.FOLLOWED)
    assert office.query("SELECT count(*) > 20 FROM deals_history WHERE NOT _is_current")[0][0]
