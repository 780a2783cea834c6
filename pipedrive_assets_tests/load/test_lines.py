"""Rows are written as a dlt pipeline would write them."""

import json
from dataclasses import replace
from pathlib import Path

import dlt
import duckdb
import pytest

from pipedrive_assets.errors import LoadFailed
from pipedrive_assets.load import merge
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.dlt.hints import table_source
from pipedrive_assets.warehouse.dlt.infer import ITEM_COLUMNS, ROW_COLUMNS
from pipedrive_assets.warehouse.dlt.schema import typed_schema
from pipedrive_assets.warehouse.duckdb import write
from pipedrive_assets_tests.facts import raises

TABLES = ("deals", "persons", "activities", "products", "leads", "deals_participants")
MADE_UP = ("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id", "load_id")
CHANGING = (
    *MADE_UP,
    "_deleted_at",
    "_deleted_reason",
    "inserted_at",
    "version",
    "version_hash",
    "schema_version_hash",
    "schema",
)

STRANGE = [
    {"id": 1, "title": "plain", "label_ids": [1, 2]},
    {"id": 2, "new_number": 5, "new_text": "a", "new_time": "2026-03-10T12:00:00Z", "yes": True},
    {"id": 3, "new_number": 1.5, "new_text": 7, "new_time": "the other day", "yes": "no"},
    {"id": 4, "title": {"an": "object"}, "stage_id": "no number", "value": "12.5"},
    {"id": 5, "new_list": [1, 2], "new_object": {"a": 1, "B c": {"d": "x"}}},
    {"id": 6, "new_list": [[1], [2, [3]]], "label_ids": ["x"], "new_object": {"a": None}},
    {"id": 7, "new_items": [{"x": 1, "deep": [{"y": 2}]}, {"x": "text"}], "new_list": []},
    {"id": 8, "NewName": "shouted", "new_object": [1]},
]


