"""Queries of MCP clients: what may run, and that nothing reaches masked values."""

import json
from pathlib import Path

import duckdb
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError, QueryRefused, WarehouseError
from pipedrive_assets.mcp_server.query import QueryLimits
from pipedrive_assets.mcp_server.statement import check
from pipedrive_assets.mcp_server.tools import Tools
from pipedrive_assets.warehouse.read_only import Patience, reader_of, reading

SERVED = {"deals", "persons"}


def settings(path, **more):
    return Settings(found={}, api_token="0" * 40, warehouse=path, **more)


@pytest.fixture(scope="module")
def tools(whole):
    office, _ = whole
    return Tools(settings(office.warehouse.path))


@pytest.fixture(scope="module")
def personal(whole):
    """Texts of the invented company that no reply may have."""
    office, _ = whole
    rows = office.query(
        "SELECT name FROM persons UNION SELECT name FROM users UNION SELECT email FROM users "
        "UNION SELECT value FROM persons__emails UNION SELECT value FROM persons__phones "
        "UNION SELECT content FROM notes UNION SELECT subject FROM mail_messages "
        "UNION SELECT title FROM deals UNION SELECT note FROM activities "
        "EXCEPT SELECT description FROM products"
    )
    found = {text for (text,) in rows if text and len(text) > 6}
    assert 50 < len(found)
    return found


def answer(tools, sql):
    return json.loads(tools.query(sql))


@pytest.mark.parametrize(
    "sql",
    [
        *("ATTACH 'other.duckdb'", "COPY persons TO 'x.csv'", "PRAGMA show_tables", "SHOW TABLES"),
        *("SELECT 1; SELECT 2", "SET memory_limit = '9GB'", "DESCRIBE persons", "EXPLAIN SELECT 1"),
        *("SUMMARIZE persons", "SELECT * FROM (SUMMARIZE persons)", "INSTALL httpfs", "", "selec"),
        *("INSERT INTO persons VALUES (1)", "DROP VIEW persons", "CREATE VIEW v AS FROM persons"),
        *("CALL duckdb_tables()", "CALL pragma_show('persons')", "EXECUTE x", "USE other"),
        *("SELECT * FROM duckdb_tables()", "SELECT * FROM duckdb_views", "FROM duckdb_databases()"),
        *("SELECT * FROM information_schema.tables", "FROM pg_catalog.pg_class", "FROM pg_views"),
        *("SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "FROM glob('*')"),
        *("SELECT * FROM read_text('x')", "SELECT * FROM 'a.parquet'", "FROM read_duckdb('x')"),
        *("SELECT * FROM query('FROM persons')", "SELECT * FROM query_table('persons')"),
        "FROM json_execute_serialized_sql(json_serialize_sql('FROM persons'))",
        *("SELECT * FROM w.pipedrive_data.persons", "SELECT * FROM other.persons"),
        *("SELECT * FROM memory.pipedrive_data.persons", "SELECT * FROM main.persons"),
        *("FROM _pipedrive_erased_values", "SELECT * FROM pipedrive_data._dlt_loads", "FROM users"),
        *("SELECT current_setting('home_directory')", "SELECT w.main.f(1)", "SELECT sleep_ms(9)"),
        "WITH duckdb_views AS (SELECT 1) SELECT * FROM duckdb_views",
        "WITH x AS (SELECT * FROM duckdb_tables()) SELECT * FROM x",
        "SELECT (SELECT max(sql) FROM duckdb_views()) FROM deals",
        "SELECT id FROM deals WHERE id IN (FROM other.t)",
        "SELECT 1 UNION ALL SELECT oid FROM pg_class",
    ],
)
def test_only_a_select_of_served_tables_may_run(sql):
    with duckdb.connect() as connection, pytest.raises(QueryRefused):
        check(connection, sql, SERVED, "pipedrive_data")


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT count(*) FROM Deals d JOIN pipedrive_data.persons p ON true", SERVED),
        ("WITH x AS (FROM persons) SELECT x.* FROM x", {"persons"}),
        (
            "SELECT CAST(1 AS DECIMAL(9, 2)), CAST('a' AS ENUM ('a')), [1], {'a': 1}, MAP {1: 2}",
            set(),
        ),
        ("FROM range(3), unnest([1]), (VALUES (1))", set()),
        (
            "SELECT status, sum(x) OVER (ORDER BY id) FROM deals QUALIFY true LIMIT 1 OFFSET 2",
            {"deals"},
        ),
        ("FROM (PIVOT deals ON status IN ('open') USING count(*))", {"deals"}),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) FROM r LIMIT 3", set()),
        ("SELECT DISTINCT ON (id) id FROM deals LIMIT 10%", {"deals"}),
    ],
)
def test_a_select_reads_these_tables(sql, read):
    with duckdb.connect() as connection:
        assert read == check(connection, sql, SERVED, "pipedrive_data")


