"""Values of another type than documented, in every column that decisions depend on, in all three
front ends."""

import json

import pytest

from pipedrive_assets.errors import DataError, InternalError, LoadFailed
from pipedrive_assets.registry import BY_NAME, ENTITIES, Kind
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.dlt_source.conftest import DEALS, plain_of
from pipedrive_assets_tests.facts import raises
from pipedrive_assets_tests.odd_values import numbers_as_text, odd_columns
from pipedrive_assets_tests.singer.conftest import STREAMS, Bench, expected_rows

__all__ = ["plain_of"]

TABLES = (
    *(entity.name for entity in ENTITIES if entity.kind is not Kind.CHILD),
    "deals_participants",
    "deals_products",
    "deals_discounts",
    "mail_messages",
)
PLAIN = (*DEALS, "files", "leads", "notes", "pipelines", "users")


def inject(office, scripts):
    for script in scripts:
        office.sandbox.inject(script)


@pytest.mark.slow
def test_a_warehouse_survives_odd_values_and_is_right_after_one_healthy_run(make_office):
    office = make_office(deals=12)
    inject(office, odd_columns())

    first = office.load(*TABLES)
    office.advance(days=1)
    office.load(*TABLES)
    office.reconcile(accept_loss=True)
    assert all(report.error is None for report in first.values())
    assert first["deals"].written.coercion_failures
    lists = [name for name in TABLES if BY_NAME[name].kind is not Kind.CHILD]
    assert not [line for line in office.differences(*lists) if "missing" in line]

    office.sandbox.clear_faults()
    for _ in range(2):
        # An empty set of children replaces a filled one only when two runs returned it.
        office.load(*TABLES, full=True)
    office.reconcile()
    assert [] == office.differences(*TABLES)


@pytest.mark.slow
def test_keys_that_come_as_text_are_numbers_everywhere(make_office):
    office = make_office(deals=12)
    inject(office, numbers_as_text())

    names = [name for name in TABLES if not BY_NAME[name].optional]
    office.load(*names)
    office.advance(days=1)
    for _ in range(2):
        # An empty set of children replaces a filled one only when two runs returned it.
        office.load(*names, full=True)
    office.reconcile()
    assert [] == office.differences(*names)


@pytest.mark.slow
def test_lines_whose_deal_comes_as_text_are_loaded_and_stay(office):
    """The lines were dropped without a word, and those held were deleted."""
    office.load("deals", "deals_products")
    before = office.query("SELECT count(*) FROM deals_products")
    inject(office, numbers_as_text())

    office.load("deals", "deals_products", full=True)
    assert before == office.query("SELECT count(*) FROM deals_products")
    assert [] == office.differences("deals_products")


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("table", ["files", "leads", "notes", "pipelines", "deals"])
def test_one_zero_date_does_not_stop_a_table(office, table):
    office.load(table)
    entity = BY_NAME[table]

    def spoil(genuine):
        body = genuine.json()
        for row in body["data"][:1]:
            row["update_time"] = "0000-00-00 00:00:00"
        return json_reply(200, body, genuine.headers)

    for endpoint in entity.endpoints:
        office.sandbox.inject(faults.changed(endpoint.path, spoil).always())
    for _ in range(2):
        office.advance(hours=3)
        assert office.load(table)[table].error is None
    if entity.kind is Kind.WINDOWED:
        office.reconcile(table)


def test_a_key_that_does_not_fit_names_its_table_and_endpoint(office):
    def spoil(genuine):
        body = genuine.json()
        body["data"][0]["id"] = "soon"
        return json_reply(200, body, genuine.headers)

    office.sandbox.inject(faults.changed("api/v2/persons", spoil).always())
    with raises(LoadFailed, "GET /api/v2/persons", "persons", "a text") as failed:
        office.load("persons", "pipelines")
    assert isinstance(failed.value.failures["persons"], DataError)
    assert [] == office.differences("pipelines")


