"""Custom fields end to end: names and labels a person can read, kept for ever, nothing lost."""

import json
from dataclasses import replace

import pytest

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.extract.custom_fields import FieldMemory, StateMapping
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.conftest import NOON
from pipedrive_assets_tests.truth import HASH, account_rows

TABLES = ("deals", "persons", "organizations", "activities", "products", "leads")


def column_of(office, label):
    code = office.world.code("deals", label)
    ((name,),) = office.query(
        f"SELECT normalized_name FROM custom_fields_mapping WHERE hash_string = '{code}'"
    )
    return code, name


def deal_with(office, code):
    return next(
        row["id"]
        for row in account_rows(office.sandbox, BY_NAME["deals"])
        if (row["custom_fields"] or {}).get(code) is not None and not row["is_deleted"]
    )


@pytest.mark.slow
def test_every_value_is_found_under_its_name_with_labels(office):
    office.load(*TABLES)

    assert [] == office.differences(*TABLES)


def test_a_built_in_column_keeps_its_name_and_content(office):
    office.load("deals")
    titles = {row["id"]: row["title"] for row in account_rows(office.sandbox, BY_NAME["deals"])}

    assert titles == dict(office.query("SELECT id, title FROM deals"))
    assert column_of(office, "Title")[1].startswith("title_")
    assert column_of(office, "ID")[1].startswith("id_")


@pytest.mark.slow
def test_every_defined_field_has_its_column_even_where_all_rows_are_null(office):
    code = office.world.add_field("products", "Warranty until", "date")
    office.load("products")

    assert [("DATE", 0)] == office.query(
        "SELECT any_value(data_type), (SELECT count(warranty_until) FROM products) "
        "FROM information_schema.columns WHERE table_schema = 'pipedrive_data' "
        "AND table_name = 'products' "
        "AND column_name = 'warranty_until'"
    )
    assert code is not None


@pytest.mark.slow
def test_a_field_defined_later_has_its_column_without_any_row_changing(office):
    office.load("products")
    office.world.add_field("products", "Shelf life", "double")
    office.advance(minutes=30)

    office.load("products")

    assert [("DOUBLE",)] == office.query(
        "SELECT data_type FROM information_schema.columns "
        "WHERE table_schema = 'pipedrive_data' "
        "AND table_name = 'products' AND column_name = 'shelf_life'"
    )


@pytest.mark.slow
def test_a_renamed_field_keeps_its_column_and_the_mapping_tells(office):
    office.load("deals")
    code, name = column_of(office, "Campaign")
    office.world.rename_field("deals", code, "Marketing source")

    office.load("deals")

    assert [(name, "Marketing source", "Campaign", True)] == office.query(
        "SELECT normalized_name, name, first_name, renamed_at IS NOT NULL "
        f"FROM custom_fields_mapping WHERE hash_string = '{code}'"
    )


@pytest.mark.slow
def test_a_renamed_option_shows_its_new_label_in_old_rows_too(office):
    office.load("deals")
    enum, enum_name = column_of(office, "Priority")
    chosen, chosen_name = column_of(office, "Interests")
    deal = deal_with(office, enum)
    ((option,),) = office.query(f"SELECT {enum_name}_id FROM deals WHERE id = {deal}")
    other = deal_with(office, chosen)
    ((ids,),) = office.query(f"SELECT {chosen_name}_ids FROM deals WHERE id = {other}")
    office.world.rename_option("deals", enum, option, "Highest of all")
    office.world.rename_option("deals", chosen, json.loads(ids)[0], "Sailing")
    office.advance(minutes=30)

    office.load("deals")

    assert [("Highest of all", option)] == office.query(
        f"SELECT {enum_name}, {enum_name}_id FROM deals WHERE id = {deal}"
    )
    ((labels,),) = office.query(f"SELECT {chosen_name} FROM deals WHERE id = {other}")
    assert "Sailing" == json.loads(labels)[0]
    assert [] != office.query(f"SELECT * FROM deals__{chosen_name}_labels WHERE label = 'Sailing'")


@pytest.mark.slow
def test_a_removed_field_keeps_its_values_and_the_mapping_says_since_when(office):
    office.load("deals")
    code, name = column_of(office, "Campaign")
    values = f"SELECT id, {name} FROM deals WHERE {name} IS NOT NULL"
    before = set(office.query(values))
    office.world.remove_field("deals", code)
    office.advance(minutes=30)

    office.load("deals")

    # For the few deals that are read again, Pipedrive returns no value of the field.
    kept = set(office.query(values))
    assert kept <= before
    assert len(kept) > len(before) / 2
    assert [(True,)] == office.query(
        f"SELECT gone_at IS NOT NULL FROM custom_fields_mapping WHERE hash_string = '{code}'"
    )


