"""The dbt sources: complete, and with tests and thresholds that hold on loaded data."""

import re
from datetime import timedelta
from functools import cache
from pathlib import Path

import duckdb
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.sandbox import faults
from pipedrive_assets.views.dbt_sources import document, of_settings, of_warehouse
from pipedrive_assets.views.dbt_tests import thresholds
from pipedrive_assets.views.readable_queries import VIEWS
from pipedrive_assets_tests.conftest import NOON
from pipedrive_assets_tests.dbt_queries import as_sql, asserted, every_test, tables

EVERY_TABLE = "default," + ",".join(f"+{each.name}" for each in ENTITIES if each.optional)
DIAGRAM = re.compile(r"^    (\w+) \|\|--o\{ (\w+) : (\w+)$", re.MULTILINE)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def settings(**given):
    return Settings(found={}, **{"tables": EVERY_TABLE, **given})


@cache
def declared():
    """All tables as they are listed before the first load."""
    return tables(of_settings(settings()))


def relationships(source):
    """Table, column, arguments and configuration of each reference that is tested."""
    return [
        (name, column, test["relationships"]["arguments"], test["relationships"].get("config", {}))
        for name, table in tables(source).items()
        for column, tests in asserted(table).items()
        for test in tests
        if "relationships" in test
    ]


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_each_table_has_its_description_and_the_tests_of_its_key(entity):
    table = declared()[entity.name]
    tests = asserted(table)

    assert entity.description == table["description"]
    assert all("not_null" in tests[column] for column in entity.key)
    if len(entity.key) == 1:
        assert "unique" in tests[entity.key[0]]
    else:
        (whole,) = tests[""]
        assert set(entity.key) == set(
            re.findall(r"\w+", whole["unique"]["arguments"]["column_name"])
        )
    assert entity.name in table["config"]["loaded_at_query"]


def test_only_selected_tables_and_columns_that_are_not_excluded_are_listed():
    chosen = settings(
        tables="default,+projects,-files", exclude_columns="persons.phones,notes.content"
    )
    found = tables(of_settings(chosen))

    assert {"deals", "projects"} <= found.keys()
    assert not {"files", "tasks", "persons__phones"} & found.keys()
    assert "content" not in {column["name"] for column in found["notes"]["columns"]}
    assert "phones" not in {column["name"] for column in found["persons"]["columns"]}


def test_the_tests_have_names_of_their_own_in_each_source():
    sources = [of_settings(settings(), name) for name in ("pipedrive_acme", "pipedrive_globex")]
    names = [
        test["unique"]["name"]
        for source in sources
        for table in tables(source).values()
        for test in table.get("data_tests", [])
    ]

    assert names
    assert len(names) == len(set(names))


def test_each_reference_leads_to_a_listed_table_and_column():
    source = of_settings(settings())
    listed = tables(source)

    for _, _, arguments, _ in relationships(source):
        (target,) = re.fullmatch(r"source\('pipedrive', '(\w+)'\)", arguments["to"]).groups()
        assert arguments["field"] in {column["name"] for column in listed[target]["columns"]}


def test_references_of_the_diagram_are_tested_except_those_of_leads():
    text = (Path(__file__).parents[2] / "docs" / "sql.md").read_text("utf-8")
    source = of_settings(settings())
    tested = {(table, column) for table, column, _, _ in relationships(source)}
    drawn = {
        (table, column)
        for target, table, column in DIAGRAM.findall(text)
        if target != "leads" and column != "converted_deal_id"
    }

    assert len(drawn) > 20
    assert drawn <= tested
    assert not {each for each in tested if "lead" in each[1]}


def test_a_reference_to_a_table_that_is_not_listed_is_not_tested():
    source = of_settings(settings(tables="default,-users"))

    assert [] == [each for each in relationships(source) if "'users'" in each[2]["to"]]


def test_only_a_child_row_without_its_parent_is_an_error():
    strict = {
        (table, column)
        for table, column, _, config in relationships(of_settings(settings()))
        if config.get("severity") != "warn"
    }

    assert {(each.name, each.key[0]) for each in ENTITIES if each.parent} == strict


@pytest.fixture(scope="module")
def loaded(whole):
    """The source of a warehouse that has every table, and a connection as dbt opens it."""
    office, _ = whole
    source = of_warehouse(settings(), office.warehouse)
    office.warehouse.release()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{office.warehouse.path}' AS pipedrive (READ_ONLY)")
        yield source, connection


def test_a_loaded_warehouse_is_listed_with_all_its_columns_and_their_descriptions(loaded):
    source, connection = loaded
    held = connection.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() "
        "WHERE schema_name = 'pipedrive_data' AND NOT starts_with(table_name, '_') "
        "AND NOT ends_with(table_name, '_live') GROUP BY ALL"
    ).fetchall()
    listed = {
        name: {column["name"]: column.get("description") for column in table["columns"]}
        for name, table in tables(source).items()
    }
    events = {name for name, _ in held} - listed.keys()

    assert {name: set(columns) for name, columns in held if name not in events} == {
        name: set(columns) for name, columns in listed.items()
    }
    assert events
    assert all(name.startswith("deals_flow_") for name in events)
    assert [] == [name for columns in listed.values() for name, text in columns.items() if not text]
    assert "Custom field: Champion" in listed["deals"].values()


def test_views_have_no_tests_and_belong_to_the_asset_that_makes_them(loaded):
    source, _ = loaded
    found = tables(source)
    shown = {
        "deals_readable": "deals",
        "deal_velocity": "deal_velocity",
        "persons__emails": "persons",
    }

    assert {view.name for view in VIEWS} <= found.keys()
    for name, asset in shown.items():
        assert [asset] == found[name]["config"]["meta"]["dagster"]["asset_key"]
    for name in ("deals_readable", "deal_velocity"):
        assert found[name]["description"]
        assert "freshness" not in found[name]["config"]
        assert not any(asserted(found[name]).values())