ATTEMPTS = (
    "SELECT * FROM {t}",
    "SELECT to_json(t), t, hash(t) FROM {t} t",
    "SELECT COLUMNS(*)::VARCHAR || '' FROM {t}",
    "SELECT COLUMNS(c -> c LIKE '%') FROM {t}",
    "WITH x AS MATERIALIZED (FROM {t}) SELECT list(x) FROM x",
    "SELECT unnest(list_transform([t], lambda each: each)) FROM {t} t",
    "SELECT min(COLUMNS(*)), max(COLUMNS(*)) FROM {t}",
    "SELECT * FROM (UNPIVOT {t} ON COLUMNS(*)::VARCHAR)",
    "SELECT row_to_json(t) FROM pipedrive_data.{t} t WHERE true",
    "SELECT DISTINCT * FROM {t} UNION BY NAME SELECT * FROM {t}",
    "SELECT r.* FROM {t} l LEFT JOIN {t} r USING (_dlt_id)",
    "SELECT struct_pack(*COLUMNS(*)) FROM {t}",
    "SELECT * FROM {t} POSITIONAL JOIN {t}",
    "SELECT * FROM json_each((SELECT to_json(list(t)) FROM {t} t))",
    "SELECT stats(COLUMNS(*)) FROM {t}",
    "SELECT error(to_json(t)::VARCHAR) FROM {t} t",
    "SELECT CAST(to_json(t)::VARCHAR AS INTEGER) FROM {t} t",
)
"""Queries that would show a whole row of a table `{t}` if its columns were not masked."""


def said(tools, sql):
    try:
        return tools.query(sql)
    except QueryRefused as error:
        return str(error)


@pytest.mark.parametrize(
    "sql",
    [*ATTEMPTS[:4], *(pytest.param(sql, marks=pytest.mark.slow) for sql in ATTEMPTS[4:])],
)
def test_no_query_reaches_a_masked_value(tools, personal, sql):
    reply = said(tools, sql.format(t="persons"))

    assert [] == [text for text in personal if text in reply]


@pytest.mark.slow
@pytest.mark.parametrize("sql", ATTEMPTS)
@pytest.mark.parametrize(
    "name", ["persons__emails", "users", "notes", "deals_readable", "mail_messages"]
)
def test_no_query_reaches_a_masked_value_in_other_tables(tools, personal, name, sql):
    reply = said(tools, sql.format(t=name))

    assert [] == [text for text in personal if text in reply]


@pytest.mark.slow  # reads every table
def test_no_table_or_view_shows_the_personal_data_of_another(tools, personal):
    names = [each["name"] for each in json.loads(tools.list_tables())["tables"]]

    for name in names:
        said = tools.query(f"SELECT * FROM {name}")
        assert [] == [text for text in personal if text in said], name
    assert {"deals_live", "deals_flow", "deals_flow_readable", "open_pipeline"} < {*names}


def test_counts_and_ids_are_right_although_texts_are_masked(tools, whole):
    office, _ = whole
    counts = "SELECT count(*), count(job_title), sum(id) FROM persons"

    assert [list(office.query(counts)[0])] == answer(tools, counts)["rows"]
    found = answer(tools, "SELECT id, name FROM persons ORDER BY id LIMIT 2")
    assert ["•••", "•••"] == [name for _, name in found["rows"]]
    assert {"persons": ["name"]} == found["masked"]
    assert "masked" not in answer(tools, "SELECT id FROM persons")


def test_custom_fields_with_free_text_are_masked_and_options_are_not(tools):
    columns = {each["name"]: each for each in json.loads(tools.describe("deals"))["columns"]}

    assert columns["custom_fields"]["masked"]
    assert columns["delivery_address"]["masked"]
    assert "masked" not in columns["status"]
    assert "masked" not in columns["value"]


