"""Bodies of emails: loaded only if asked for, kept, and requested again if they are missing."""

import json
from dataclasses import replace

import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.load.erase.purge_person import purge_person
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.sandbox import faults
from pipedrive_assets_tests.load.test_mails import MAILS, PARENTS, write

PATH = "v1/*/mailMessages"


@pytest.fixture
def office(make_office, monkeypatch):
    """An account whose first deal has an email, loaded with bodies."""
    for name in MAILS:
        monkeypatch.setitem(BY_NAME, name, BY_NAME[name].with_bodies())
    office = make_office(deals=3)
    office.mail = write(office, "deals", office.world.ids("deals")[0])
    return office


def bodies(office, table="deals_mails"):
    return office.query(f"SELECT id, body FROM {table} WHERE _deleted_at IS NULL ORDER BY 1")


def body_of(office):
    return dict(bodies(office))[office.mail]


def without_bodies(reply):
    body = reply.json()
    for item in body["data"] or ():
        item["data"].pop("body", None)
    return replace(reply, body=json.dumps(body).encode())


def leave_out_bodies(office):
    office.sandbox.inject(faults.changed(PATH, without_bodies).always())


def touch(office):
    office.world.edit("deals", office.world.ids("deals")[0], title=str(office.world.stamp))


def test_a_body_that_a_reply_lacks_stays(office):
    office.load("deals", "deals_mails", recheck_days=30)
    leave_out_bodies(office)
    touch(office)

    report = office.load("deals", "deals_mails", recheck_days=30)["deals_mails"]

    assert body_of(office) == "<p>Dear Kim</p>"
    assert () == report.warnings


@pytest.mark.slow
def test_a_body_that_a_reply_lacks_is_counted_and_requested_again_once_a_day(office):
    leave_out_bodies(office)
    report = office.load("deals", "deals_mails", recheck_days=30)["deals_mails"]
    missing = len(bodies(office))
    assert body_of(office) is None
    assert any(f"{missing} emails of deals_mails" in warning for warning in report.warnings)

    office.sandbox.clear_faults()
    office.load("deals", "deals_mails", recheck_days=30)
    assert body_of(office) is None

    office.advance(hours=24)
    report = office.load("deals", "deals_mails", recheck_days=30)["deals_mails"]
    assert body_of(office) == "<p>Dear Kim</p>"
    assert () == report.warnings


@pytest.mark.slow
def test_bodies_are_loaded_for_all_three_tables_at_the_cost_of_the_list(office):
    for table in PARENTS:
        write(office, table, office.world.ids(table)[0])

    office.load(*PARENTS, *MAILS)

    for table in MAILS:
        assert [] == [key for key, body in bodies(office, table) if not body]
    lines = office.sandbox.calls("/mailMessages")
    assert {20} == {line.tokens for line in lines}
    assert len(lines) == len({line.path for line in lines})
    assert {"1"} == {dict(line.params)["include_body"] for line in lines}


@pytest.mark.slow
@pytest.mark.parametrize("status", [400, 403])
def test_a_refused_list_keeps_the_rows_and_their_bodies(office, status):
    office.load("deals", "deals_mails")
    held = bodies(office)
    deal = office.world.ids("deals")[0]
    office.sandbox.inject(faults.refused(f"v1/deals/{deal}/mailMessages", status).always())
    touch(office)

    report = office.load("deals", "deals_mails")["deals_mails"]

    assert held == bodies(office)
    assert 1 == report.unread
    office.sandbox.clear_faults()
    assert 0 == office.load("deals", "deals_mails")["deals_mails"].unread


@pytest.mark.slow
def test_switching_bodies_on_reads_them_and_off_removes_the_column(make_office, monkeypatch):
    office = make_office(deals=3)
    plain = BY_NAME["deals_mails"]
    office.mail = write(office, "deals", office.world.ids("deals")[0])
    office.load("deals", "deals_mails")
    monkeypatch.setitem(BY_NAME, "deals_mails", plain.with_bodies())
    office.advance(hours=24)

    office.load("deals", "deals_mails", recheck_days=30)
    assert body_of(office) == "<p>Dear Kim</p>"

    monkeypatch.setitem(BY_NAME, "deals_mails", plain)
    office.load("deals", "deals_mails")
    columns = "SELECT column_name FROM duckdb_columns() WHERE table_name = 'deals_mails'"
    assert ("body",) not in office.query(columns)


@pytest.mark.slow
def test_the_body_of_an_email_of_an_erased_person_is_removed_and_stays_out(office):
    person = office.world.ids("persons")[0]
    thread = office.world.row("mail_messages", office.mail)["mail_thread_id"]
    party = {"id": 1, "name": "Kim", "email_address": "k@x.example", "linked_person_id": person}
    office.world.edit("mail_messages", office.mail, **{"from": [party]})
    office.load("deals", "persons", "deals_mails")
    assert body_of(office)

    purge_person(office.warehouse, person, office.sandbox.now)
    erased = body_of(office)
    touch(office)
    report = office.load("deals", "deals_mails", recheck_days=30)["deals_mails"]

    assert thread
    assert erased is body_of(office) is None
    assert () == report.warnings


@pytest.mark.parametrize(("given", "expected"), [("on", "1"), ("off", "0")])
def test_the_setting_decides_whether_bodies_are_requested(tmp_path, given, expected):
    settings = Settings(root=tmp_path, mail_bodies=given, tables="default,+deals_mails")

    (mails,) = (entity for entity in settings.entities if entity.name == "deals_mails")
    assert expected == dict(mails.params)["include_body"]
    assert mails.has_bodies is ("body" not in mails.excluded) is (given == "on")


def test_an_excluded_body_is_not_missing(tmp_path):
    excluded, tables = "deals_mails.body", "default,+deals_mails"
    settings = Settings(root=tmp_path, mail_bodies=True, exclude_columns=excluded, tables=tables)

    (mails,) = (entity for entity in settings.entities if entity.name == "deals_mails")
    assert not mails.has_bodies


@pytest.mark.parametrize("table", MAILS)
def test_bodies_are_personal(table):
    assert columns_of(table).columns["body"].personal
