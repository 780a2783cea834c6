"""Histories follow the activities, notes and files of their deals in a plain pipeline too."""

from datetime import timedelta

import pytest

TABLES = ("deals", "deals_flow", "activities", "notes", "files")
CHANGES = {"activities": "subject", "notes": "content", "files": "description"}


def edit(plain, table, *, skip=0):
    """Edit a record of a deal without a change of the deal; returns the deal."""
    world = plain.office.world
    rows = [
        row
        for row in world.tables[table].rows.values()
        if row["deal_id"] and not world.row("deals", row["deal_id"])["is_deleted"]
    ]
    row = rows[skip]
    before = world.row("deals", row["deal_id"])["update_time"]
    world.edit(table, row["id"], **{CHANGES[table]: "Edited"})
    world.touch("deals", row["deal_id"], before)
    return row["deal_id"]


def flows(plain):
    found = {int(path.split("/")[-2]) for path in plain.asked("v1/deals/") if "/flow" in path}
    plain.office.sandbox.log.clear()
    return found


@pytest.fixture
def settled(plain):
    for _ in range(2):
        plain.run(*TABLES)
        plain.office.world.instant += timedelta(minutes=10)
    flows(plain)
    plain.run(*TABLES)
    plain.usual = flows(plain)
    plain.office.world.instant += timedelta(minutes=10)
    return plain


@pytest.mark.slow
def test_a_record_that_changed_has_its_deals_history_read_in_the_same_run_and_once(
    settled,
):
    deals = {edit(settled, table) for table in CHANGES}

    settled.run(*TABLES)
    asked = flows(settled)
    settled.office.world.instant += timedelta(minutes=10)
    settled.run(*TABLES)
    settled.office.world.instant += timedelta(minutes=10)
    flows(settled)
    settled.run(*TABLES)

    assert deals == asked - settled.usual
    assert [] == settled.differences("deals_flow")
    assert settled.usual == flows(settled)


@pytest.mark.slow
def test_a_record_that_is_loaded_without_the_histories_is_remembered_for_them(
    settled,
):
    deal = edit(settled, "notes")
    settled.run("notes")
    assert set() == flows(settled)

    settled.run("deals", "deals_flow")

    assert {deal} == flows(settled) - settled.usual
    assert [] == settled.differences("deals_flow")


@pytest.mark.slow
def test_a_history_that_was_never_loaded_is_owed_nothing(plain):
    plain.run("deals", "notes")
    plain.office.world.instant += timedelta(minutes=10)
    edit(plain, "notes")

    plain.run("deals", "notes")

    assert "owed" not in str(plain.pipeline.state["sources"]["pipedrive"])
