"""Rows that are written straight into a load package arrive as those that pass through dlt."""

import json
from dataclasses import replace

import pytest

from pipedrive_assets.load import merge
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse import Warehouse, ledger
from pipedrive_assets.warehouse.dlt import write
from pipedrive_assets.warehouse.dlt.schema import typed_schema
from pipedrive_assets_tests.conftest import Office

TABLES = ("deals", "persons", "activities", "products", "leads", "deals_participants")


def contents(office: Office) -> dict[str, list[str]]:
    """Every table without what dlt makes up by chance; rows as text, sorted."""
    with office.warehouse.sql() as sql:
        columns = ledger.all_columns(sql)
    return {
        name: sorted(
            str(row) for row in office.query(f"SELECT {', '.join(_quoted(held))} FROM {name}")
        )
        for name, held in columns.items()
        if not name.startswith("_") and _quoted(held)
    }


def _quoted(held: dict[str, str]) -> list[str]:
    return [f'"{column}"' for column in sorted(held) if column not in MADE_UP]


def known(office: Office) -> dict[str, object]:
    """What dlt knows of every table, as kept in the warehouse."""
    stored = office.query(
        "SELECT arg_max(schema, inserted_at) FROM _dlt_version "
        "WHERE schema_name NOT IN ('pipedrive_ledger') GROUP BY schema_name ORDER BY schema_name"
    )
    schemas = [json.loads(text) for (text,) in stored]
    tables = {
        name: {**table, "file_format": None}
        for schema in schemas
        for name, table in schema["tables"].items()
        if not name.startswith("_dlt") and "seen-data" in table.get("x-normalizer", {})
    }
    return {"tables": tables, "normalizers": [schema["normalizers"] for schema in schemas]}


MADE_UP = {"_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id"}


@pytest.mark.slow
def test_both_ways_load_the_same(make_office, monkeypatch):
    monkeypatch.setattr(write, "SCHEMA_SAMPLE_ROWS", 3)
    monkeypatch.setattr(write, "WORTH_ROWS", 4)
    fast, whole = make_office(deals=60), make_office(deals=60)
    fast.load(*TABLES)
    monkeypatch.setattr(
        write, "load_plain", lambda _pipeline, _entity, groups, _custom: (groups, None)
    )
    whole.load(*TABLES)
    assert contents(whole) == contents(fast)
    assert known(whole) == known(fast)


@pytest.mark.slow
def test_lists_hang_on_their_rows(office):
    office.load("persons")
    orphans = office.query(
        "SELECT count(*) FROM persons__emails e WHERE NOT EXISTS (SELECT 1 FROM persons p "
        "WHERE p._dlt_id = e._dlt_parent_id AND p._dlt_id = e._dlt_root_id)"
    )
    assert [(0,)] == orphans
    assert office.query("SELECT count(*) > 10 FROM persons__emails") == [(True,)]


@pytest.mark.slow
def test_a_row_read_again_leaves_no_items_of_its_lists_behind(office, monkeypatch):
    office.load("persons")
    office.warehouse.close()
    office.warehouse = Warehouse(office.warehouse.path, "pipedrive_data")
    monkeypatch.setattr(write, "_run", None)  # from here on all is plain
    key = office.world.ids("persons")[3]
    office.advance(minutes=10)
    office.world.edit(
        "persons", key, emails=[{"value": "only@one.test", "primary": True, "label": "w"}]
    )
    office.load("persons")
    emails = office.query(
        "SELECT e.value FROM persons__emails e JOIN persons p ON p._dlt_id = e._dlt_root_id "
        f"WHERE p.id = {key}"
    )
    assert [("only@one.test",)] == emails


@pytest.mark.slow
def test_a_field_defined_later_needs_no_look_by_dlt(office, monkeypatch):
    office.load("deals")
    office.warehouse.close()
    office.warehouse = Warehouse(office.warehouse.path, "pipedrive_data")
    monkeypatch.setattr(write, "_run", None)  # from here on all is plain
    code = office.world.add_field("deals", "Born late", "varchar")
    key = office.world.ids("deals")[3]
    office.advance(minutes=10)
    office.world.edit("deals", key, custom_fields={code: "here"})
    office.load("deals")
    assert [(key,)] == office.query("SELECT id FROM deals WHERE born_late = 'here'")


