"""Columns that decisions depend on have their column's type as soon as a reply was read."""

import pytest

from pipedrive_assets.errors import DataError
from pipedrive_assets.extract.coerce import KEYLESS_SHAPES, coerced_row, coerced_rows, decisive
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.normalize import COERCION_FAILED_SUFFIX, normalize_row
from pipedrive_assets.rows.references import is_reference
from pipedrive_assets.windows import parse_stamp
from pipedrive_assets_tests.odd_values import ODD, decisive_columns

TYPES = {"bigint": int, "bool": bool, "text": str, "timestamp": str}
KEYED = [entity for entity in ENTITIES if entity.shape not in KEYLESS_SHAPES]


def whole_row(entity):
    """A row with a usable key."""
    types = columns_of(entity.name).columns
    return {
        name: "x" if types[name].type == "text" else 5
        for name in decisive_columns(entity, is_key=True)
    }


def each_column(*, is_key):
    return [(each, name) for each in KEYED for name in decisive_columns(each, is_key=is_key)]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_column_that_decisions_depend_on_has_its_type_or_is_null(odd):
    for entity, name in each_column(is_key=False):
        row = {**whole_row(entity), name: odd}

        (made,) = coerced_rows(entity, "x", [row])

        kind = columns_of(entity.name).columns[name].type
        assert made[name] is None or type(made[name]) is TYPES[kind]
        if kind == "timestamp" and made[name]:
            assert parse_stamp(made[name])
        is_null = odd in (None, "") or (kind == "timestamp" and str(odd).startswith("0000"))
        # Of a record in the place of its id nothing but the id is kept.
        is_record = isinstance(odd, dict) and is_reference(name)
        kept = made[name] is not None or is_null or is_record
        assert kept is (name + COERCION_FAILED_SUFFIX not in made)
        assert row[name] is odd


@pytest.mark.parametrize("odd", ["", None, [1], {"a": 1}, "soon", "1.5", 1.5, True])
def test_a_key_that_does_not_fit_is_an_error_that_names_table_and_endpoint(odd):
    for entity, name in each_column(is_key=True):
        is_text = columns_of(entity.name).columns[name].type == "text"
        if is_text and odd not in ("", None) and not isinstance(odd, list | dict):
            continue
        with pytest.raises(DataError, match=rf"/v9/{entity.name} .* {entity.name} .*{name}"):
            coerced_rows(entity, f"v9/{entity.name}", [{**whole_row(entity), name: odd}])


def test_a_missing_key_is_an_error():
    with pytest.raises(DataError, match=r"api/v2/deals.*\bid\b"):
        coerced_rows(BY_NAME["deals"], "api/v2/deals", [{"title": "x"}])


def test_every_key_that_a_reply_has_is_checked():
    """Keys that this project makes itself, and the id of the parent or owner, are in no reply."""
    for entity in KEYED:
        missing = {*entity.key} - {*decisive_columns(entity, is_key=True)}
        is_added = entity.lacks_owner or (entity.parent and not entity.bulk)
        assert missing <= ({entity.key[0]} if is_added else set())


def test_a_row_in_the_documented_form_stays_the_same_object():
    row = {"id": 5, "update_time": "2026-03-01T00:00:00Z", "is_deleted": False, "title": "x"}
    assert coerced_rows(BY_NAME["deals"], "x", [row])[0] is row


def test_a_misfit_is_loaded_beside_its_column_and_counted_once():
    deals = BY_NAME["deals"]
    (row,) = coerced_rows(deals, "x", [{"id": "5", "update_time": "soon", "add_time": ""}])

    shaped, coercion_failures = normalize_row(deals, row)

    assert (5, None, "soon", None, 1) == (
        shaped["id"],
        shaped["update_time"],
        shaped["update_time__v_text"],
        shaped["add_time"],
        coercion_failures,
    )
    assert shaped == {**normalize_row(deals, {"id": 5, "update_time": "soon", "add_time": ""})[0]}


def test_a_record_has_flags_that_its_list_lacks():
    persons = BY_NAME["persons"]
    names = {name for name, _, _ in decisive("persons", is_record=True)}
    assert {"is_deleted", "active_flag", "merge_what_id"} <= names
    assert coerced_row(persons, "x", {"id": 5, "active_flag": "0"})["active_flag"] is False
