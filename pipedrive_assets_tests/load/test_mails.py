"""Emails of deals, persons and organizations: which are read, what they cost, what they omit."""

import json
from dataclasses import replace

import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.child import record_in
from pipedrive_assets.rows.normalize import normalize_row
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.http.counters import mails_of

PARENTS = {"deals": "deal_id", "persons": "person_id", "organizations": "org_id"}
MAILS = tuple(f"{parent}_mails" for parent in PARENTS)


@pytest.fixture
def office(make_office):
    return make_office(deals=8)


def calls(office):
    return office.sandbox.calls("/mailMessages")


def edited(on, edit):
    def change(reply):
        return replace(reply, body=json.dumps(edit(reply.json())).encode())

    return faults.changed(on, change)


def write(office, table, key):
    """An email that Pipedrive links to a record, without a change of the record's update_time."""
    thread = next(iter(office.world.tables["mail_threads"].rows.values()))
    links = {"persons": "linked_person_id", "organizations": "linked_organization_id"}
    party = {"id": 1, "name": "Kim", "email_address": "kim@x.example"}
    if table == "deals":
        office.world.edit("mail_threads", thread["id"], deal_id=key)
    else:
        party[links[table]] = key
    return office.world.add(
        "mail_messages",
        mail_thread_id=thread["id"],
        subject="A price",
        snippet="Dear Kim",
        body_url="https://mail.example/1?Signature=opens",
        message_time="2026-01-05T10:00:00.000Z",
        **{"from": [party]},
    )


@pytest.mark.slow
def test_emails_are_read_for_records_that_have_some_at_20_tokens_each_without_bodies(office):
    for table in PARENTS:
        write(office, table, office.world.ids(table)[0])

    reports = office.load(*PARENTS, *MAILS)

    assert [] == office.differences(*MAILS)
    for table, column in PARENTS.items():
        ((counted,),) = office.query(f"SELECT count(*) FROM {table} WHERE email_messages_count > 0")
        asked = [line for line in calls(office) if f"/{table}/" in line.path]
        assert 0 < counted == len({line.path for line in asked})
        assert [20] * len(asked) == [line.tokens for line in asked]
        assert sum(line.tokens for line in asked) == reports[f"{table}_mails"].stats.tokens
        assert [] == office.query(f"SELECT id FROM {table}_mails WHERE {column} IS NULL")
    columns = office.query(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = 'deals_mails'"
    )
    assert ("body",) not in columns
    assert not office.query("SELECT 1 FROM deals_mails WHERE body_url LIKE '%opens%'")


def test_a_body_that_pipedrive_sends_is_not_loaded():
    entity = BY_NAME["deals_mails"]
    item = {"object": "mailMessage", "timestamp": "x", "data": {"id": 1, "body": "<p>Kim</p>"}}

    row, _ = normalize_row(entity, record_in(item, "data"), parent_id=5)

    assert (5, 1, "mailMessage") == (row["deal_id"], row["id"], row["object"])
    assert "body" not in row


@pytest.mark.parametrize("item", [{"id": 1}, {"id": 1, "data": None}, {"id": 1, "data": [1]}])
def test_an_item_without_a_record_in_it_is_the_record(item):
    assert item == record_in(item, "data")


@pytest.mark.slow
def test_pages_whose_links_are_signed_again_are_read_to_the_end(office):
    key = office.world.ids("deals")[0]
    for _ in range(7):
        write(office, "deals", key)
    signatures = iter(range(10**6))

    def sign(body):
        for item in body["data"] or ():
            item["data"]["body_url"] = f"https://x.example?Signature={next(signatures)}"
        return body

    office.sandbox.inject(edited(f"v1/deals/{key}/mailMessages", sign).always())
    office.load("deals", "deals_mails", page_rows=3)
    office.sandbox.clear_faults()

    found = office.query(f"SELECT count(*) FROM deals_mails WHERE deal_id = {key}")
    assert [(len(mails_of(office.world, "deal_id", key)),)] == found
    assert 7 <= found[0][0]