@pytest.mark.parametrize(
    ("value", "column", "expected"),
    [
        ({"id": 7, "new_column": 5}, "new_column", 5),
        ({"id": 7, "title": {"an": "object"}}, "title", '{"an":"object"}'),
        ({"id": 7, "stage_id": "no number"}, "stage_id__v_text", "no number"),
    ],
)
def test_what_dlt_does_not_know_yet_is_left_to_dlt(office, value, column, expected):
    deals = BY_NAME["deals"]
    plain = [{"id": n, "title": "plain", "label_ids": [1]} for n in (1, 2, 3)]
    with office.warehouse.exclusive():
        merge.commit_rows(office.warehouse, deals, plain, merge.Written())
        merge.commit_rows(office.warehouse, deals, [*plain, value], merge.Written())
    assert [(expected,)] == office.query(f"SELECT {column} FROM deals WHERE id = 7")
    assert [(4,)] == office.query("SELECT count(*) FROM deals")


def test_an_unknown_moment_is_looked_at_before_it_is_believed(office):
    deals = BY_NAME["deals"]
    rows = [{"id": n, "seen_by_nobody": "2026-01-01T00:00:00Z"} for n in (1, 2)]
    strange = {"id": 3, "seen_by_nobody": "the other day"}
    with office.warehouse.exclusive():
        merge.commit_rows(office.warehouse, deals, rows[:1], merge.Written())
        merge.commit_rows(office.warehouse, deals, [rows[1], strange], merge.Written())
    found = office.query("SELECT id, seen_by_nobody__v_text FROM deals ORDER BY id")
    assert [(1, None), (2, None), (3, "the other day")] == found


def test_a_parents_children_are_never_parted(office, monkeypatch):
    monkeypatch.setattr(write, "SCHEMA_SAMPLE_ROWS", 1)
    monkeypatch.setattr(write, "WORTH_ROWS", 2)
    participants = BY_NAME["deals_participants"]
    rows = [(deal, {"id": deal * 10 + n, "person_id": n}) for deal in (1, 2) for n in (1, 2, 3)]
    rows[1] = (1, {"id": 12, "person_id": 2, "strange": [["list", "in", "list"]]})
    with office.warehouse.exclusive():
        for _ in range(2):
            changed = [(deal, {**row, "title": f"{_}"}) for deal, row in rows]
            merge.commit_children(office.warehouse, participants, changed, [1, 2], merge.Written())
    assert [(6,)] == office.query("SELECT count(*) FROM deals_participants")


@pytest.mark.slow
def test_what_dlt_learned_is_known_to_the_next_process(office):
    deals = BY_NAME["deals"]
    with office.warehouse.exclusive():
        merge.commit_rows(
            office.warehouse, deals, [{"id": 1, "seen_by_nobody": 5}], merge.Written()
        )
    office.warehouse.close()
    office.warehouse = Warehouse(office.warehouse.path, "pipedrive_data")
    with office.warehouse.exclusive():
        merge.commit_rows(
            office.warehouse, deals, [{"id": 2, "seen_by_nobody": "text"}], merge.Written()
        )
    found = office.query("SELECT seen_by_nobody, seen_by_nobody__v_text FROM deals ORDER BY id")
    assert [(5, None), (None, "text")] == found
    tables = office.query("SELECT table_name FROM duckdb_tables()")
    assert ("_dlt_pipeline_state",) not in tables


def test_a_table_whose_key_was_another_is_left_to_dlt():
    deals = BY_NAME["deals"]
    held = typed_schema(None, deals, None)
    assert typed_schema(held, deals, None) is not None
    assert typed_schema(held, replace(deals, key=("id", "title")), None) is None
