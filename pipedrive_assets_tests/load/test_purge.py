"""A person who asked for it is in no table, no file, and does not come back."""

import json

import pytest

from pipedrive_assets.load import forgive_person, purge_person
from pipedrive_assets_tests.conftest import NOON

TABLES = (
    "persons", "deals", "activities", "notes", "files", "leads",
    "deals_participants", "deals_flow", "mail_threads", "mail_messages", "call_logs",
    "persons_changelog", "persons_followers", "deals_participants_changelog",
    "persons_followers_changelog", "organizations",
    "deals_mails", "persons_mails", "organizations_mails",
)  # fmt: skip


def prominent(office):
    """A person who stands in every table, with a name and an address of their own."""
    deal = office.world.ids("deals")[0]
    person = office.world.add(
        "persons",
        name="Zebulon Quatermass",
        emails=[{"value": "zebulon@quatermass.example", "primary": True, "label": "work"}],
    )
    champion = office.world.code("deals", "Champion")
    office.world.edit("deals", deal, person_id=person, custom_fields={champion: person})
    office.world.add("activities", subject="Lunch", person_id=person, deal_id=deal)
    office.world.add("notes", content="Zebulon likes tea", person_id=person)
    office.world.add("notes", content="The deal goes on", person_id=person, deal_id=deal)
    office.world.add("files", file_name="photo.png", person_id=person)
    office.world.add("person_followers", person_id=person)
    office.world.edit("persons", person, job_title="Zebulon's own")
    party = {"name": "Zebulon", "email_address": "z@x.example", "linked_person_id": person}
    other = {
        "linked_person_id": office.world.ids("persons")[0],
        "linked_organization_id": office.world.ids("organizations")[0],
    }
    thread = office.world.add(
        "mail_threads",
        deal_id=deal,
        subject="Dear Zebulon",
        folders=["inbox"],
        parties={"from": [party], "to": []},
        drafts_parties=[party],
        last_message_timestamp=NOON.isoformat(),
    )
    mail = {"from": [party], "to": [other], "subject": "Dear Zebulon", "snippet": "Yours, Zebulon"}
    office.world.add("mail_messages", mail_thread_id=thread, **mail)
    for key, owner in (("a", {}), ("b", {"deal_id": deal})):
        number = f"quatermass {key}"
        office.world.add("call_logs", id=key, person_id=person, to_phone_number=number, **owner)
    return person


def tells_of(office, person):
    """Tables, dlt's staged copies among them, with a row that names the person."""
    found = []
    for schema, name in office.query(
        "SELECT schema_name, table_name FROM duckdb_tables() "
        "WHERE schema_name LIKE 'pipedrive_data%'"
    ):
        table = name if schema == "pipedrive_data" else f"{schema}.{name}"
        if name.startswith("_dlt") or name == "_pipedrive_erased":
            continue
        for row in office.query(f"SELECT to_json(t) FROM {table} t"):
            text = row[0] if isinstance(row[0], str) else json.dumps(row[0])
            if "Zebulon" in text or "quatermass" in text or f'"person_id":{person},' in text:
                found.append(table)
                break
    return found


@pytest.mark.slow
def test_an_erased_person_is_in_no_table_nor_in_the_file(make_office):
    office = make_office(deals=8)
    person = prominent(office)
    office.load(*TABLES)
    ((champion,),) = office.query(
        "SELECT normalized_name FROM custom_fields_mapping "
        "WHERE endpoint = 'deal' AND field_type = 'people'"
    )
    assert [(1,)] == office.query(f"SELECT count(*) FROM deals WHERE {champion} = {person}")
    assert {*TABLES} - {"leads", "activities", "organizations"} <= {
        name.partition("__")[0] for name in tells_of(office, person)
    }
    deals = office.query("SELECT count(*) FROM deals")

    touched = purge_person(office.warehouse, person, NOON)

    assert [] == tells_of(office, person)
    assert b"quatermass" not in office.warehouse.path.read_bytes()
    assert [(0,)] == office.query(f"SELECT count(*) FROM deals WHERE {champion} = {person}")
    assert 1 == touched["persons"]
    assert deals == office.query("SELECT count(*) FROM deals")
    assert [("The deal goes on",)] == office.query(
        "SELECT content FROM notes WHERE content LIKE 'The deal%'"
    )
    assert [] != office.query("SELECT * FROM persons_live")


@pytest.mark.slow
def test_an_erased_person_does_not_come_back_until_the_erasure_is_undone(make_office):
    office = make_office(deals=8)
    person = prominent(office)
    office.load(*TABLES)
    purge_person(office.warehouse, person, NOON)
    office.advance(minutes=10)
    office.world.edit("persons", person, job_title="Still listed")
    office.world.edit("deals", office.world.ids("deals")[0], title="Changed")

    changed = office.load(*TABLES)
    left_out = changed["persons"].written.loaded
    office.reconcile()
    office.load(*TABLES, full=True)
    away = tells_of(office, person)
    ((champion,),) = office.query(
        "SELECT normalized_name FROM custom_fields_mapping "
        "WHERE endpoint = 'deal' AND field_type = 'people'"
    )
    chosen = office.query(f"SELECT count(*) FROM deals WHERE {champion} = {person}")
    in_the_file = b"quatermass" in office.warehouse.path.read_bytes()
    forgive_person(office.warehouse, person)
    office.load("persons", full=True)

    assert [] == away
    assert [(0,)] == chosen
    assert not in_the_file
    assert 0 == left_out
    assert [("Zebulon Quatermass",)] == office.query(
        f"SELECT name FROM persons WHERE id = {person}"
    )