@pytest.mark.slow
def test_a_field_created_while_the_list_is_walked_is_named_at_once(make_office):
    from pipedrive_assets.sandbox import faults

    office = make_office(deals=12)

    def create():
        code = office.world.add_field("deals", "Born late", "varchar")
        office.world.edit("deals", 7, custom_fields={code: "here"})

    office.sandbox.inject(faults.after("api/v2/dealFields", create).at(1))
    office.load("deals")

    assert [("here",)] == office.query("SELECT born_late FROM deals WHERE id = 7")


def test_refused_definitions_cost_no_rows(office):
    from pipedrive_assets.sandbox import faults

    office.sandbox.inject(faults.refused("api/v2/productFields", 403).always())

    office.load("products")

    ((rows, kept),) = office.query("SELECT count(*), count(custom_fields) FROM products")
    assert rows == len(account_rows(office.sandbox, BY_NAME["products"]))
    assert kept > 0


def test_the_fields_table_holds_every_definition(office):
    office.load("fields")
    defined = office.world.fields["deals"]

    found = dict(office.query("SELECT field_code, field_name FROM fields WHERE entity = 'deal'"))

    assert {code: field["field_name"] for code, field in defined.items()}.items() <= found.items()
    assert [("activity",), ("deal",), ("organization",), ("person",), ("product",)] == office.query(
        "SELECT DISTINCT entity FROM fields ORDER BY 1"
    )


@pytest.mark.slow
def test_field_definitions_are_asked_for_once_a_load(office):
    office.load("deals", "deals_flow", "custom_fields_mapping", "fields")

    assert 1 == len(office.sandbox.calls("dealFields"))


# Views


@pytest.mark.slow
def test_views_show_names_in_place_of_ids(office):
    office.load("deals", "stages", "users", "pipelines", "persons", "organizations")

    assert [(0,)] == office.query(
        "SELECT count(*) FROM deals_readable WHERE stage_name = CAST(stage_id AS VARCHAR) "
        "OR owner_name = CAST(owner_id AS VARCHAR)"
    )
    assert office.query("SELECT count(*) FROM deals") == office.query(
        "SELECT count(*) FROM deals_readable"
    )


def test_views_show_ids_where_a_reference_table_was_never_loaded(office):
    office.load("deals")

    assert office.query("SELECT id, CAST(stage_id AS VARCHAR) FROM deals ORDER BY id") == (
        office.query("SELECT id, stage_name FROM deals_readable ORDER BY id")
    )


@pytest.mark.slow
def test_the_flow_speaks_in_names(office):
    office.load("deals", "deals_flow", "stages", "pipelines")
    advances = office.query("SELECT count(*) FROM deals_flow WHERE field_key = 'stage_id'")

    assert advances == office.query(
        "SELECT count(*) FROM deals_flow_readable JOIN stages ON stages.name = new_value_readable "
        "AND CAST(stages.id AS VARCHAR) = new_value WHERE field_key = 'stage_id'"
    )
    ((changes,),) = office.query("SELECT count(*) FROM deals_flow WHERE object = 'dealChange'")
    assert [(changes,)] == office.query("SELECT count(*) FROM deals_flow_deal_change")


@pytest.mark.slow
def test_fields_that_pipedrive_refuses_to_tell_for_once_are_not_taken_for_deleted(office):
    tables = ("fields", "custom_fields_mapping")
    held = "SELECT entity, field_code, _deleted_at FROM fields ORDER BY 1, 2"
    office.load(*tables)
    before = office.query(held)
    office.sandbox.inject(faults.refused("api/v2/productFields", 402))

    office.load(*tables)

    assert before == office.query(held)
    office.sandbox.clear_faults()
    code = next(iter(office.world.fields["products"]))
    office.world.remove_field("products", code)
    office.load(*tables)
    assert [(code,)] == office.query("SELECT field_code FROM fields WHERE _deleted_at IS NOT NULL")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["nested", "flat"])
