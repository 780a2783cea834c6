"""Columns that are kept out of rows, whatever they are."""

from dataclasses import replace

import pytest

from pipedrive_assets.config.selection import OWN_TABLES, excluded_columns
from pipedrive_assets.config.values import Unusable
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.rows.columns import EVERY_TABLE, columns_of
from pipedrive_assets.rows.exclusion import check_excluded
from pipedrive_assets.rows.normalize import normalize_row
from pipedrive_assets_tests.facts import raises


def without(table, *columns):
    return replace(BY_NAME[table], excluded=frozenset(columns))


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_every_column_but_those_needed_can_be_kept_out(entity):
    held = columns_of(entity.name)
    for column in {*held.columns, *held.lists} - set(EVERY_TABLE):
        try:
            found = excluded_columns(f"{entity.name}.{column}")
        except Unusable:
            assert entity.name in OWN_TABLES or column in {
                *entity.key,
                entity.cursor,
                *(child.count_column for child in ENTITIES),
            }
            continue
        check_excluded(replace(entity, excluded=found[entity.name]))


def test_a_change_of_an_excluded_column_is_no_news():
    entity = without("persons", "phones")
    row = {"id": 1, "name": "Ada", "phones": [{"value": "1"}]}

    one, other = (
        normalize_row(entity, {**row, "phones": each})[0] for each in ([{"value": "2"}], None)
    )

    assert one["_row_hash"] == other["_row_hash"]
    assert "phones" not in one


def test_text_that_did_not_fit_an_excluded_column_is_kept_out_too():
    out, _ = normalize_row(without("deals", "value"), {"id": 1, "value": "not a number"})

    assert not [name for name in out if name.startswith("value")]


def test_a_leaf_of_an_object_is_kept_out_and_its_neighbours_stay():
    entity = without("persons", "postal_address__country")
    row = {"id": 1, "postal_address": {"country": "FI", "locality": "Turku"}}

    assert {"locality": "Turku"} == normalize_row(entity, row)[0]["postal_address"]


def test_a_deleted_row_is_marked_whatever_is_kept_out():
    entity = without("deals", "is_deleted", "status", "add_time")
    row = {"id": 1, "is_deleted": True, "status": "deleted", "update_time": "2026-01-01T00:00:00Z"}

    out, _ = normalize_row(entity, row)

    assert ("deleted", False) == (out["_deleted_reason"], "status" in out)


@pytest.mark.parametrize(
    "text",
    [
        "persons",
        "people.name",
        "persons.id",
        "deals.update_time",
        "deals.participants_count",
        "custom_fields_mapping.name",
        "deals._row_hash",
    ],
)
def test_what_cannot_be_kept_out_is_refused_with_a_sentence(text):
    with raises(Unusable, *text.split(".")):
        excluded_columns(text)
