"""A person who occurs wherever an account can hold one is erased, and does not come back."""

import json
from pathlib import Path

import pytest

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.load import forgive_person, purge_person, recognized
from pipedrive_assets.load.erase import erased_list
from pipedrive_assets.load.erase.redact import Redaction
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets_tests import erased_person as person_of
from pipedrive_assets_tests.conftest import NOON


def files_of(office):
    return [office.warehouse.path.parent, Path(office.warehouse._work.name)]


@pytest.mark.slow
def test_no_byte_of_an_erased_person_is_left_nor_comes_back(make_office, caplog):
    office = make_office(deals=8)
    office.warehouse.close()
    folder = office.warehouse.path.parent
    copy = folder / "copy.duckdb"
    office.warehouse = Warehouse(folder / "warehouse.duckdb", "pipedrive_data", read_copy=copy)
    person = person_of.occurring(office)
    office.load()
    before = person_of.cells(office)
    count = office.query("SELECT count(*) FROM deals_flow")

    copied = person_of.left_in_files([copy])
    purge_person(office.warehouse, person, NOON)
    office.warehouse.renew_copy()
    erased = person_of.cells(office), person_of.left_in_files(files_of(office))
    kept = office.query("SELECT count(*) FROM deals_flow")
    office.advance(minutes=10)
    person_of.plant(office, person)
    for deal in office.world.ids("deals"):
        office.world.edit("deals", deal, label_ids=[])
    later = []
    for step in (office.load, office.reconcile, lambda: office.load(full=True)):
        step()
        later += [*person_of.cells(office), *person_of.left_in_files(files_of(office))]

    assert [str(copy)] == copied
    assert len({cell.partition(".")[0] for cell in before}) > 40, before
    assert ([], []) == erased
    assert count == kept
    assert [] == later
    assert not person_of.LEFT.search(caplog.text.encode())
    for table in ("activities", "deals", "files", "notes", "deals_participants"):
        assert [(0,)] == office.query(f"SELECT count(*) FROM {table} WHERE person_id = {person}")


TABLES = ("persons", "deals", "deals_flow", "leads", "notes")


@pytest.mark.slow
def test_other_words_and_other_people_are_left_alone(make_office):
    office = make_office(deals=6)
    world = office.world
    person = world.add("persons", name="Adams", emails=[{"value": "a@firm.example"}])
    namesake = world.add("persons", name="Adams", emails=[{"value": "a@firm.example"}])
    deal, other = world.ids("deals")[:2]
    world.edit("deals", deal, title="Adamson and McAdams")
    world.edit("deals", other, title="ADAMS wants 5")
    world.add("notes", content="see joe.a@firm.example or A@Firm.example", deal_id=deal)
    office.load(*TABLES)

    purge_person(office.warehouse, person, NOON)

    assert [("Adamson and McAdams",)] == office.query(f"SELECT title FROM deals WHERE id = {deal}")
    assert [("*** wants 5",)] == office.query(f"SELECT title FROM deals WHERE id = {other}")
    assert [("see joe.a@firm.example or ***",)] == office.query(
        "SELECT content FROM notes WHERE content LIKE 'see%'"
    )
    assert [("Adams",)] == office.query(f"SELECT name FROM persons WHERE id = {namesake}")
    assert [] == office.query(f"SELECT name FROM persons WHERE id = {person}")


@pytest.mark.slow
def test_undoing_an_erasure_removes_the_hashes_and_brings_every_text_back(make_office):
    office = make_office(deals=6)
    person = office.world.add("persons", name="Zebulon Quatermass")
    deal = office.world.ids("deals")[0]
    office.world.edit("deals", deal, title="Zebulon Quatermass deal", person_id=person)
    office.load(*TABLES)
    purge_person(office.warehouse, person, NOON)
    hidden = office.query(f"SELECT title, person_id FROM deals WHERE id = {deal}")

    forgive_person(office.warehouse, person)
    office.load(*TABLES, full=True)

    assert [("*** deal", None)] == hidden
    assert [(0,)] == office.query("SELECT count(*) FROM _pipedrive_erased_values")
    assert [("Zebulon Quatermass deal", person)] == office.query(
        f"SELECT title, person_id FROM deals WHERE id = {deal}"
    )
    assert [] == office.differences(*TABLES)


