"""Custom values land under readable names, and none is lost."""

import json
import math
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import example, given
from hypothesis import strategies as st

from pipedrive_assets.rows import normalize
from pipedrive_assets.rows.custom_fields import layouts
from pipedrive_assets.rows.custom_fields.layouts import LAYOUTS, layout_of
from pipedrive_assets.rows.custom_fields.map_fields import (
    columns_for,
    flow_field,
    lists_for,
    map_custom_fields,
    parse_definition,
    place_fields,
    update_mapping,
)
from pipedrive_assets.rows.references import reference

NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
UNKNOWN = "f" * 40
OPTIONS = [{"id": 12, "label": "Low"}, {"id": 34, "label": "High"}]
TYPES = [*LAYOUTS, "unheard of"]
CODES = {kind: f"{number:040x}" for number, kind in enumerate(TYPES)}
ADDRESS = {"value": "Main St 5", "route": "Main St", "street_number": "5", "country": "USA"}


def mapping_of(*kinds):
    rows = [
        {
            "field_code": CODES[kind],
            "field_name": kind.capitalize(),
            "field_type": kind,
            "is_custom_field": True,
            "options": OPTIONS if kind in {"enum", "set"} else None,
        }
        for kind in kinds
    ]
    return update_mapping(
        [],
        map(parse_definition, rows),
        {"id", "title", "lead", "deal"},
        NOW,
        endpoint="deal",
        normalize=NamingConvention().normalize_identifier,
    )


ROWS = mapping_of(*TYPES)
FIELDS = place_fields(ROWS)


def v2(kind, value):
    out, coercion_failures = map_custom_fields({"custom_fields": {CODES[kind]: value}}, FIELDS)
    assert None is out.pop("custom_fields")
    return out, coercion_failures


def v1(kind, value, **parts):
    flat = {f"{CODES[kind]}_{part}": each for part, each in parts.items()}
    return map_custom_fields({**flat, CODES[kind]: value}, FIELDS)


@pytest.mark.parametrize(
    ("kind", "value", "columns"),
    [
        ("varchar", "a", {"varchar": "a"}),
        ("phone", "", {"phone": ""}),
        ("double", 1.5, {"double": 1.5}),
        ("double", "", {}),
        ("int", 7, {"int": 7}),
        ("visible_to", "3", {"visible_to": 3}),
        ("monetary", {"value": 5, "currency": "EUR"}, {"monetary": 5, "monetary_currency": "EUR"}),
        ("enum", 12, {"enum": "Low", "enum_id": 12}),
        ("enum", {"id": 12, "label": "Low"}, {"enum": "Low", "enum_id": 12}),
        ("enum", {"id": 12, "label": None}, {"enum": "Low", "enum_id": 12}),
        ("enum", {"id": 56, "label": "New"}, {"enum": "New", "enum_id": 56}),
        ("enum", [12], {"enum": "Low", "enum_id": 12}),
        ("enum", 99, {"enum": "99", "enum_id": 99}),
        ("enum", "", {}),
        ("date", "2024-01-01", {"date": "2024-01-01"}),
        (
            "daterange",
            {"value": "2024-01-01", "until": "2024-02-01"},
            {"daterange": "2024-01-01", "daterange_until": "2024-02-01"},
        ),
        (
            "time",
            {"value": "09:00:00", "timezone_id": 318, "timezone_name": "Europe/London"},
            {"time": "09:00:00", "time_timezone_id": 318, "time_timezone_name": "Europe/London"},
        ),
        (
            "timerange",
            {"value": "09:00:00", "until": "11:00:00", "timezone_id": None},
            {"timerange": "09:00:00", "timerange_until": "11:00:00"},
        ),
        ("address", {"value": None, "formatted_address": "X"}, dict.fromkeys(
            ("address", "address_formatted_address"), "X"
        )),
        ("user", 5, {"user": 5}),
        ("people", "5", {"people": 5}),
        ("unheard of", 5, {"unheard_of": "5"}),
    ],
)  # fmt: skip
def test_a_value_lands_in_its_columns(kind, value, columns):
    assert (columns, 0) == v2(kind, value)


@pytest.mark.parametrize(
    "value", [[12, 34], "12,34", "12, 34", ["12", 34], [{"id": 12, "label": "Low"}, {"id": 34}]]
)
def test_a_set_is_labels_and_ids_and_a_row_per_label(value):
    assert {
        "set": ["Low", "High"],
        "set_ids": [12, 34],
        "set_labels": [{"id": 12, "label": "Low"}, {"id": 34, "label": "High"}],
    } == v2("set", value)[0]


def test_one_option_of_a_set_may_come_alone():
    assert v2("set", [12]) == v2("set", 12) == v2("set", "12")


def test_a_set_of_nothing_is_empty_and_an_unknown_option_visible_as_its_id():
    assert ({"set": [], "set_ids": [], "set_labels": []}, 0) == v2("set", [])
    assert ({}, 0) == v2("set", "")
    assert ["99"] == v2("set", [99])[0]["set"]


