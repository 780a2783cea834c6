"""The weekly digest: its figures are those of the company's own rows."""

import re
from datetime import timedelta

import pytest

from pipedrive_assets.views.digest import digest
from pipedrive_assets_tests.conftest import NOON, Office

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("digest"), deals=40)
    won = next(
        key for key in made.world.ids("deals") if made.world.row("deals", key)["status"] == "open"
    )
    made.world.edit("deals", won, status="won", value=1234, currency="EUR")
    made.load("deals", "activities")
    yield made
    made.warehouse.close()


def stamped(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def between(rows, column, end):
    first, last = stamped(end - WEEK), stamped(end)
    return [row for row in rows if row[column] and first < row[column] <= last]


def rows_of(office, name):
    return [office.world.row(name, key) for key in office.world.ids(name)]


def lines(text):
    return dict(re.findall(r"^- ([^:]+): (.*)$", text, re.MULTILINE))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "table", "wanted", "column"),
    [
        ("Deals created", "deals", lambda _: True, "add_time"),
        ("Deals won", "deals", lambda row: row["status"] == "won", "close_time"),
        ("Deals lost", "deals", lambda row: row["status"] == "lost", "close_time"),
        ("Activities done", "activities", lambda row: row["done"], "marked_as_done_time"),
        ("Activities created", "activities", lambda _: True, "add_time"),
    ],
)
def test_a_line_has_the_count_of_this_week_and_of_the_week_before(
    office, line, table, wanted, column
):
    rows = [row for row in rows_of(office, table) if wanted(row)]

    found = lines(digest(office.warehouse))[line]

    this, before = (len(between(rows, column, end)) for end in (NOON, NOON - WEEK))
    assert re.match(rf"{this:,}\b", found)
    assert f"({before:,} in the 7 days before)" in found


def test_open_deals_and_amounts_are_by_currency(office):
    found = lines(digest(office.warehouse))
    is_open = [
        row
        for row in rows_of(office, "deals")
        if row["status"] == "open" and not row["is_archived"]
    ]
    euros = sum(row["value"] or 0 for row in is_open if row["currency"] == "EUR")

    assert re.match(rf"{len(is_open):,}\b", found["Deals open now"])
    assert f"{euros:,.0f} EUR" in found["Deals open now"]
    assert "EUR" in found["Deals won"]
    assert "deal_without_next_activity" in found["Records that need care (table hygiene)"]


def test_the_title_has_the_company_and_the_time_up_to_which_data_is_complete(office):
    title = digest(office.warehouse).splitlines()[0]

    assert "invented data" in title
    assert "2026-03-10 12:00 UTC" in title


@pytest.mark.slow
def test_columns_that_are_excluded_are_named_and_fail_nothing(office, make_office):
    other = make_office(deals=3)
    other.load("deals")
    other.warehouse.close()
    with other.warehouse.sql() as sql:
        sql.execute_sql("DROP VIEW pipedrive_data.deals_readable")
        sql.execute_sql("ALTER TABLE pipedrive_data.deals DROP COLUMN value")

    assert "PIPEDRIVE_EXCLUDE_COLUMNS" in digest(other.warehouse)
    assert "Activities" not in digest(other.warehouse)


def test_there_is_no_digest_before_deals_are_loaded(make_office):
    empty = make_office(deals=3)

    assert digest(empty.warehouse) is None
    empty.load("stages")
    assert digest(empty.warehouse) is None
