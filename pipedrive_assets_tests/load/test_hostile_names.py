"""Names from Pipedrive never become SQL: whatever people type is a value, or a quoted name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets.views import readable
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets_tests.conftest import Office

NASTY = (
    "'; DROP TABLE deals; --", 'a"b', "a'b", "select", "table", "id", "_dlt_id", "_row_hash", "%s",
    "{deals}", "100 %", "$1", "a.b", "a/b~c", "Ünïcödé ✓", "名前", "\u202e", "a\\b", "\n", " ", "",
    "x" * 300, "deal_id", "timestamp", "readable", "?", "\x00", "NaN", "null",
)  # fmt: skip
# A NUL is stored, but no statement can hold one: dlt leaves it out of names and literals.
NAMES = st.sampled_from([name for name in NASTY if "\x00" not in name]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40
)
TABLES = ("deals", "persons", "organizations", "products", "custom_fields_mapping", "fields")


def add_fields(office: Office, names: list[str]) -> dict[str, dict[str, int]]:
    """A text and a choice of each name, and a company, a person and a deal called so."""
    chosen: dict[str, dict[str, int]] = {}
    deals = office.world.ids("deals")
    for number, name in enumerate(names):
        text = office.world.add_field("deals", name)
        choice = office.world.add_field("deals", name, "enum")
        option = office.world.add_option("deals", choice, name)
        chosen.setdefault(choice, {})[name] = option
        deal = deals[number % len(deals)]
        values = office.world.row("deals", deal)["custom_fields"]
        office.world.edit(
            "deals", deal, title=name, custom_fields={**(values or {}), text: name, choice: option}
        )
        office.world.add("organizations", name=name)
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize("names", [NASTY], ids=["all"])
def test_hostile_labels_options_and_company_names_are_loaded_as_they_are(office, names):
    chosen = add_fields(office, list(names))
    office.load(*TABLES)
    before = tables(office)
    assert [] == office.differences(*TABLES[:4])

    for code, options in chosen.items():
        for name, option in options.items():
            office.world.rename_option("deals", code, option, f"{name}'; DELETE FROM deals; --")
    office.load(*TABLES)

    assert [] == office.differences(*TABLES[:4])
    assert before == tables(office)
    office.query("SELECT * FROM deals_readable")


def tables(office: Office) -> list[tuple[str, ...]]:
    return office.query("SELECT table_name FROM information_schema.tables ORDER BY 1")


@pytest.fixture(scope="module")
def flow(tmp_path_factory) -> Warehouse:
    """A warehouse with deals and their history."""
    office = Office(tmp_path_factory.mktemp("flow"), deals=1)
    office.load("deals", "deals_flow")
    return office.warehouse


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(kind=NAMES, keys=st.lists(NAMES, max_size=6))
def test_events_of_any_kind_with_any_keys_are_a_view_of_their_own(flow, kind, keys):
    event = json.dumps({"object": kind, "data": dict.fromkeys(keys, "value")})
    with flow.exclusive(), flow.sql() as sql:
        events = readable.table(sql, "deals_flow")
        sql.execute_sql(f"DELETE FROM {events}")
        sql.execute_sql(
            f"INSERT INTO {events} (deal_id, object, event, event_key, _row_hash, _dlt_load_id, "
            "_dlt_id) VALUES (%s, %s, %s, 'x', 1, 'x', 'x')",
            *(7, kind, event),
        )
        # The event is not part of a commit, after which the keys would be read again.
        account = readable.table(sql, "_pipedrive_account")
        sql.execute_sql(f"UPDATE {account} SET event_keys = NULL")
        readable.rebuild(sql)
        name, _ = readable._flow_view(sql, kind, keys)
        if name != "deals_flow_readable":
            ((deal, _, *values),) = sql.execute_sql(f"SELECT * FROM {readable.table(sql, name)}")
            assert 7 == deal
            assert {"value"} >= set(values)
        assert [(1,)] == list(sql.execute_sql(f"SELECT count(*) FROM {events}"))