def test_the_flat_keys_of_v1_land_where_the_objects_of_v2_do():
    address = dict(ADDRESS)

    assert v2("monetary", {"value": 5, "currency": "EUR"}) == v1("monetary", 5, currency="EUR")
    assert v2("enum", 12) == v1("enum", "12")
    assert v2("set", [12, 34]) == v1("set", "12,34")
    assert v2("address", address) == v1("address", address.pop("value"), **address)
    assert v2("time", {"value": "9", "timezone_id": 1}) == v1("time", "9", timezone_id=1)
    assert v2("daterange", {"value": "2024-01-01", "until": "2024-01-02"}) == v1(
        "daterange", "2024-01-01", until="2024-01-02"
    )


def test_a_gone_option_keeps_its_last_label():
    (known,) = mapping_of("enum")
    defined = parse_definition({"key": CODES["enum"], "field_type": "enum", "options": []})
    rows = update_mapping([known], [defined], set(), NOW, endpoint="deal", normalize=str.lower)

    out, _ = map_custom_fields({CODES["enum"]: 12}, place_fields(rows))

    assert {"enum": "Low", "enum_id": 12} == out


def test_what_is_unset_is_left_out_and_built_in_columns_stay():
    row = {"id": 1, "title": None, "custom_fields": dict.fromkeys(CODES.values())}

    assert ({"id": 1, "title": None, "custom_fields": None}, 0) == map_custom_fields(row, FIELDS)
    assert ({"id": 1, "custom_fields": None}, 0) == map_custom_fields(
        {"id": 1, "custom_fields": None}, FIELDS
    )
    assert ({"id": 1}, 0) == map_custom_fields({"id": 1}, FIELDS)


def test_a_row_is_not_changed_by_being_resolved():
    row = {"id": 1, CODES["double"]: 1, "custom_fields": {CODES["varchar"]: "a"}}
    before = json.dumps(row)

    map_custom_fields(row, FIELDS)

    assert before == json.dumps(row)


def test_a_field_that_is_not_in_the_mapping_stays_visible():
    row = {"custom_fields": {UNKNOWN: 1, CODES["double"]: 2}, f"{UNKNOWN}_currency": "EUR"}

    assert (
        {"double": 2, "custom_fields": {UNKNOWN: 1, f"{UNKNOWN}_currency": "EUR"}},
        0,
    ) == map_custom_fields(row, FIELDS)


def test_what_was_left_over_resolves_once_its_field_is_known():
    left, _ = map_custom_fields({"custom_fields": {CODES["enum"]: 12}}, place_fields([]))

    assert ({"enum": "Low", "enum_id": 12, "custom_fields": None}, 0) == map_custom_fields(
        left, FIELDS
    )


def test_a_key_that_pipedrive_adds_later_does_not_meet_the_custom_field_of_that_name():
    row = {"date": "theirs", "custom_fields": {CODES["date"]: "2024-01-01"}}

    assert (
        {"date": "2024-01-01", "date__built_in": "theirs", "custom_fields": None},
        0,
    ) == map_custom_fields(row, FIELDS)


@pytest.mark.parametrize(
    ("kind", "value", "columns"),
    [
        ("varchar", {"id": 1}, {"varchar": '{"id":1}'}),
        ("double", "much", {"double__v_text": "much"}),
        ("date", "31.12.2024", {"date__v_text": "31.12.2024"}),
        ("enum", "Gold", {"enum": "Gold", "enum_id__v_text": "Gold"}),
        (
            "enum",
            {"id": 12, "color": "red"},
            {"enum": "Low", "enum_id": 12, "enum__v_text": '{"id":12,"color":"red"}'},
        ),
        (
            "enum",
            {"x": 1},
            {"enum": '{"x":1}', "enum_id": None, "enum__v_text": '{"x":1}'},
        ),
        ("enum", [12, 34], {"enum": '["Low","High"]', "enum_id__v_text": "[12,34]"}),
        ("user", {"id": "soon", "name": "Ann"}, {"user__v_text": "soon"}),
        ("user", {"name": "Ann"}, {}),
        (
            "monetary",
            {"value": "much", "currency": "EUR"},
            {"monetary__v_text": "much", "monetary_currency": "EUR"},
        ),
        (
            "monetary",
            {"value": 5, "unit": "kg"},
            {"monetary": 5, "monetary__v_text": '{"value":5,"unit":"kg"}'},
        ),
        (
            "set",
            [12, "Gold"],
            {
                "set": ["Low", "Gold"],
                "set_ids": [12, "Gold"],
                "set_labels": [{"id": 12, "label": "Low"}, {"id": None, "label": "Gold"}],
            },
        ),
    ],
)
def test_a_value_that_does_not_fit_is_kept_and_counted(kind, value, columns):
    assert (columns, 1) == v2(kind, value)


def test_a_custom_fields_that_is_no_object_is_kept_and_counted():
    assert ({"custom_fields": {"custom_fields": [1]}}, 1) == map_custom_fields(
        {"custom_fields": [1]}, FIELDS
    )


def test_a_value_sent_twice_is_kept_twice():
    code = CODES["monetary"]
    row = {"custom_fields": {code: {"value": 5, "currency": "EUR"}, f"{code}_currency": "USD"}}

    assert (
        {
            "monetary": 5,
            "monetary_currency": "EUR",
            "custom_fields": {f"{code}_currency": "USD", code: 6},
        },
        2,
    ) == map_custom_fields({**row, code: 6}, FIELDS)