@pytest.mark.slow
def test_columns_are_shown_that_a_flag_names(whole):
    office, _ = whole
    path = office.warehouse.path
    ((title,),) = office.query("SELECT title FROM deals ORDER BY id LIMIT 1")
    one, everything = (Tools(settings(path), shown=shown) for shown in (["deals.title"], ["*"]))

    for tools in (one, everything):
        for name in ("deals", "deals_live", "deals_readable"):
            found = answer(tools, f"SELECT title FROM {name} ORDER BY id LIMIT 1")
            assert [[title]] == found["rows"]
    assert [["•••"]] == answer(one, "SELECT name FROM persons LIMIT 1")["rows"]


@pytest.mark.slow
def test_a_column_to_show_that_does_not_exist_is_named_in_the_log(whole, caplog):
    office, _ = whole
    tools = Tools(settings(office.warehouse.path), shown=["deals.headline", "persons.name"])

    answer(tools, "SELECT name FROM persons LIMIT 1")

    (line,) = caplog.messages
    assert "deals.headline" in line


@pytest.mark.slow
def test_a_reply_is_limited_in_rows_and_size(whole):
    office, _ = whole
    tools = Tools(settings(office.warehouse.path), limits=QueryLimits(rows=3, letters=3000))

    many = answer(tools, "SELECT * FROM range(10)")
    large = answer(tools, "SELECT repeat('x', 5000) FROM range(2)")

    assert (3, True) == (len(many["rows"]), bool(many["truncated"]))
    assert (1, True) == (len(large["rows"]), bool(large["truncated"]))
    assert 2000 == len(large["rows"][0][0])
    assert answer(tools, "SELECT * FROM range(3)")["truncated"] is None


def test_a_query_that_takes_too_long_is_stopped(whole):
    office, _ = whole
    tools = Tools(settings(office.warehouse.path), limits=QueryLimits(seconds=0.05))

    with pytest.raises(QueryRefused, match="stopped"):
        tools.query("SELECT count(*) FROM range(10000000000) a, range(100000) b")


@pytest.mark.slow
def test_a_query_cannot_use_more_memory_than_the_setting_allows(whole):
    office, _ = whole
    tools = Tools(settings(office.warehouse.path, duckdb_memory="256MB"))

    with pytest.raises(QueryRefused, match="memory"):
        tools.query("SELECT * FROM range(100000000) ORDER BY random()")


def test_values_that_json_does_not_have_are_texts(tools):
    sql = "SELECT 'nan'::DOUBLE, 1.50::DECIMAL(9, 2), DATE '2026-01-02', NULL, 1::HUGEINT, [1, 2]"

    assert [["nan", "1.50", "2026-01-02", None, 1, "[1, 2]"]] == answer(tools, sql)["rows"]


def test_a_reader_waits_for_a_load_and_then_gives_up(whole, monkeypatch):
    office, _ = whole
    slept = []
    patience = Patience(seconds=1, sleep=slept.append, monotonic=lambda: sum(slept))

    def locked(*_, **__):
        raise duckdb.IOException('IO Error: Could not set lock on file "x": Conflicting lock')

    monkeypatch.setattr(duckdb, "connect", locked)
    warehouse = reader_of(settings(office.warehouse.path))
    with pytest.raises(WarehouseError, match="PIPEDRIVE_READ_COPY"), reading(warehouse, patience):
        pass
    warehouse.close()

    assert 5 <= len(slept)


@pytest.mark.slow
def test_a_read_copy_is_read_in_place_of_the_file(whole, tmp_path):
    office, _ = whole
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(office.warehouse.path.read_bytes())
    tools = Tools(settings(tmp_path / "busy.duckdb", read_copy=copy))

    assert answer(tools, "SELECT id FROM deals LIMIT 1")["rows"]


def test_nothing_is_created_and_the_remedy_is_named_without_a_warehouse(tmp_path):
    tools = Tools(settings(tmp_path / "none.duckdb"))

    for call in (tools.list_tables, tools.freshness, tools.plan):
        with pytest.raises(WarehouseError, match="load"):
            call()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_file_is_not_changed_and_not_left_open(whole, tools):
    office, _ = whole
    path = Path(office.warehouse.path)
    before = path.read_bytes()

    tools.list_tables()
    tools.query("SELECT * FROM deals")
    tools.plan()

    with duckdb.connect(str(path)) as connection:  # fails while the file is open read-only
        assert connection.execute("SELECT 1").fetchall()
    assert before == path.read_bytes()


def test_a_server_is_refused():
    with pytest.raises(ConfigurationError, match="postgres"):
        Tools(Settings(found={}, api_token="0" * 40, destination="postgres"))