def test_all_tests_hold_on_loaded_rows(loaded):
    source, connection = loaded
    every = every_test(source)

    failed = [
        each for each in every if connection.execute(as_sql(source, *each)).fetchall() != [(0,)]
    ]

    assert len(every) > 200
    assert [] == failed


def test_many_references_without_a_row_are_reported_and_a_few_are_not(loaded):
    source, _ = loaded
    (test,) = [
        {"relationships": {"arguments": arguments, "config": config}}
        for table, column, arguments, config in relationships(source)
        if (table, column) == ("deals", "owner_id")
    ]
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS pipedrive; CREATE SCHEMA pipedrive.pipedrive_data")
        connection.execute("CREATE TABLE pipedrive.pipedrive_data.users AS SELECT 1 AS id")

        def failures(unknown, known):
            connection.execute(
                "CREATE OR REPLACE TABLE pipedrive.pipedrive_data.deals AS "
                f"SELECT 2 AS owner_id, NULL AS _deleted_at FROM range({unknown}) UNION ALL "
                f"SELECT 1, NULL FROM range({known})"
            )
            ((count,),) = connection.execute(as_sql(source, "deals", "owner_id", test)).fetchall()
            return count

        assert (0, 11) == (failures(10, 0), failures(11, 0))
        assert (0, 101) == (failures(100, 900), failures(101, 899))


def test_the_query_of_the_freshness_returns_up_to_when_each_table_is_complete(loaded):
    source, connection = loaded
    held = {
        name: (complete_until, max(filter(None, (complete_until, first_load))))
        for name, complete_until, first_load in connection.execute(
            "SELECT entity, complete_until, baseline_at "
            "FROM pipedrive.pipedrive_data._pipedrive_coverage"
        ).fetchall()
    }

    until, reached = held["deals_discounts"]
    assert until < NOON - DAY < reached
    for name, entity in BY_NAME.items():
        query = tables(source)[name]["config"]["loaded_at_query"]
        expected = held[name][1 if entity.parent else 0]
        assert [(expected,)] == connection.execute(query).fetchall()


def test_a_table_that_pipedrive_refuses_or_that_was_not_loaded_is_not_listed(office):
    office.sandbox.inject(faults.refused("v1/users", 403))
    office.load("stages", "pipelines", "users")

    source = of_warehouse(settings(), office.warehouse)

    assert {"stages", "pipelines", "hygiene", "hygiene_rules"} == tables(source).keys()
    assert [("stages", "pipeline_id")] == [each[:2] for each in relationships(source)]


def test_without_a_warehouse_list_tables_have_no_tests_because_they_may_not_exist(office):
    source = of_warehouse(settings(), office.warehouse)
    lists = [table for name, table in tables(source).items() if "__" in name]

    assert not source.exists
    assert not office.warehouse.exists()
    assert lists
    assert {0} == {len(tests) for table in lists for tests in asserted(table).values()}


def test_on_postgresql_there_is_no_database_because_dbt_uses_that_of_its_target():
    found = of_settings(settings(destination="postgres", dataset="crm"))
    node = found.node()

    assert "crm" == node["schema"]
    assert "database" not in node
    assert "pipedrive." not in str(node["tables"])
    assert "from crm._pipedrive_coverage" in str(node["tables"])


def test_several_accounts_are_a_source_each():
    found = document(
        of_settings(settings(dataset=f"pipedrive_{name}"), f"pipedrive_{name}", ["crm", name])
        for name in ("acme", "globex")
    )

    assert ["pipedrive_acme", "pipedrive_globex"] == [each["name"] for each in found["sources"]]
    for node in found["sources"]:
        other = {"pipedrive_acme": "globex", "pipedrive_globex": "acme"}[node["name"]]
        assert (node["name"], node["name"]) == (node["database"], node["schema"])
        assert other not in str(node)
        deals = next(table for table in node["tables"] if table["name"] == "deals")
        account = node["name"].removeprefix("pipedrive_")
        assert {"dagster": {"asset_key": ["crm", account, "deals"]}} == deals["config"]["meta"]


@pytest.mark.parametrize(
    ("table", "given", "expected"),
    [
        ("deals", {}, (2 * HOUR, 2 * DAY)),
        ("deals", {"freshness_crm": "20m"}, (40 * HOUR / 60, 2 * DAY)),
        ("deals", {"freshness_crm": "5d"}, (10 * DAY, 15 * DAY)),
        ("deals", {"freshness_crm": "daily"}, (2 * DAY, 3 * DAY)),
        ("deals", {"sensor": "off"}, (2 * DAY, 3 * DAY)),
        ("stages", {}, (2 * DAY, 3 * DAY)),
        ("deals_flow", {}, (3 * HOUR, None)),
        ("deals_installments", {}, (3 * HOUR, None)),
        ("products", {}, (2 * HOUR, None)),
        ("users", {}, (2 * DAY, None)),
    ],
)
def test_thresholds_follow_the_freshness_setting(table, given, expected):
    assert expected == thresholds(BY_NAME[table], settings(**given))


def test_thresholds_are_written_in_whole_units():
    found = tables(of_settings(settings(freshness_crm="20m")))["deals"]["config"]["freshness"]

    assert {"count": 40, "period": "minute"} == found["warn_after"]
    assert {"count": 48, "period": "hour"} == found["error_after"]