def test_activities_have_the_columns_that_the_mapping_promises(office, form):
    """Whether the values are in an object, as in API v2, or among the columns, as in v1."""

    def flatten(genuine):
        body = genuine.json()
        body["data"] = [
            {**row, "custom_fields": None, **(row["custom_fields"] or {})} for row in body["data"]
        ]
        return json_reply(200, body, genuine.headers)

    if form == "flat":
        office.sandbox.inject(faults.changed("api/v2/activities", flatten).always())
    office.load("activities", "custom_fields_mapping")

    promised = office.query(
        "SELECT hash_string, normalized_name FROM custom_fields_mapping "
        "WHERE endpoint = 'activity' AND column_type IN ('varchar', 'double')"
    )
    assert promised
    held = {row[0] for row in office.query("SELECT column_name FROM (DESCRIBE activities)")}
    assert {name for _, name in promised} <= held
    assert not [name for name in held if HASH.match(name)]
    for code, name in promised:
        rows = account_rows(office.sandbox, BY_NAME["activities"])
        expected = {row["id"]: (row["custom_fields"] or {}).get(code) or None for row in rows}
        found = dict(office.query(f'SELECT id, "{name}" FROM activities'))
        assert expected == {key: found[key] or None for key in expected}


# Fields that become known in the middle of a load


def without(code):
    """Definitions in which Pipedrive does not return one field yet."""

    def hide(genuine):
        body = genuine.json()
        body["data"] = [row for row in body["data"] if row["field_code"] != code]
        return json_reply(200, body, genuine.headers)

    return faults.changed("api/v2/dealFields", hide)


def loaded_without(office, label):
    """Load deals and leads before the definition of a field is readable; return its key."""
    code = office.world.code("deals", label)
    office.sandbox.inject(without(code).always())
    office.load("deals", "leads")
    office.sandbox.clear_faults()
    office.advance(minutes=30)
    return code


def change_deal_with(office, code):
    office.world.edit("deals", deal_with(office, code), title="Changed")


@pytest.mark.slow
@pytest.mark.parametrize("first", ["without the field", "empty"])
def test_rows_of_earlier_loads_get_a_field_that_becomes_known_during_a_load(office, first):
    code = loaded_without(office, "Campaign")
    change_deal_with(office, code)
    fault = without(code) if first == "without the field" else nothing_defined()
    office.sandbox.inject(fault.at(1))

    office.load("deals", "leads")
    office.load("deals", "leads")

    assert [] == office.differences("deals", "leads")


def nothing_defined():
    def empty(genuine):
        return json_reply(200, {**genuine.json(), "data": []}, genuine.headers)

    return faults.changed("api/v2/dealFields", empty)


@pytest.mark.slow
def test_rows_of_an_unfinished_scan_get_a_field_that_becomes_known_while_it_is_resumed(office):
    code = office.world.code("deals", "Campaign")
    office.sandbox.inject(without(code).always())
    office.sandbox.inject(faults.server_error("api/v2/deals").at(15, times=None))
    with pytest.raises(LoadFailed):
        office.load("deals", page_rows=1)
    office.sandbox.clear_faults()
    held = office.query("SELECT count(*) FROM deals WHERE custom_fields LIKE '%" + code + "%'")
    office.sandbox.inject(without(code).at(1))

    office.load("deals", page_rows=1)
    office.load("deals", page_rows=1)

    assert held > [(0,)]
    assert [] == office.differences("deals")


def test_names_that_another_run_has_stored_meanwhile_are_used_while_definitions_are_refused(office):
    deals, stored, stats = BY_NAME["deals"], {}, RequestStats()
    rows = account_rows(office.sandbox, deals)
    refused, other = (
        FieldMemory(office.connection.client, StateMapping(stored), NOON, normalize=str.lower)
        for _ in range(2)
    )
    office.sandbox.inject(faults.refused("api/v2/dealFields", 403).at(1))
    refused.ask(deals, stats)
    assert not refused.fields_for(deals, rows, stats).knows(rows)
    other.ask(deals, stats)
    assert other.fields_for(deals, rows, stats).knows(rows)

    found = refused.fields_for(deals, rows, stats)

    assert found.knows(rows)
    assert other.fields_of(deals) == found


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("refused", ["api/v2/dealFields", "api/v2/personFields"])
def test_refused_definitions_leave_no_gap_where_the_column_custom_fields_is_excluded(
    make_office, monkeypatch, refused
):
    office = make_office(deals=8)
    excluded = {
        name: replace(BY_NAME[name], excluded=frozenset({"custom_fields"}))
        for name in ("deals", "persons")
    }
    monkeypatch.setattr(
        "pipedrive_assets_tests.conftest.chosen", lambda names: tuple(excluded[n] for n in names)
    )
    office.sandbox.inject(faults.refused(refused, 403).at(1))
    office.load("deals", "persons")

    office.load("deals", "persons")

    assert [] == office.differences("deals", "persons")
