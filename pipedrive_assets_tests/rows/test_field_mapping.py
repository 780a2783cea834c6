"""The memory of custom fields: names for ever, labels as they are, and what is gone."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_assets.rows.custom_fields.layouts import LAYOUTS
from pipedrive_assets.rows.custom_fields.map_fields import (
    LabelChange,
    columns_for,
    label_changes,
    lists_for,
    mapping_record,
    parse_definition,
    parse_mapping_record,
    update_mapping,
)

A, B = "a1b2c3" + "0" * 34, "b3f1a9" + "0" * 34
DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
normalize = NamingConvention().normalize_identifier


def field(code, label, kind="varchar", *options):
    listed = [{"id": each, "label": text} for each, text in options]
    return parse_definition(
        {
            "field_code": code,
            "field_name": label,
            "field_type": kind,
            "is_custom_field": True,
            "options": listed if kind in {"enum", "set"} else None,
        }
    )


def update(known, *defined, day=0, built_in=frozenset({"id", "title"})):
    return update_mapping(
        known, defined, built_in, FIRST + day * DAY, endpoint="deal", normalize=normalize
    )


def test_a_new_field_is_remembered_as_the_ancestor_did_with_its_history():
    (row,) = update([], field(A, "Tier", "enum", (2, "Silver"), (1, "Gold")))

    assert {
        "endpoint": "deal",
        "hash_string": A,
        "name": "Tier",
        "normalized_name": "tier",
        "options": {"1": "Gold", "2": "Silver"},
        "field_type": "enum",
        "first_name": "Tier",
        "first_seen_at": FIRST,
        "renamed_at": None,
        "gone_at": None,
        "options_gone": {},
        "column_type": "enum",
    } == mapping_record(row)


def test_a_renamed_field_keeps_its_column():
    before = update([], field(A, "Region"))

    (after,) = update(before, field(A, "Territory"), day=1)

    assert ("Territory", "region", "Region") == (
        after.name,
        after.normalized_name,
        after.first_name,
    )
    assert (FIRST, FIRST + DAY) == (after.first_seen_at, after.renamed_at)
    assert [after] == update([after], field(A, "Territory"), day=2)


def test_a_label_that_became_free_stays_the_column_of_the_field_that_had_it():
    before = update([], field(A, "Region"))

    after = update(before, field(A, "Territory"), field(B, "Region"), day=1)

    assert ["region", "region_b3f1a9"] == [row.normalized_name for row in after]


def test_a_new_field_takes_no_part_of_a_known_one():
    before = update([], field(A, "Budget", "monetary"))

    after = update(before, field(A, "Budget", "monetary"), field(B, "Budget currency"), day=1)

    assert ["budget", "budget_currency_b3f1a9"] == [row.normalized_name for row in after]


def test_a_removed_field_keeps_its_row_and_coming_back_clears_it():
    known = update([], field(A, "Tier", "enum", (1, "Gold")))

    gone = update(known, day=1)
    assert [replace(known[0], gone_at=FIRST + DAY)] == gone
    assert gone == update(gone, day=2)
    assert known == update(gone, field(A, "Tier", "enum", (1, "Gold")), day=3)


def test_a_removed_option_keeps_its_label_and_coming_back_clears_it():
    known = update([], field(A, "Tier", "enum", (1, "Gold"), (2, "Silver")))

    gone = update(known, field(A, "Tier", "enum", (2, "Silver")), day=1)
    assert {"1": "Gold", "2": "Silver"} == gone[0].options
    assert {"1": "2026-03-11T12:00:00Z"} == gone[0].options_gone
    assert gone == update(gone, field(A, "Tier", "enum", (2, "Silver")), day=2)
    assert known == update(gone, field(A, "Tier", "enum", (1, "Gold"), (2, "Silver")), day=3)


def test_options_that_a_definition_does_not_tell_are_not_gone():
    known = update([], field(A, "Tier", "enum", (1, "Gold")))
    silent = parse_definition({"key": A, "name": "Tier", "field_type": "enum", "options": None})

    assert known == update(known, silent, day=1)


def test_a_field_whose_type_changes_keeps_the_columns_it_has():
    known = update([], field(A, "Tier", "enum", (1, "Gold")))

    (after,) = update(known, field(A, "Tier", "set", (1, "Gold")), day=1)

    assert ("set", "enum") == (after.field_type, after.column_type)
    assert columns_for(known) == columns_for([after])


def test_built_in_fields_parts_and_inactive_fields_get_no_column():
    status = {"field_code": "status", "field_type": "status", "is_custom_field": False}
    flagged = {"field_code": "title", "field_name": "T", "is_custom_field": True}
    part = {"key": f"{A}_currency", "name": "Currency", "edit_flag": True, "is_subfield": True}
    inactive = {"key": B, "name": "Old", "edit_flag": True, "active_flag": False}

    assert [] == update([], *map(parse_definition, (status, flagged, part, inactive, {})))


def test_a_name_that_only_the_definitions_know_is_built_in_too():
    value = {"field_code": "value", "field_type": "monetary", "is_custom_field": False}
    value["subfields"] = [{"field_code": "currency"}]
    rows = update([], parse_definition(value), field(A, "Currency"), field(B, "VALUE"))

    assert ["currency_a1b2c3", "value_b3f1a9"] == [row.normalized_name for row in rows]


def test_an_object_takes_its_name_as_well_as_its_parts():
    (row,) = update([], field(A, "Address"), built_in=frozenset({"address__country"}))

    assert "address_a1b2c3" == row.normalized_name


def test_renamed_and_newly_known_options_change_labels():
    before = update([], field(A, "Tier", "enum", (1, "Gold"), (2, "Silver")))
    defined = field(A, "Tier", "enum", (1, "Platinum"), (2, "Silver"), (3, "Tin"))
    after = update(before, defined, field(B, "New", "set", (7, "x")), day=1)

    assert [
        LabelChange(row=after[0], option_id="1", before="Gold", after="Platinum"),
        LabelChange(row=after[0], option_id="3", before="3", after="Tin"),
    ] == label_changes(before, after)
    assert [] == label_changes(after, update(after, day=2))


def test_every_type_has_typed_columns_and_sets_a_child_table():
    rows = update([], *(field(f"{n:040x}", f"F {t}", t) for n, t in enumerate(LAYOUTS)))
    types = {name: column.type for name, column in columns_for(rows).items()}

    assert {"f_monetary": "double", "f_monetary_currency": "text"}.items() <= types.items()
    assert {"f_enum": "text", "f_enum_id": "bigint"}.items() <= types.items()
    assert {"f_set": "json", "f_set_ids": "json"}.items() <= types.items()
    assert {"f_date": "date", "f_daterange": "date", "f_daterange_until": "date"}.items() <= (
        types.items()
    )
    assert {"f_time": "text", "f_time_timezone_id": "bigint"}.items() <= types.items()
    assert {"f_address": "text", "f_address_postal_code": "text"}.items() <= types.items()
    assert {"f_people": "bigint", "f_lead": "text", "f_boolean": "bool"}.items() <= types.items()
    assert ["f_set_labels"] == list(lists_for(rows))
    assert {"id": "bigint", "label": "text"} == {
        name: column.type for name, column in lists_for(rows)["f_set_labels"].items()
    }


def test_a_column_is_described_by_the_label_as_it_is_now():
    rows = update(update([], field(A, "Deal size", "monetary")), field(A, "Volume", "monetary"))

    assert {
        "deal_size": "Custom field “Volume”.",
        "deal_size_currency": "Currency of the custom field “Volume”.",
    } == {name: column.description for name, column in columns_for(rows).items()}


codes = st.sampled_from([f"{number:06x}".ljust(40, "f") for number in range(6)])
labels = st.sampled_from(
    ["Score", "SCORE", "score id", "Score_until", "ID", "🔥", "", "Title", "x" * 200, "_dlt_id"]
) | st.text(max_size=6)
options = st.lists(st.tuples(st.integers(1, 4), st.text(max_size=3)), max_size=3)
kinds = st.sampled_from(["enum", "daterange"]) | st.sampled_from([*LAYOUTS, "unheard of"])
fields = st.builds(lambda c, n, k, o: field(c, n, k, *o), codes, labels, kinds, options)
endpoints = st.lists(fields, max_size=6, unique_by=lambda each: each.code)
built_ins = st.frozensets(st.sampled_from(["id", "title", "score", "score_id", "x__y", "SCORE"]))


@pytest.mark.slow
@given(st.lists(endpoints, min_size=1, max_size=4), built_ins)
def test_no_two_fields_ever_share_a_column_and_no_name_ever_changes(history, built_in):
    known = []
    for day, listing in enumerate(history):
        after = update(known, *listing, day=day, built_in=built_in)
        names = {row.hash_string: row.normalized_name for row in after}
        assert {row.hash_string: row.normalized_name for row in known}.items() <= names.items()
        owned = [column for row in after for column in row.columns]
        assert len(owned) == len(set(owned))
        taken = {part.lower() for name in built_in for part in (name, name.partition("__")[0])}
        assert taken.isdisjoint(owned)
        assert {each.code for each in listing} == {r.hash_string for r in after if not r.gone_at}
        known = after


@pytest.mark.slow
@given(endpoints, endpoints, st.randoms(use_true_random=False), built_ins)
def test_the_order_of_a_listing_makes_no_difference(first, second, rng, built_in):
    known = update([], *first, built_in=built_in)
    expected = update(known, *second, day=1, built_in=built_in)
    rng.shuffle(known)
    rng.shuffle(second)

    assert expected == update(known, *second, day=1, built_in=built_in)


@given(st.lists(fields, max_size=6), st.randoms(use_true_random=False))
def test_a_field_listed_twice_is_one_field_in_any_order(listing, rng):
    expected = update([], *listing)
    rng.shuffle(listing)

    assert expected == update([], *listing)


@pytest.mark.slow
@given(endpoints)
def test_an_update_repeated_changes_nothing(listing):
    known = update([], *listing)

    assert known == update(known, *listing, day=1)
    assert [] == label_changes(known, update(known, *listing, day=1))


@given(endpoints, st.booleans())
def test_a_stored_row_is_read_back_as_it_was(listing, as_text):
    import json

    for row in update(update([], *listing), day=1):
        record = mapping_record(row)
        if as_text:
            for name in ("options", "options_gone"):
                record[name] = json.dumps(record[name])
            record["gone_at"] = record["gone_at"].isoformat()
        assert row == parse_mapping_record(record)
