"""Links and options that arrive as whole objects: ids and labels in columns, nothing personal."""

import pytest

from pipedrive_assets.extract.coerce import coerced_rows
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.coercion import coerce_bigint
from pipedrive_assets.rows.custom_fields.values import link
from pipedrive_assets.rows.normalize import normalize_row

PERSON = {
    "active_flag": True,
    "name": "Jane Sample",
    "email": [{"label": "work", "value": "jane@sample.example", "primary": True}],
    "phone": [{"label": "work", "value": "+372 555", "primary": True}],
    "owner_id": 9001,
    "value": 5,
}
USER = {"id": 5, "name": "Rep", "email": "rep@sample.example", "has_pic": 0, "active_flag": True}


@pytest.mark.parametrize("whole", [PERSON, USER, {"value": "5"}, {"success": True, "data": USER}])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("leads", "person_id"),
        ("leads", "organization_id"),
        ("leads", "owner_id"),
        ("deals", "person_id"),
        ("deals", "org_id"),
        ("notes", "user_id"),
        ("activities", "creator_user_id"),
    ],
)
def test_a_record_in_the_place_of_its_id_leaves_the_id_alone(table, column, whole):
    shaped, coercion_failures = normalize_row(BY_NAME[table], {"id": "1", column: whole})

    assert (5, 0) == (shaped[column], coercion_failures)
    assert "sample" not in str(shaped)
    assert {"id", column} == {name for name in shaped if not name.startswith("_")}


def test_a_record_without_an_id_leaves_nothing_and_counts_as_a_misfit():
    shaped, coercion_failures = normalize_row(
        BY_NAME["leads"], {"id": "1", "person_id": {"name": "Jane Sample"}}
    )
    assert (None, 1) == (shaped["person_id"], coercion_failures)
    assert "Jane" not in str(shaped)


def test_an_id_that_does_not_fit_is_kept_without_the_record():
    shaped, coercion_failures = normalize_row(
        BY_NAME["leads"], {"id": "1", "person_id": {"id": "soon", "name": "Jane Sample"}}
    )
    assert (None, "soon", 1) == (
        shaped["person_id"],
        shaped["person_id__v_text"],
        coercion_failures,
    )
    assert "Jane" not in str(shaped)


def test_a_key_that_no_column_is_known_for_is_reduced_to_its_id_too():
    shaped, _ = normalize_row(
        BY_NAME["deals"], {"id": 1, "user_id": USER, "other_id": {"name": "x"}}
    )
    assert (5, {"name": "x"}) == (shaped["user_id"], shaped["other_id"])


@pytest.mark.parametrize("whole", [PERSON, USER, {"id": "5", "name": "x"}])
def test_a_custom_field_holds_the_id_alone(whole):
    out = {}
    assert 0 == link("referrer", coerce_bigint)(whole, out)
    assert {"referrer": 5} == out


def test_a_line_whose_deal_arrives_as_a_record_has_its_id():
    rows = [{"id": 1, "deal_id": {"id": 7, "title": "x"}}]
    (made,) = coerced_rows(BY_NAME["deals_products"], "x", rows)
    assert {"id": 1, "deal_id": 7} == made


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Price", {"lost_reason": "Price"}),
        ({"id": 3, "label": "Price"}, {"lost_reason": "Price", "lost_reason_id": 3}),
        ({"id": "3", "label": "Price"}, {"lost_reason": "Price", "lost_reason_id": 3}),
        ({"label": "Price"}, {"lost_reason": "Price", "lost_reason_id": None}),
        ({"id": 3, "label": None}, {"lost_reason": "3", "lost_reason_id": 3}),
        (None, {"lost_reason": None}),
    ],
)
def test_a_lost_reason_has_its_label_whatever_its_form(sent, expected):
    shaped, coercion_failures = normalize_row(BY_NAME["deals"], {"id": 1, "lost_reason": sent})
    made = {name: value for name, value in shaped.items() if name.startswith("lost")}
    assert (expected, 0) == (made, coercion_failures)


def test_an_object_that_is_no_option_stays_text():
    shaped, coercion_failures = normalize_row(
        BY_NAME["deals"], {"id": 1, "lost_reason": {"text": "Price"}}
    )
    assert ('{"text":"Price"}', 1) == (shaped["lost_reason"], coercion_failures)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"id": 5, "label": "Web"}, (None, "c-1", '{"id":5,"label":"Web"}')),
        ({}, (None, "c-1", "{}")),
    ],
)
def test_an_object_in_a_column_of_ids_is_kept_as_text_and_leaves_other_columns_alone(
    value, expected
):
    row, _ = normalize_row(BY_NAME["leads"], {"id": "1", "channel_id": "c-1", "channel": value})

    assert expected == (row["channel"], row["channel_id"], row.get("channel__v_text"))
