"""The sandbox against the official documents: paths, prices, parameters, keys, envelopes."""

import json
import re
from functools import cache
from itertools import starmap
from pathlib import Path
from typing import Any

import pytest

from pipedrive_assets.sandbox import API_TOKEN, Limits, Sandbox, World, call
from pipedrive_assets.sandbox.http.include_fields import OPTIONAL
from pipedrive_assets.sandbox.http.routes import ROUTES, Route
from pipedrive_assets.sandbox.http.scopes import scopes_of

from .conftest import NOON

FACTS = Path(__file__).parents[2] / "tools" / "openapi.json"
every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)

# What the documents say and no account answers, or the other way round (see api.md, part B).
WRONG_KEYS = {
    "api/v2/organizations": {"org_id"},  # a stray key in the example
    "api/v2/organizations/{id}": {"org_id"},
    "api/v2/projectFields": {"important_fields", "required_fields", "ui_visibility"},
    "v1/leads": {"source_deal_id"},
}
# Keys whose documented type is not what the example or a live account shows.
WRONG_TYPES = {"lost_reason", "additional_data", "params", "old_value", "new_value", "attendees"}
# Keys the participants schema nests wrongly: it shows a whole reply inside the row.
OPEN_OBJECTS = {"added_by_user_id", "custom_fields", "picture_id", "data", "options", "params"}


@cache
def facts() -> dict[str, Any]:
    """The facts of the official documents by path."""
    loaded: dict[str, Any] = json.loads(FACTS.read_text("utf-8"))
    return loaded


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = facts()[route.path.removeprefix("api/")]
    return found


def queries(route: Route) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = operation(route)["parameters"]
    return found


@cache
def sandbox() -> Sandbox:
    limits = Limits(burst=10**9, daily_tokens=10**12)
    return Sandbox(World(deals=100, instant=NOON), limits=limits)


def asked(route: Route) -> dict[str, str]:
    """Parameters that make a call succeed and show everything there is to show."""
    params = required(route)
    if "include_fields" in route.accepts:
        params["include_fields"] = queries(route)["include_fields"]["enum"][-1]
    for entity, names in OPTIONAL.items():
        if route.path.removesuffix("/{id}").removesuffix("/archived").endswith(f"v2/{entity}"):
            params["include_fields"] = ",".join(names)
    for name in ("include_option_labels", "include_labels"):
        if name in route.accepts:
            params[name] = "false"
    if "limit" in route.accepts:
        params["limit"] = "50"  # call logs take no more
    return params


def required(route: Route) -> dict[str, str]:
    world = sandbox().world
    related = next(iter(world.tables["relationships"].rows.values()))
    values = {
        "deal_ids": ",".join(map(str, world.ids("deals")[:100])),
        "board_id": "1",
        "folder": "inbox",
        "org_id": str(related["owner_org_id"]),
        "period.start": "2026-01-01",
        "period.end": "2026-01-31",
    }
    return {name: values[name] for name in route.requires}


def reply(route: Route) -> dict[str, Any]:
    """A reply with rows in it."""
    for key in sandbox().world.ids(_table(route)):
        path = route.path.replace("{id}", str(key))
        answer = sandbox().answer(call(path, asked(route), {"x-api-token": API_TOKEN}))
        assert 200 == answer.status, f"GET {path}: {answer.body!r}"
        body: dict[str, Any] = answer.json()
        if body["data"]:
            return body
    raise AssertionError(f"{route.path} has no rows for any record of {_table(route)}")


def _table(route: Route) -> str:
    """The table of the record in the path, such as `permission_sets` for `permissionSets`."""
    start = route.path.split("/{id}")[0].split("/")[-1]
    name = re.sub("([A-Z])", r"_\1", start).lower()
    return name if name in sandbox().world.tables else "deals"


def rows(route: Route) -> list[dict[str, Any]]:
    found = reply(route)["data"]
    if isinstance(found, dict):
        found = found.get("goals", [found])
    return list(found)