@pytest.mark.slow
def test_a_person_erased_by_an_earlier_version_is_recognized_after_the_next_load(
    make_office, caplog
):
    office = make_office(deals=6)
    person = office.world.add("persons", name="Zebulon Quatermass")
    office.load(*TABLES)
    purge_person(office.warehouse, person, NOON)
    with office.warehouse.sql() as sql:
        sql.execute_sql("DROP TABLE pipedrive_data._pipedrive_erased_values")
    purge_person(office.warehouse, person, NOON)
    unknown = recognized(office.warehouse, person)

    office.advance(minutes=1)
    office.world.edit("persons", person, job_title="Still there")
    office.load(*TABLES)

    assert {} == unknown
    assert {"name"} == recognized(office.warehouse, person).keys()
    assert f"purge --person {person}" in caplog.text
    assert "Zebulon" not in caplog.text


@pytest.mark.slow
def test_the_values_of_a_person_whose_row_is_gone_come_from_what_is_still_there(make_office):
    office = make_office(deals=6)
    person = office.world.add(
        "persons", name="Zebulon Quatermass", emails=[{"value": "zeb@firm.example"}]
    )
    deal = office.world.ids("deals")[0]
    office.world.add_participant(deal, person)
    office.world.add("notes", content="About zeb@firm.example", deal_id=deal)
    office.load("persons", "deals", "deals_participants", "notes")
    with office.warehouse.sql() as sql:
        sql.execute_sql("DELETE FROM pipedrive_data.persons WHERE id = %s", person)

    purge_person(office.warehouse, person, NOON)

    assert {"address": 1, "name": 2} == recognized(office.warehouse, person)
    assert [("About ***",)] == office.query("SELECT content FROM notes WHERE content LIKE 'About%'")


@pytest.mark.slow
def test_a_person_whom_no_table_has_is_not_put_on_the_list(make_office):
    office = make_office(deals=6)
    office.load("persons")

    with pytest.raises(ConfigurationError, match="987654"):
        purge_person(office.warehouse, 987654, NOON)

    assert [] == office.query("SELECT * FROM _pipedrive_erased")


@pytest.mark.slow
def test_whole_objects_of_the_person_beside_a_column_go_now_and_in_later_loads(make_office):
    office = make_office(deals=6)
    person = office.world.add("persons", name="Zebulon Quatermass")
    lead = office.world.ids("leads")[0]
    office.load("persons", "leads")
    whole = json.dumps({"name": "Zeb Q.", "value": person, "email": [], "phone": []})
    other = json.dumps({"name": "Zebulon  QUATERMASS", "value": 1, "email": []})
    with office.warehouse.sql() as sql:
        for column, text in (("contact__v_text", whole), ("second__v_text", other)):
            sql.execute_sql(f"ALTER TABLE leads ADD COLUMN {column} VARCHAR")
            sql.execute_sql(f"UPDATE leads SET {column} = %s WHERE id = %s", text, lead)

    purge_person(office.warehouse, person, NOON)
    with office.warehouse.sql() as sql:
        withheld = Redaction(redactor=erased_list.redactor(sql))
    row = {"id": lead, "contact__v_text": whole, "second__v_text": other, "_deleted_at": None}

    left = {"contact__v_text": None, "second__v_text": '{"name": null, "value": 1, "email": []}'}
    assert [tuple(left.values())] == office.query(
        f"SELECT contact__v_text, second__v_text FROM leads WHERE id = '{lead}'"
    )
    assert {**row, **left} == withheld.clean(BY_NAME["leads"], row, None)


@pytest.mark.slow
def test_the_row_that_a_merge_leaves_is_erased_as_well(make_office):
    office = make_office(deals=6)
    mail = [{"value": "zeb@firm.example", "primary": True, "label": "work"}]
    person, twin = (
        office.world.add("persons", name="Zebulon Quatermass", emails=mail) for _ in range(2)
    )
    office.load("persons")
    office.world.merge("persons", twin, person)
    office.reconcile("persons")

    purge_person(office.warehouse, person, NOON)

    assert [] == office.query(f"SELECT id FROM persons WHERE id IN ({person}, {twin})")
    assert b"zeb@firm" not in office.warehouse.path.read_bytes()
