"""Rows as sent become rows as loaded, and nothing is lost on the way."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_assets.registry import BY_NAME, ENTITIES, Entity
from pipedrive_assets.rows.coercion import COERCION_FAILED, FITS
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.map_fields import map_custom_fields, place_fields
from pipedrive_assets.rows.normalize import fingerprint, normalize_row
from pipedrive_assets.rows.references import is_reference, reference

PLAIN = [entity for entity in ENTITIES if entity.shape == "plain"]
DEALS, PERSONS, USERS = BY_NAME["deals"], BY_NAME["persons"], BY_NAME["users"]
ORGANIZATIONS, STAGES = BY_NAME["organizations"], BY_NAME["stages"]

texts = st.text('aZ0-.é{["\x00', max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from(["", "0000-00-00", "0000-00-00 00:00:00", "2026-02-30", "007", "1e999", "7"])
    | st.datetimes().map(str)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.sampled_from(["value", "id"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def keys_of(entity: Entity) -> list[str]:
    known = columns_of(entity.name)
    tops = dict.fromkeys(name.partition("__")[0] or name for name in known.columns)
    return [*(tops.keys() - {"_row_hash", "_deleted_at", "_deleted_reason"}), *known.lists]


def rows_of(entity: Entity) -> st.SearchStrategy[tuple[Entity, dict[str, Any]]]:
    keys = st.sampled_from(sorted(keys_of(entity)))
    return st.tuples(st.just(entity), st.dictionaries(keys, values, max_size=4))


any_rows = st.one_of([rows_of(entity) for entity in ENTITIES])
plain_rows = st.one_of([rows_of(entity) for entity in PLAIN])


def shaped(entity: Entity, row: dict[str, Any]) -> dict[str, Any]:
    out, _ = normalize_row(entity, row)
    return {name: value for name, value in out.items() if not name.startswith("_")}


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


def forms(value: object) -> Iterator[object]:
    """Everything a scalar may have become, told apart by type and text."""
    yield repr(value)
    yield repr(json.dumps(value, ensure_ascii=False))
    for kind in FITS.values():
        fitted = COERCION_FAILED if value is None else kind(value)
        if fitted is not COERCION_FAILED:
            yield repr(fitted)


@given(any_rows)
def test_shaping_never_fails(drawn: tuple[Entity, dict[str, Any]]) -> None:
    entity, row = drawn
    out, coercion_failures = normalize_row(entity, row, parent_id=7)
    assert coercion_failures >= 0
    assert {"_row_hash", "_deleted_at", "_deleted_reason"} <= set(out)


def ids_alone(row: dict[str, Any]) -> dict[str, Any]:
    """The row with ids in the place of records: nothing else of them is kept."""
    known = {
        name: reference(value)
        for name, value in row.items()
        if isinstance(value, dict) and is_reference(name)
    }
    return {**row, **{name: None if isinstance(v, dict | list) else v for name, v in known.items()}}


@given(plain_rows)
def test_shaping_loses_no_value(drawn: tuple[Entity, dict[str, Any]]) -> None:
    entity, row = drawn
    sent = [value for value in leaves(ids_alone(row)) if value not in (None, "") and value == value]  # noqa: PLR0124
    kept = {repr(value) for value in leaves(shaped(entity, row))}
    zero = {value for value in sent if isinstance(value, str) and value.startswith("0000-00-00")}
    assert [] == [v for v in sent if v not in zero and kept.isdisjoint(forms(v))]


@given(plain_rows)
def test_what_stands_in_a_typed_column_is_of_its_type(
    drawn: tuple[Entity, dict[str, Any]],
) -> None:
    entity, row = drawn
    columns = columns_of(entity.name).columns
    out = shaped(entity, row)
    assert {} == {
        name: value
        for name, value in out.items()
        if name in columns and value is not None and FITS[columns[name].type](value) != value
        if not (isinstance(value, float) and math.isnan(value)) and columns[name].type != "json"
    }


@given(any_rows)
def test_shaping_leaves_the_row_sent_alone(drawn: tuple[Entity, dict[str, Any]]) -> None:
    entity, row = drawn
    before = json.dumps(row)
    normalize_row(entity, row, parent_id=7)
    assert before == json.dumps(row)


@given(plain_rows)
def test_a_row_shaped_twice_has_one_fingerprint_whatever_the_order_of_keys(
    drawn: tuple[Entity, dict[str, Any]],
) -> None:
    entity, row = drawn
    turned = dict(reversed(row.items()))
    assert (
        normalize_row(entity, row)[0]["_row_hash"] == normalize_row(entity, turned)[0]["_row_hash"]
    )


@given(st.dictionaries(texts, values, max_size=4))
def test_the_fingerprint_is_64_bits_and_ignores_nulls_and_our_own_columns(
    row: dict[str, Any],
) -> None:
    plain = fingerprint(row)
    assert -(2**63) <= plain < 2**63
    ours = {"_row_hash": 1, "_deleted_at": "2026-01-01T00:00:00Z"}
    assert plain == fingerprint({"absent here": None, **row, **ours})


def test_the_fingerprint_is_the_same_on_every_machine_and_release() -> None:
    assert -8023159691273495816 == fingerprint({"id": 1, "title": "Čaj", "value": 2.5})


def test_the_fingerprint_tells_a_changed_custom_field_but_not_a_new_empty_one() -> None:
    before = fingerprint({"id": 1, "custom_fields": {"a": 1}})
    assert before == fingerprint({"id": 1, "custom_fields": {"a": 1, "b": None}})
    assert before != fingerprint({"id": 1, "custom_fields": {"a": 2}})


@pytest.mark.parametrize(
    ("column", "sent", "expected"),
    [
        ("id", "123", 123),
        ("id", 7.0, 7),
        ("id", "", None),
        ("value", 200, 200),
        ("value", "12.50", 12.5),
        ("is_archived", 1, True),
        ("is_archived", "false", False),
        ("title", 12, "12"),
        ("add_time", "2026-03-01 10:20:30", "2026-03-01T10:20:30Z"),
        ("add_time", "2026-03-31T10:20:30Z", "2026-03-31T10:20:30Z"),
        ("add_time", "2026-03-01T10:20:30.5Z", "2026-03-01T10:20:30.500000Z"),
        ("add_time", "2026-03-01T10:20:30+03:00", "2026-03-01T07:20:30Z"),
        ("add_time", "0000-00-00 00:00:00", None),
        ("add_time", "", None),
        ("expected_close_date", "0000-00-00", None),
        ("expected_close_date", "2026-03-01 00:00:00", "2026-03-01"),
        ("custom_fields", {"a": [1, None]}, {"a": [1, None]}),
        ("custom_fields", None, None),
        ("brand_new", {"a": [1]}, {"a": [1]}),
    ],
)
def test_a_value_that_fits_is_loaded_in_its_columns_form(
    column: str, sent: object, expected: object
) -> None:
    out, coercion_failures = normalize_row(DEALS, {column: sent})
    assert (expected, 0) == (out[column], coercion_failures)


@pytest.mark.parametrize(
    ("column", "sent", "text"),
    [
        ("id", "abc", "abc"),
        ("id", 1.5, "1.5"),
        ("id", 2**63, "9223372036854775808"),
        ("id", True, "true"),
        ("value", "about 12", "about 12"),
        ("is_archived", 2, "2"),
        ("add_time", "yesterday", "yesterday"),
        ("add_time", "2026-02-30T00:00:00Z", "2026-02-30T00:00:00Z"),
        ("add_time", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("expected_close_date", "2026-02-30", "2026-02-30"),
        ("expected_close_date", "2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z"),
        ("person_id", [3], "[3]"),
    ],
)
def test_a_value_that_does_not_fit_is_kept_as_text_beside_its_column(
    column: str, sent: object, text: str
) -> None:
    assert ({column: None, f"{column}__v_text": text}, 1) == (
        shaped(DEALS, {column: sent}),
        normalize_row(DEALS, {column: sent})[1],
    )


def test_an_option_object_in_a_text_column_without_an_id_column_is_kept_as_json() -> None:
    out, coercion_failures = normalize_row(DEALS, {"title": {"id": 3, "label": "Příliš drahé"}})
    assert ('{"id":3,"label":"Příliš drahé"}', 1) == (out["title"], coercion_failures)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, []),
        (3, [3]),
        ([3, None, "4"], [3, 4]),
        (["x"], [{"value": None, "value__v_text": "x"}]),
        ([{"id": 3, "label": "Hot"}], [{"id": 3, "label": "Hot"}]),
    ],
)
def test_a_list_of_ids_takes_what_comes(sent: object, expected: object) -> None:
    assert {"label_ids": expected} == shaped(DEALS, {"label_ids": sent})


def test_the_items_of_a_list_of_objects_are_fitted_too() -> None:
    sent = [{"value": "a@b.c", "primary": 1, "label": 5}, "c@d.e", None]
    expected = [{"value": "a@b.c", "primary": True, "label": "5"}, {"value": "c@d.e"}]
    assert {"emails": expected} == shaped(PERSONS, {"emails": sent})


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, {}),
        ({"value": "Main 1", "route": 7}, {"address": {"value": "Main 1", "route": "7"}}),
        ("Main 1", {"address": {"value": "Main 1"}}),
    ],
)
def test_an_address_stays_nested(sent: object, expected: object) -> None:
    assert expected == shaped(ORGANIZATIONS, {"address": sent})


def test_an_empty_list_in_place_of_a_nested_object_is_an_empty_object() -> None:
    """PHP writes an empty object as `[]`."""
    row, coercion_failures = normalize_row(ORGANIZATIONS, {"address": []})
    assert ({}, 0) == (row["address"], coercion_failures)
    plan = place_fields([])
    assert ({"id": 1, "custom_fields": None}, 0) == map_custom_fields(
        {"id": 1, "custom_fields": []}, plan
    )


@pytest.mark.parametrize(
    ("entity", "row", "expected"),
    [
        (
            DEALS,
            {"is_deleted": True, "update_time": "2026-03-01T00:00:00Z"},
            "2026-03-01T00:00:00Z",
        ),
        (DEALS, {"is_deleted": False, "update_time": "2026-03-01T00:00:00Z"}, None),
        (USERS, {"is_deleted": True, "modified": "2026-03-01 01:02:03"}, "2026-03-01T01:02:03Z"),
        (STAGES, {"is_deleted": 1, "update_time": None}, None),
    ],
)
def test_a_deleted_row_says_since_when(
    entity: Entity, row: dict[str, Any], expected: str | None
) -> None:
    assert expected == normalize_row(entity, row)[0]["_deleted_at"]


@pytest.mark.parametrize(
    ("key", "column"),
    [
        ("Id", "id_other"),
        ("ID ", "id_other"),
        ("updateTime", "update_time_other"),
        ("Emails", "emails_other"),
        ("_dlt_id", "dlt_id_other"),
        ("brandNew", "brandNew"),
        ("", ""),
    ],
)
def test_an_unknown_key_takes_no_column_of_another_key(key, column):
    known = {"id": 7, "update_time": "2026-01-01T00:00:00Z", "emails": [{"value": "a@example.com"}]}

    for row in ({**known, key: 5}, {key: 5, **known}):
        out = shaped(PERSONS, row)

        assert {**known, column: 5} == out


def test_an_unknown_key_of_a_list_takes_no_column_of_another_key():
    out = shaped(PERSONS, {"id": 7, "emails": [{"value": "a@example.com", "Value": "b"}]})

    assert [{"value": "a@example.com", "value_other": "b"}] == out["emails"]
