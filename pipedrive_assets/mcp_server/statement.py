"""Decides whether a query may run: one SELECT that reads served tables only.

DuckDB parses the query; this module checks its syntax tree. What is not known to be harmless is
refused: a table, a function in FROM, a kind of statement.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import duckdb

from pipedrive_assets.errors import QueryRefused

SOURCES = frozenset(
    {
        *("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"),
        *("BASE_TABLE", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "EMPTY", "PIVOT", "TABLE_FUNCTION"),
        *("ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"),
        *("ORDER_DEFAULT", "ASCENDING", "DESCENDING"),
    }
)
"""Kinds of nodes outside expressions that a query may have."""

TYPE_INFO = "_TYPE_INFO"
"""How the kinds of nodes end that describe the type of a cast."""

TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
REFUSED_FUNCTIONS = frozenset(
    {
        *("current_setting", "getvariable", "getenv", "current_query", "pg_get_viewdef"),
        *("sleep_ms", "pg_sleep", "write_log", "nextval", "currval"),
    }
)
"""Functions that read something other than their arguments, or wait."""

SYSTEM_NAME = re.compile(r"(duckdb|pg|pragma|sqlite)_", re.IGNORECASE)
"""How the names of DuckDB's own views begin."""

Node = Mapping[str, Any]


def check(
    connection: duckdb.DuckDBPyConnection, text: str, served: Collection[str], dataset: str
) -> set[str]:
    """Check a query.

    Args:
        connection: Any DuckDB connection; nothing is run except the parser.
        text: The query.
        served: The names of tables and views that may be read.
        dataset: The schema that the query may name.

    Returns:
        The served tables and views that the query reads.

    Raises:
        QueryRefused: It is not a single SELECT, cannot be parsed, or reads something else.
    """
    nodes = list(_nodes(_parsed(connection, text)))
    by_folded = {name.lower(): name for name in served}
    local = set(_local_names(nodes))
    read = set()
    for node in nodes:
        _check_kind(node)
        if node.get("class") == "FUNCTION":
            _check_function(node)
        if node.get("type") == "BASE_TABLE":
            place, schema, name = (
                node[part] for part in ("catalog_name", "schema_name", "table_name")
            )
            if not place and schema.lower() in {"", dataset} and name.lower() in by_folded:
                read.add(by_folded[name.lower()])
            elif place or schema or name.lower() not in local:
                named = ".".join(filter(None, (place, schema, name)))
                raise QueryRefused(
                    f"The table {named} cannot be queried. list_tables returns those that can."
                )
    return read


def _parsed(connection: duckdb.DuckDBPyConnection, text: str) -> Node:
    ((answer,),) = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()
    parsed = json.loads(answer)
    if parsed["error"]:
        said = " ".join(str(parsed.get("error_message") or parsed).split())
        if parsed.get("error_type") == "parser":
            raise QueryRefused(f"DuckDB cannot parse the query: {said}")
        raise QueryRefused("Only SELECT can be run. Write one SELECT statement.")
    statements = parsed["statements"]
    if len(statements) != 1:
        raise QueryRefused(f"The query has {len(statements)} statements. Write one SELECT.")
    found: Node = statements[0]
    return found


def _nodes(value: Any) -> Iterator[Node]:
    """Yield all objects of a syntax tree."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _local_names(nodes: Collection[Node]) -> Iterator[str]:
    """Yield the names that WITH gives to subqueries, in lower case."""
    for node in nodes:
        names = [each["key"] for each in (node.get("cte_map") or {}).get("map", ())]
        if str(node.get("type")) in {"RECURSIVE_CTE_NODE", "CTE_NODE"}:
            names.append(node.get("cte_name") or node.get("ctename") or "")
        for name in filter(None, names):
            if SYSTEM_NAME.match(name):
                raise QueryRefused(f"WITH {name}: choose another name, this one is DuckDB's.")
            yield name.lower()


def _check_kind(node: Node) -> None:
    kind = node.get("type")
    if "class" in node or not isinstance(kind, str) or kind.endswith(TYPE_INFO):
        return
    if kind == "SHOW_REF":
        raise QueryRefused(
            "SHOW, DESCRIBE and SUMMARIZE cannot be run. Call list_tables or describe."
        )
    if kind not in SOURCES:
        raise QueryRefused(f"The query has a part that cannot be run ({kind}). Write a SELECT.")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            raise QueryRefused(f"The function {name} cannot be read from.")


def _check_function(node: Node) -> None:
    name = node["function_name"].lower()
    if node["catalog"] or node["schema"].lower() not in {"", "main"} or name in REFUSED_FUNCTIONS:
        raise QueryRefused(f"The function {name} cannot be called.")