def example(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = operation(route)["example"]
    return found


def flattened(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its `allOf` parts laid together."""
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in map(flattened, schema.get("allOf", [])):
        merged = {**part, **merged, "properties": {**part.get("properties", {}), **_of(merged)}}
    return merged


def _of(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema.get("properties", {})
    return found


def item_schema(route: Route) -> dict[str, Any]:
    """The documented schema of one row."""
    answer = flattened(operation(route)["answer"])
    found = flattened(answer["properties"].get("data", answer))
    if "goals" in _of(found):
        found = flattened(found["properties"]["goals"])
    return flattened(found["items"]) if "items" in found else found


@every_route
def test_a_route_stands_in_the_documents_at_its_price(route):
    assert operation(route)["cost"] == route.cost


@every_route
def test_a_route_accepts_the_documented_parameters_and_no_others(route):
    assert set(queries(route)) == set(route.accepts)


@every_route
def test_a_route_requires_what_the_documents_require(route):
    expected = {name for name, each in queries(route).items() if each["required"]}

    assert expected == set(route.requires)


@every_route
def test_documented_choices_are_accepted(route):
    for name, each in queries(route).items():
        for choice in each["enum"]:
            route.accepts[name](str(choice))


@every_route
def test_every_documented_key_is_in_the_rows(route):
    expected = set(_of(item_schema(route))) - WRONG_KEYS.get(route.path, set())

    shown = set().union(*map(set, rows(route)))
    assert set() == expected - shown


@every_route
def test_every_key_of_the_example_is_in_the_rows(route):
    found = example(route)["data"]
    if isinstance(found, dict):
        found = found.get("goals", [found])
    expected = set().union(*map(set, found)) - WRONG_KEYS.get(route.path, set())
    if route.path.endswith("flow"):
        expected = {"object", "timestamp", "data"}

    assert set() == expected - set().union(*map(set, rows(route)))


@every_route
def test_values_have_the_documented_types(route):
    schema = item_schema(route)
    wrong = [problem for row in rows(route) for problem in problems(row, schema, route.path)]

    assert [] == wrong[:5]


def problems(value: Any, schema: dict[str, Any], where: str) -> list[str]:
    """What about a value contradicts its schema; null is always allowed, as on live accounts."""
    schema = flattened(schema)
    if value is None or "oneOf" in schema or "anyOf" in schema:
        return []
    kinds = {
        "integer": (int,),
        "number": (int, float),
        "string": (str,),
        "boolean": (bool,),
        "array": (list,),
        "object": (dict,),
    }
    kind = schema.get("type")
    if kind in kinds and not isinstance(value, kinds[kind]):
        return [f"{where} is {value!r}, not {kind}"]
    if kind in {"integer", "number"} and isinstance(value, bool):
        return [f"{where} is {value!r}, not {kind}"]
    return _inside(value, schema, where)


def _inside(value: Any, schema: dict[str, Any], where: str) -> list[str]:
    found = []
    if isinstance(value, dict):
        for key, part in _of(schema).items():
            if key in value and key not in WRONG_TYPES | OPEN_OBJECTS:
                found += problems(value[key], part, f"{where}.{key}")
    elif isinstance(value, list) and "items" in schema:
        pairs = ((each, schema["items"], f"{where}[]") for each in value)
        found += [problem for each in starmap(problems, pairs) for problem in each]
    return found


@every_route
def test_the_envelope_is_that_of_the_example(route):
    expected, shown = example(route), reply(route)
    optional = {"related_objects"}
    if route.path.startswith("v1/leads"):  # live accounts have page facts, the example has none
        optional |= {"additional_data"}

    assert set(expected) - optional == set(shown) - optional
    assert type(expected["data"]) is type(shown["data"])
    assert type(expected.get("additional_data")) is type(
        shown.get("additional_data") if "additional_data" not in optional else None
    )


@pytest.mark.parametrize("path", ["v1/notes", "v1/files"])
def test_these_v1_lists_name_the_next_start(path):
    body = _first_page(path)

    assert 1 == body["additional_data"]["pagination"]["next_start"]


@pytest.mark.parametrize("path", ["v1/roles", "v1/deals/7/flow"])
def test_these_v1_lists_do_not(path):
    expected = {"start": 0, "limit": 1, "more_items_in_collection": True}

    assert expected == _first_page(path)["additional_data"]["pagination"]


def _first_page(path: str) -> dict[str, Any]:
    answer = sandbox().answer(call(path, {"limit": 1}, {"x-api-token": API_TOKEN}))
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("entity", sorted(OPTIONAL))
def test_the_optional_keys_are_the_documented_ones(entity):
    route = next(route for route in ROUTES if route.path == f"api/v2/{entity}")
    documented = queries(route)["include_fields"]["enum"]

    assert sorted(documented) == sorted(OPTIONAL[entity])


@every_route
def test_the_scopes_of_a_path_are_the_documented_ones(route):
    documented = {scope for scope in operation(route)["scopes"] if not scope.endswith(":full")}

    assert documented == scopes_of(route.path) != set()