def test_an_unknown_field_sent_twice_is_kept_twice():
    row = {UNKNOWN: 1, "custom_fields": {UNKNOWN: 2}}

    assert ({"custom_fields": {UNKNOWN: 1, f"{UNKNOWN}_x": 2}}, 0) == map_custom_fields(row, FIELDS)


def test_misfits_stand_where_those_of_built_in_columns_do():
    assert normalize.COERCION_FAILED_SUFFIX == layouts.COERCION_FAILED_SUFFIX


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("stage_id", 3, ("stage_id", "3")),
        ("title", None, ("title", None)),
        (CODES["varchar"], "a", ("Varchar", "a")),
        (CODES["enum"], "12", ("Enum", "Low")),
        (CODES["set"], "12,99,34", ("Set", "Low, 99, High")),
        (CODES["set"], None, ("Set", None)),
        (CODES["monetary"], 2300, ("Monetary", "2300")),
        (CODES["monetary"], {"value": 2300, "currency": "EUR"}, ("Monetary", "2300")),
        (f"{CODES['monetary']}_currency", "EUR", ("Monetary (currency)", "EUR")),
        (f"{CODES['time']}_timezone_id", 3, ("Time (timezone id)", "3")),
        (UNKNOWN, "a", (UNKNOWN, "a")),
    ],
)
def test_a_field_change_is_read_by_label(key, value, read):
    assert read == flow_field(key, value, FIELDS)


texts = st.text('aZ0-.,é{["', max_size=6)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from(["12,34", "12", 12, 34, "007", "2024-01-01", "1e999", "0000-00-00", " "])
)
part_names = st.sampled_from(
    ["value", "id", "label", "currency", "until", "route", "timezone_id", "formatted_address"]
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts | part_names, inner, max_size=4)
    ),
    max_leaves=8,
)
codes = st.sampled_from([*CODES.values(), UNKNOWN])
keys = codes | st.builds("{}_{}".format, codes, part_names)
customs = st.dictionaries(keys, values, max_size=4) | values
rows = st.builds(
    lambda own, flat, nested: {**own, **flat, **nested},
    st.dictionaries(st.sampled_from(["id", "title", "date", "enum_id"]), values, max_size=2),
    st.dictionaries(keys, values, max_size=3),
    st.fixed_dictionaries({}, optional={"custom_fields": customs}),
)


def leaves(value: object) -> Iterator[object]:
    """Scalars in a value; text that is JSON of an object or a list is looked into."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from leaves(part)
        return
    yield value
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            yield from leaves(json.loads(value))
        except ValueError:
            return


def as_number(value: object) -> object:
    """Numbers as text, booleans as numbers: types may change, what is said may not."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return {"true": 1.0, "false": 0.0}.get(value, value)
    return float(value) if isinstance(value, int) and abs(value) < 2**1000 else value


def forms(leaf: object) -> Iterator[set[object]]:
    """What may stand for a value: itself, the ids in it, the day of a midnight."""
    yield {as_number(leaf)}
    if isinstance(leaf, str):
        yield {as_number(part.strip()) for part in leaf.split(",") if part.strip()} or {leaf}
        yield {leaf.removesuffix("T00:00:00Z")}


LINKS = {code for kind, code in CODES.items() if layout_of(kind).form == "link"}


def ids_alone(row: dict) -> dict:
    """The row with ids in the place of records: nothing else of them is kept."""
    made = {}
    for name, value in row.items():
        if name in LINKS and isinstance(value, dict):
            value = reference(value)  # noqa: PLW2901
            made[name] = None if isinstance(value, dict | list) else value
        else:
            is_nested = name == "custom_fields" and isinstance(value, dict)
            made[name] = ids_alone(value) if is_nested else value
    return made


@given(rows)
@example({CODES["date"]: "2024-01-01T00:00:00Z"})
@example({"custom_fields": {CODES["user"]: {"id": 0}}})
def test_no_value_is_lost_and_none_is_fatal(row):
    out, _ = map_custom_fields(row, FIELDS)

    found = {as_number(leaf) for leaf in leaves(out)}
    for leaf in leaves(ids_alone(row)):
        is_null = leaf in (None, "", "0000-00-00") or (isinstance(leaf, float) and math.isnan(leaf))
        assert is_null or any(form <= found for form in forms(leaf)), leaf


@given(rows)
def test_every_column_is_one_of_the_fields_or_was_there(row):
    out, _ = map_custom_fields(row, FIELDS)

    declared = {*columns_for(ROWS), *lists_for(ROWS), "custom_fields", *row}
    suffixes = ("", "__v_text", "__built_in")
    assert {name for name in out if not name.endswith(suffixes[1:])} <= declared
    assert {"custom_fields"} & set(row) <= set(out)


@given(keys, values)
def test_no_field_change_is_fatal(key, value):
    name, read = flow_field(key, value, FIELDS)

    assert str is type(name)
    assert (read is None) is (value is None)