@pytest.mark.slow
def test_an_email_that_came_in_or_vanished_is_found_after_a_change_of_the_record(office):
    key = office.world.ids("deals")[0]
    first = write(office, "deals", key)
    office.load("deals", "deals_mails")
    office.advance(minutes=10)
    write(office, "deals", key)
    office.world.delete("mail_messages", first)
    office.world.edit("deals", key, title="Mailed")
    before = len(calls(office))

    office.load("deals", "deals_mails")

    assert [] == office.differences("deals_mails")
    assert before < len(calls(office))


@pytest.mark.slow
def test_an_empty_reply_deletes_nothing_and_a_refused_table_is_skipped_with_its_rows(office):
    key = office.world.ids("deals")[0]
    write(office, "deals", key)
    office.load("deals", "deals_mails")
    held = office.query("SELECT count(*) FROM deals_mails WHERE _deleted_at IS NULL")
    for fault in (faults.null_data, lambda on: faults.refused(on, 403)):
        office.advance(minutes=10)
        office.world.edit("deals", key, title=str(fault))
        office.sandbox.inject(fault("v1/deals/*/mailMessages").always())
        office.load("deals", "deals_mails")
        office.sandbox.clear_faults()

        left = office.query("SELECT count(*) FROM deals_mails WHERE _deleted_at IS NULL")
        assert held == left != [(0,)]
    office.load("deals", "deals_mails")
    assert [] == office.differences("deals_mails")


@pytest.mark.slow
def test_the_caps_hold_emails_back_and_later_loads_read_them(office):
    for key in office.world.ids("deals")[:5]:
        thread = office.world.add("mail_threads", deal_id=key, folders=["inbox"])
        office.world.add("mail_messages", mail_thread_id=thread)

    report = office.load("deals", "deals_mails", caps=Caps(per_run=40, per_day=None))

    assert 0 < report["deals_mails"].waiting.count
    assert 40 == sum(line.tokens for line in calls(office))
    office.load("deals", "deals_mails")
    assert [] == office.differences("deals_mails")


# Emails in the history of deals


def events(office):
    start = "'mailMessage:'"
    return office.query(
        f"SELECT substr(event_key, length({start}) + 1) FROM deals_flow "
        f"WHERE starts_with(event_key, {start}) ORDER BY 1"
    )


@pytest.fixture
def once(office, monkeypatch):
    """The history of deals as the settings define it by default, with `deals_mails`."""
    flow = replace(BY_NAME["deals_flow"], mails_in="deals_mails")
    monkeypatch.setitem(BY_NAME, "deals_flow", flow)
    return office


def test_the_history_of_a_deal_gets_no_email_that_the_table_of_emails_has(once):
    write(once, "deals", once.world.ids("deals")[0])

    once.load("deals", "deals_flow", "deals_mails")

    assert [] == events(once)
    assert 0 < once.query("SELECT count(*) FROM deals_mails")[0][0]
    assert 0 < once.query("SELECT count(*) FROM deals_flow")[0][0]


@pytest.mark.slow
@pytest.mark.parametrize("excluded", [(), ("object",), ("event_id",)])
def test_emails_that_a_history_already_has_stay(once, excluded, monkeypatch):
    flow = replace(BY_NAME["deals_flow"], excluded=frozenset(excluded))
    monkeypatch.setitem(BY_NAME, "deals_flow", flow)
    deal = once.world.ids("deals")[0]
    write(once, "deals", deal)
    once.load("deals", "deals_flow")
    held = events(once)
    once.load("deals", "deals_mails")
    new = write(once, "deals", deal)
    once.world.edit("deals", deal, title="Another title")

    once.load("deals", "deals_mails", "deals_flow")

    assert held == events(once)
    assert (str(new),) not in held
    assert [] != held
    kept = (
        "SELECT 1 FROM deals_flow "
        "WHERE starts_with(event_key, 'mailMessage:') AND _deleted_at IS NOT NULL"
    )
    assert [] == once.query(kept)


@pytest.mark.slow
def test_emails_that_could_not_be_read_stay_in_the_history(once):
    deal = once.world.ids("deals")[0]
    write(once, "deals", deal)
    once.sandbox.inject(faults.refused(f"v1/deals/{deal}/mailMessages", 403).always())

    once.load("deals", "deals_mails", "deals_flow")

    assert [] != events(once)