def contents(path: Path) -> dict[str, object]:
    """Every table of a file: its columns with their types, and its rows without chance values."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET schema = 'pipedrive_data'; SET TimeZone = 'UTC'")
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
            "JOIN duckdb_tables() USING (database_name, schema_name, table_name) "
            "WHERE schema_name = 'pipedrive_data' "
            "AND NOT starts_with(table_name, '_pipedrive') AND table_name != '_dlt_pipeline_state' "
            "ORDER BY ALL"
        ).fetchall()
        found: dict[str, object] = {}
        for name in {column[0] for column in columns}:
            kept = [c[1] for c in columns if c[0] == name and c[1] not in CHANGING]
            listed = ", ".join(f'"{column}"' for column in kept) or "count(*)"
            rows = connection.execute(f'SELECT {listed} FROM "{name}"').fetchall()
            found[name] = sorted(map(str, rows))
        return {**found, "": columns}


def differing(dlts: dict[str, object], ours: dict[str, object]) -> dict[str, object]:
    """What only one of two has, by name."""
    return {
        name: (dlts.get(name), ours.get(name))
        for name in {*dlts, *ours}
        if dlts.get(name) != ours.get(name)
    }


def schemas(path: Path) -> dict[str, object]:
    """The newest version of every schema that dlt has of a file, for tables with rows."""
    with duckdb.connect(str(path), read_only=True) as connection:
        stored = connection.execute(
            "SELECT arg_max(schema, inserted_at) FROM pipedrive_data._dlt_version "
            "GROUP BY schema_name ORDER BY schema_name"
        ).fetchall()
    found = {}
    for schema in (json.loads(text) for (text,) in stored):
        for name, table in schema["tables"].items():
            if "seen-data" in table.get("x-normalizer", {}) and not name.startswith("_dlt"):
                columns = {key: plain(column) for key, column in table["columns"].items()}
                found[name] = {**table, "columns": columns, "file_format": None}
        # Whether it is there for a table without lists depends on dlt's active destination.
        schema["normalizers"]["json"]["config"].pop("propagation", None)
        found[schema["name"]] = schema["normalizers"], schema["settings"]
    return found


def plain(column: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in column.items() if key != "description"}


def run_by_dlt(path: Path, entity, batches, custom) -> None:
    """Load batches of rows with a dlt pipeline."""
    pipeline = dlt.pipeline(
        f"pipedrive_{entity.name}",
        pipelines_dir=str(path.parent / "pipelines"),
        destination=dlt.destinations.duckdb(str(path)),
        dataset_name="pipedrive_data",
    )
    for rows in batches:
        pipeline.run(table_source(entity, rows, custom))


@pytest.fixture
def both(office, monkeypatch, tmp_path):
    """Returns the two files after rows were written here and by dlt."""
    batches = []
    write = merge.load_rows

    def noted(warehouse, entity, rows, custom, then):
        batches.append((entity, [json.loads(json.dumps(row)) for row in rows], custom))
        return write(warehouse, entity, rows, custom, then)

    monkeypatch.setattr(merge, "load_rows", noted)

    def files():
        for entity, rows, custom in batches:
            if rows:
                run_by_dlt(tmp_path / "dlt.duckdb", entity, [rows], custom)
        office.warehouse.close()
        return office.warehouse.path, tmp_path / "dlt.duckdb"

    return files


@pytest.mark.slow
def test_a_load_writes_what_dlt_writes(office, both):
    office.load(*TABLES)
    office.advance(hours=30)
    office.load(*TABLES[1:-1])  # deals would mark and delete participants, which is no writing

    ours, dlts = both()

    assert {} == differing(contents(dlts), contents(ours))
    assert {} == differing(schemas(dlts), schemas(ours))


@pytest.mark.slow
def test_rows_that_the_schema_does_not_fit_are_written_as_by_dlt(office, both):
    deals = BY_NAME["deals"]
    with office.warehouse.exclusive():
        for rows in (STRANGE, [*STRANGE[4:], {"id": 1, "new_text": "b"}]):
            merge.commit_rows(office.warehouse, deals, rows, merge.Written())

    ours, dlts = both()

    assert {} == differing(contents(dlts), contents(ours))
    assert {} == differing(schemas(dlts), schemas(ours))


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
def test_a_row_read_again_leaves_no_items_of_its_lists_behind(office):
    office.load("persons")
    office.warehouse.close()
    office.warehouse = Warehouse(office.warehouse.path, "pipedrive_data")
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
def test_a_field_defined_later_gets_its_column(office):
    office.load("deals")
    office.warehouse.close()
    office.warehouse = Warehouse(office.warehouse.path, "pipedrive_data")
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
def test_what_the_schema_lacks_gets_a_column(office, value, column, expected):
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


@pytest.mark.slow
def test_a_parents_children_are_never_parted(office):
    participants = BY_NAME["deals_participants"]
    rows = [(deal, {"id": deal * 10 + n, "person_id": n}) for deal in (1, 2) for n in (1, 2, 3)]
    rows[1] = (1, {"id": 12, "person_id": 2, "strange": [["list", "in", "list"]]})
    with office.warehouse.exclusive():
        for _ in range(2):
            changed = [(deal, {**row, "title": f"{_}"}) for deal, row in rows]
            merge.commit_children(office.warehouse, participants, changed, [1, 2], merge.Written())
    assert [(6,)] == office.query("SELECT count(*) FROM deals_participants")


@pytest.mark.slow
def test_new_columns_are_known_to_the_next_process(office):
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


def test_a_table_whose_key_was_another_gets_the_new_one():
    deals = BY_NAME["deals"]
    held = typed_schema(None, deals, None)
    rekeyed = typed_schema(held, replace(deals, key=("id", "title")), None)
    columns = rekeyed.tables["deals"]["columns"]
    assert {"id", "title"} == {
        name for name, column in columns.items() if column.get("primary_key")
    }
    again = typed_schema(rekeyed, deals, None).tables["deals"]["columns"]
    assert {"id"} == {name for name, column in again.items() if column.get("primary_key")}


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_the_schema_is_the_one_that_dlt_makes_of_the_hints(entity):
    source = table_source(entity, None, None)
    dlts, ours = source.discover_schema().to_dict(), typed_schema(None, entity, None).to_dict()

    for table in ours["tables"].values():
        for name in {*ITEM_COLUMNS, *ROW_COLUMNS}:
            if not table["name"].startswith("_dlt"):
                table["columns"].pop(name, None)  # dlt adds them with the first row
    assert dlts["tables"] == ours["tables"]
    assert dlts["settings"] == ours["settings"]
    assert [*dlts["tables"]] == [*ours["tables"]]


def test_an_infinite_number_in_a_new_column_stops_no_load(office):
    deals = BY_NAME["deals"]
    rows = [{"id": 7, "new_column": float("inf")}, {"id": 8, "new_list": [[2**70]]}]
    with office.warehouse.exclusive():
        merge.commit_rows(office.warehouse, deals, rows, merge.Written())
    assert [(7,), (8,)] == office.query("SELECT id FROM deals ORDER BY id")
    assert [(str([2**70]),)] == office.query("SELECT list FROM deals__new_list")


def test_an_interrupted_commit_is_undone_before_the_connection_is_used_again(office, monkeypatch):
    deals = BY_NAME["deals"]

    def interrupt(*_):
        raise KeyboardInterrupt

    with office.warehouse.keep_open():
        merge.commit_rows(office.warehouse, deals, [{"id": 1}], merge.Written())
        with monkeypatch.context() as patched:
            patched.setattr(write, "_record_load", interrupt)
            with pytest.raises(KeyboardInterrupt):
                merge.commit_rows(office.warehouse, deals, [{"id": 2}], merge.Written())
        merge.commit_rows(office.warehouse, deals, [{"id": 3}], merge.Written())

    assert [(1,), (3,)] == office.query("SELECT id FROM deals ORDER BY id")


def test_fewer_rows_than_were_written_are_an_error_and_none_is_kept(office, monkeypatch):
    insert = write.changed_rows
    with monkeypatch.context() as patched:
        patched.setattr(write, "changed_rows", lambda *given: insert(*given) - 1)
        with raises(LoadFailed, "stages"):
            office.load("stages")

    assert [] == office.query("SELECT 1 FROM duckdb_tables() WHERE table_name = 'stages'")
    office.load("stages")
    assert [] == office.differences("stages")
