"""Labels of built-in options in the readable views, compared with the company's own options."""

import json

import pytest

from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets.sandbox.http.field_definitions import CHOICES
from pipedrive_assets.sandbox.http.v2_rows import LABELS
from pipedrive_assets_tests.conftest import Office

TABLES = (
    *("deals", "persons", "organizations", "activities", "products", "leads"),
    *("lead_labels", "fields"),
)
SCALARS = [
    ("deals", "channel"),
    ("leads", "channel"),
    ("organizations", "industry"),
    ("activities", "priority"),
    ("activities", "outcome"),
    ("products", "category"),
    ("deals", "visible_to"),
    ("persons", "visible_to"),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    office = Office(tmp_path_factory.mktemp("options"), deals=40)
    deals = office.world.ids("deals")
    office.world.edit("deals", deals[0], channel=99, label_ids=[3, 99, 1])
    office.world.edit("organizations", office.world.ids("organizations")[0], industry=98)
    office.load(*TABLES)
    yield office
    office.warehouse.close()


def with_definitions(office, change):
    """Load deals; `change` changes each field definition of deals."""

    def edit(genuine):
        body = json.loads(genuine.body)
        for row in body["data"]:
            change(row)
        return json_reply(genuine.status, body, genuine.headers)

    office.sandbox.inject(faults.changed("api/v2/dealFields", edit).always())
    office.load("deals", "fields")


def alive(office, table):
    held = office.world.tables[table]
    return {key: held.rows[key] for key in held.alive if office.world.sees(table, held.rows[key])}


def test_the_fields_with_options_have_rows(loaded):
    assert [] == [
        (table, code)
        for table, code in SCALARS
        if all(row[code] is None for row in alive(loaded, table).values()) and code != "channel"
    ]


@pytest.mark.parametrize(("table", "code"), SCALARS)
def test_an_option_is_shown_with_its_label_and_an_unknown_one_with_its_id(loaded, table, code):
    labels = {str(each): label for each, label in CHOICES[code]}
    expected = {
        key: None if row[code] is None else labels.get(str(row[code]), str(row[code]))
        for key, row in alive(loaded, table).items()
    }

    rows = loaded.query(f"SELECT id, {code}_label FROM {table}_readable WHERE _deleted_at IS NULL")

    assert expected == dict(rows)
    assert len(rows) == len(expected)


@pytest.mark.parametrize("table", ["deals", "persons", "organizations", "leads"])
def test_labels_are_those_of_their_entity_in_the_order_of_the_row(loaded, table):
    labels = LABELS.get(table) or {
        key: row["name"] for key, row in loaded.world.tables["lead_labels"].rows.items()
    }
    expected = {
        key: ", ".join(labels.get(each, str(each)) for each in row["label_ids"]) or None
        for key, row in alive(loaded, table).items()
    }

    rows = loaded.query(f"SELECT id, labels FROM {table}_readable WHERE _deleted_at IS NULL")

    assert expected == dict(rows)
    assert len(rows) == len(expected)
    assert table != "deals" or "Très important, 99, Hot" in expected.values()


@pytest.mark.slow
def test_without_definitions_ids_are_shown(make_office):
    office = make_office(deals=12)
    office.load("deals", "organizations", "leads")

    assert [(0,)] == office.query(
        "SELECT count(*) FROM organizations_readable "
        "WHERE industry_label IS DISTINCT FROM CAST(industry AS VARCHAR)"
    )
    assert [(0,)] == office.query(
        "SELECT count(*) FROM deals_readable r WHERE labels IS DISTINCT FROM "
        "(SELECT string_agg(CAST(value AS VARCHAR), ', ' ORDER BY _dlt_list_idx) "
        "FROM deals__label_ids WHERE _dlt_parent_id = r._dlt_id)"
    )


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("odd", [None, "x", {"id": 52}, [None, 7, "x", {"id": 52}], []])
def test_odd_options_leave_the_view_readable(make_office, odd):
    office = make_office(deals=12)
    office.world.edit("deals", 7, channel=52)

    def spoil(row):
        if row["field_code"] in {"channel", "label_ids"}:
            row["options"] = odd

    with_definitions(office, spoil)

    assert [("52",)] == office.query("SELECT channel_label FROM deals_readable WHERE id = 7")


@pytest.mark.slow
def test_two_options_with_one_id_do_not_double_rows(make_office):
    office = make_office(deals=12)

    def double(row):
        row["options"] = row["options"] and row["options"] * 2

    with_definitions(office, double)

    assert office.query("SELECT count(*) FROM deals") == office.query(
        "SELECT count(*) FROM deals_readable"
    )


@pytest.mark.slow
def test_labels_under_the_older_code_are_found(make_office):
    office = make_office(deals=12)

    def rename(row):
        if row["field_code"] == "label_ids":
            row["field_code"] = "label"

    with_definitions(office, rename)

    assert [(0,)] == office.query("SELECT count(*) FROM deals_readable WHERE labels LIKE '%1%'")


@pytest.mark.slow
def test_a_custom_field_of_that_name_keeps_its_column(make_office):
    office = make_office(deals=12)
    field = next(iter(office.world.fields["deals"].values()))
    field["field_name"] = "Labels"
    office.load("deals", "fields")

    columns = [
        row[0]
        for row in office.query(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_name = 'deals_readable' AND column_name LIKE '%labels'"
        )
    ]

    assert ["labels", "option_labels"] == sorted(columns)
