"""A field's definition is read the same from either API version, whatever is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_assets.rows.custom_fields.map_fields import definition_rows, parse_definition

HASH = "9dc80c50d78a15643bfc4ca79d76156a73a1ca0e"
OPTIONS = [{"id": 190, "label": "Private person"}, {"id": 191, "label": "Company"}]
V1 = {
    "id": 2,
    "key": HASH,
    "name": "Customer Type",
    "field_type": "enum",
    "active_flag": True,
    "edit_flag": True,
    "options": OPTIONS,
}
V2 = {
    "field_code": HASH,
    "field_name": "Customer Type",
    "field_type": "enum",
    "options": OPTIONS,
    "subfields": None,
    "is_custom_field": True,
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "label", "field_code", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = [*V1, *V2, "is_subfield"]


def test_both_versions_say_the_same():
    old, new = parse_definition(V1), parse_definition(V2)

    assert (HASH, "Customer Type", "enum", True) == (new.code, new.name, new.type, new.is_custom)
    assert (("190", "Private person"), ("191", "Company")) == new.options
    assert (new.code, new.name, new.type, new.is_custom, new.options) == (
        old.code,
        old.name,
        old.type,
        old.is_custom,
        old.options,
    )


@pytest.mark.parametrize(("code", "is_custom"), [(HASH, True), ("title", False), ("", False)])
def test_a_definition_that_does_not_say_is_custom_by_its_hash(code, is_custom):
    assert is_custom is parse_definition({"field_code": code}).is_custom


def test_a_part_that_v1_lists_as_a_field_is_known_for_a_part():
    assert parse_definition({"key": f"{HASH}_currency", "edit_flag": True}).is_part
    assert parse_definition({"key": "x", "is_subfield": True}).is_part
    assert not parse_definition(V1).is_part


def test_no_options_and_options_that_are_not_told_differ():
    assert () == parse_definition({"options": []}).options
    assert None is parse_definition({"options": None}).options


@given(st.dictionaries(st.sampled_from(KEYS), anything))
def test_nothing_in_a_definition_is_fatal(row):
    definition_rows("deal", [parse_definition(row)])


def test_rows_of_definitions_keep_all_that_was_sent_under_the_names_of_v2():
    row = {**V1, "order_nr": 7}

    assert [
        {
            "entity": "deal",
            "field_code": HASH,
            "field_name": "Customer Type",
            "field_type": "enum",
            "is_custom_field": True,
            "options": OPTIONS,
            "id": 2,
            "active_flag": True,
            "order_nr": 7,
        }
    ] == definition_rows("deal", [parse_definition(row)])


def test_built_in_fields_have_a_row_too():
    sent = {"field_code": "status", "field_name": "Status", "field_type": "status"}
    sent |= {"options": [{"id": "open", "label": "Open"}], "is_custom_field": False}

    assert [{"entity": "deal", **sent}] == definition_rows("deal", [parse_definition(sent)])
