"""The tests of generated dbt sources, as the queries that dbt makes of them."""

import re


def tables(source):
    return {table["name"]: table for table in source.node()["tables"]}


def asserted(table):
    """The tests of a table by column, without those that are only a name."""
    return {
        column["name"]: column.get("data_tests", [])
        for column in [*table["columns"], {"name": "", "data_tests": table.get("data_tests", [])}]
    }


def every_test(source):
    """All tests of a source, with their table and column."""
    return [
        (name, column, test)
        for name, table in tables(source).items()
        for column, tests in asserted(table).items()
        for test in tests
    ]


def as_sql(source, name, column, test):
    """The query that dbt's macro of a test runs: the number of failures."""
    place = source.tests.relation(name)
    if test == "not_null":
        return f"SELECT count(*) FROM {place} WHERE {column} IS NULL"
    if test == "unique" or "unique" in test:
        key = column or test["unique"]["arguments"]["column_name"]
        return (
            f"SELECT count(*) FROM (SELECT {key} FROM {place} WHERE {key} IS NOT NULL "
            "GROUP BY 1 HAVING count(*) > 1) AS f"
        )
    arguments, config = test["relationships"]["arguments"], test["relationships"].get("config", {})
    (target,) = re.findall(r"'(\w+)'\)", arguments["to"])
    kept = config.get("where", "true")
    return (
        f"SELECT {config.get('fail_calc', 'count(*)')} FROM "
        f"(SELECT c.{column} FROM (SELECT * FROM {place} WHERE {kept}) c "
        f"LEFT JOIN {source.tests.relation(target)} p ON c.{column} = p.{arguments['field']} "
        f"WHERE c.{column} IS NOT NULL AND p.{arguments['field']} IS NULL) f"
    )
