"""Labels become names of columns: readable, never shared, never changed."""

import re
from itertools import permutations

import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_assets.rows.custom_fields.definitions import parse_definition
from pipedrive_assets.rows.custom_fields.layouts import LAYOUTS, LONGEST_SUFFIX, layout_of
from pipedrive_assets.rows.custom_fields.names import NAME_LENGTH, give_names

A, B, C = "a1b2c3" + "0" * 34, "b3f1a9" + "0" * 34, "b3f1a9" + "1" * 34
normalize = NamingConvention().normalize_identifier
limited = NamingConvention(max_length=63).normalize_identifier


def field(code, label, kind="varchar"):
    return parse_definition(
        {"field_code": code, "field_name": label, "field_type": kind, "is_custom_field": True}
    )


def named(label, kind="varchar", taken=()):
    return give_names([field(B, label, kind)], taken, normalize)[B]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("customer_type", "Customer Type"),
        ("_2nd_contact", "2nd contact"),
        ("a_b", "a__b"),
        ("o_brien_s_special_price_a_b", "O'Brien's \"special\" price; a\\b"),
        ("gr_e", "Größe"),
        ("_score", "🔥 Score"),
        ("field_b3f1a9", "🔥"),
        ("field_b3f1a9", "日本"),
        ("field_b3f1a9", ""),
        ("field_b3f1a9", " \t"),
        ("field_b3f1a9", "__"),
        ("x", "x"),
        ("id_b3f1a9", "id"),
        ("id_b3f1a9", "ID"),
        ("x_dlt_id", "_dlt_id"),
        ("_row_hash_b3f1a9", "_row_hash"),
        ("custom_fields_b3f1a9", "Custom fields"),
        ("ctid_b3f1a9", "CTID"),
        ("x" * NAME_LENGTH, "x" * 200),
        ("an_unreasonably_long_label_an_unreasonab", "An unreasonably long label " * 8),
    ],
)
def test_a_label_becomes_a_name(name, label):
    assert name == named(label, taken={"id"})


def test_a_name_that_only_a_part_would_take_gets_a_suffix():
    assert "expected_b3f1a9" == named("Expected", "daterange", taken={"expected_until"})
    assert "stage_b3f1a9" == named("Stage", "enum", taken={"stage_id"})
    assert "stage" == named("Stage", "varchar", taken={"stage_id"})


def test_the_field_with_the_shorter_name_keeps_it():
    budget, currency = field(C, "Budget", "monetary"), field(A, "Budget currency")

    assert {C: "budget", A: "budget_currency_a1b2c3"} == give_names(
        [currency, budget], (), normalize
    )


def test_equal_labels_share_nothing_and_take_as_much_of_the_hash_as_it_needs():
    fields = [field(A, "Score"), field(B, "score", "double"), field(C, "SCORE ")]

    for order in permutations(fields):
        assert {A: "score", B: "score_b3f1a9", C: "score_b3f1a911"} == give_names(
            order, (), normalize
        )


def test_a_suffix_that_is_taken_in_every_length_is_numbered():
    taken = {"score", *(f"score_{B[:length]}" for length in range(41))}

    assert f"score_{B[:24]}_2" == named("Score", taken=taken)


def test_a_key_that_is_no_hash_still_gives_a_suffix():
    assert re.fullmatch("id_[0-9a-f]{6}", give_names([field("é", "ID")], ["id"], normalize)["é"])


def test_a_label_that_the_naming_refuses_is_named_by_its_hash():
    assert {B: "field_b3f1a9"} == give_names([field(B, "a")], (), int)


def test_names_that_differ_in_case_only_are_one():
    assert "city_b3f1a9" == named("City", taken={"CITY"})


@given(st.text() | st.text("_xX d1", max_size=12), st.sampled_from(sorted(LAYOUTS)))
def test_dlt_and_postgresql_take_every_name_as_it_is(label, kind):
    name = named(label, kind, taken={normalize(label) if label.strip() else ""})

    assert NAME_LENGTH >= len(name)
    for column in layout_of(kind).names(name):
        assert column == limited(column)
        assert "__" not in column


def test_the_longest_name_leaves_room_for_every_suffix():
    assert NAME_LENGTH + LONGEST_SUFFIX <= 63
    assert len("organizations__" + "x" * NAME_LENGTH + "_labels") <= 63