@pytest.mark.slow
def test_a_record_requested_by_id_is_coerced_too(office):
    """A flag of deletion may come as a number or as text."""
    office.load("notes")
    gone = office.query("SELECT min(id) FROM notes")[0][0]

    def without(genuine):
        body = genuine.json()
        body["data"] = [row for row in body["data"] or () if row["id"] != gone]
        return json_reply(200, body, genuine.headers)

    def removed(genuine):
        body = genuine.json()
        body["data"] |= {"active_flag": "0", "id": str(gone)}
        return json_reply(200, body, genuine.headers)

    office.sandbox.inject(faults.changed("v1/notes", without).always())
    office.sandbox.inject(faults.changed(f"v1/notes/{gone}", removed).always())
    office.reconcile("notes")
    assert [("deleted",)] == office.query(f"SELECT _deleted_reason FROM notes WHERE id = {gone}")


@pytest.mark.slow
def test_the_tap_sends_every_record_whatever_the_values_are(make_office):
    office = make_office(deals=12)
    bench = Bench(office)
    inject(office, odd_columns())
    catalog = bench.catalog(*(name for name, each in STREAMS.items() if each.table in TABLES))

    bench.sync(catalog)
    office.advance(days=1)
    bench.sync(catalog)
    json.dumps(bench.target.state)
    for name, stream in STREAMS.items():
        if stream.entity.kind is Kind.WINDOWED:
            keys = {
                tuple(row[key] for key in stream.key_properties)
                for row in expected_rows(office, stream)
            }
            assert keys <= bench.target.rows[name].keys(), name

    office.sandbox.clear_faults()
    bench.sync(catalog, state={})
    assert [] == bench.differences("deals", "files", "leads", "notes", "users", "deal_products")


def test_a_stream_that_cannot_be_read_costs_no_later_stream_its_records(make_office):
    office = make_office(deals=12)
    bench = Bench(office)
    catalog = bench.catalog("stages", "pipelines", "deals")

    def spoil(genuine):
        body = genuine.json()
        body["data"][0]["id"] = "soon"
        return json_reply(200, body, genuine.headers)

    office.sandbox.inject(faults.changed("api/v2/stages", spoil).always())
    with raises(DataError, "GET /api/v2/stages"):
        bench.sync(catalog)
    assert 12 <= len(bench.target.rows["deals"])
    assert "currently_syncing" not in bench.target.state
    office.sandbox.clear_faults()
    bench.sync(catalog)
    assert [] == bench.differences("stages", "pipelines", "deals")


def test_an_unforeseen_error_of_a_stream_ends_no_later_stream(make_office, monkeypatch):
    office = make_office(deals=12)
    bench = Bench(office)
    catalog = bench.catalog("stages", "pipelines", "deals")
    stream = next(each for each in bench.tap().streams if each.tap_stream_id == "stages")

    def broken(self, row, parent_id):
        if self.tap_stream_id == "stages":
            raise KeyError("x")
        return rows(self, row, parent_id)

    rows = type(stream).row
    monkeypatch.setattr(type(stream), "row", broken)
    with raises(InternalError, "stages", "KeyError: 'x'"):
        bench.sync(catalog)
    assert [] == bench.differences("pipelines", "deals")


def test_a_change_without_an_id_is_an_error_of_its_stream(make_office):
    office = make_office(deals=12)
    bench = Bench(office)
    catalog = bench.catalog("dealflow", "pipelines")

    def spoil(genuine):
        body = genuine.json()
        for event in body["data"]:
            event["data"].pop("id", None)
        return json_reply(200, body, genuine.headers)

    office.sandbox.inject(faults.changed("v1/deals/*/flow", spoil).always())
    with raises(DataError, "/flow"):
        bench.sync(catalog)
    assert [] == bench.differences("pipelines")


@pytest.mark.slow
def test_the_plain_source_loads_odd_values(make_office, plain_of):
    office = make_office(deals=12)
    plain = plain_of(office)
    inject(office, odd_columns())

    plain.run(*PLAIN)
    office.advance(days=1)
    plain.run(*PLAIN)
    assert not [line for line in plain.differences(*PLAIN) if "missing" in line]

    office.sandbox.clear_faults()
    plain.run(*PLAIN, incremental=False)
    assert [] == plain.differences(*PLAIN)


@pytest.mark.slow
def test_the_plain_source_reads_keys_that_come_as_text(make_office, plain_of):
    office = make_office(deals=12)
    plain = plain_of(office)
    inject(office, numbers_as_text())

    plain.run(*PLAIN)
    office.advance(days=1)
    plain.run(*PLAIN, incremental=False)
    assert [] == plain.differences(*PLAIN)
