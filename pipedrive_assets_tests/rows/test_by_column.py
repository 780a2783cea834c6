"""Values that are checked by column come out as if each was checked alone."""

from random import Random
from typing import Any

import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.by_column import are_final
from pipedrive_assets.rows.coercion import COERCION_FAILED, FITS
from pipedrive_assets.rows.normalize import normalize_row, normalize_rows

ODD: list[Any] = [
    *(None, "", "x", "12", 0, 1, -3, 2**63, 2**63 - 1, 1.0, 1.5, float("inf"), float("nan")),
    *(True, False, [], [1, None], {}, {"id": 5, "label": "y"}, {"value": 7}, [{"value": "z"}]),
    *("2026-02-28", "2026-02-29", "2024-02-29", "2026-04-31", "2026-12-31T23:59:59Z"),
    *("2026-02-30T00:00:00Z", "2026-01-31 10:00:00", "0000-00-00", "2026-03-10T12:00:00+02:00"),
]
COLUMNS = {
    "deals": ("id", "title", "value", "add_time", "is_deleted", "expected_close_date", "owner_id"),
    "persons": ("id", "name", "emails", "postal_address", "label_ids", "update_time", "a_url"),
    "activities": ("id", "participants", "location", "done", "due_date", "unknown", "new_url"),
}


@pytest.mark.parametrize("table", COLUMNS)
def test_rows_normalized_together_equal_rows_normalized_alone(table: str) -> None:
    random, entity = Random(table), BY_NAME[table]
    rows = [
        {name: random.choice(ODD) for name in COLUMNS[table] if random.random() < 0.9}
        for _ in range(400)
    ]
    alone = [normalize_row(entity, row) for row in rows]
    together, coercion_failures = normalize_rows(entity, [(None, row) for row in rows])
    assert list(map(repr, (row for row, _ in alone))) == list(map(repr, together))
    assert sum(failures for _, failures in alone) == coercion_failures


@pytest.mark.parametrize("kind", FITS)
def test_a_final_column_has_only_values_that_coercion_returns_unchanged(kind: str) -> None:
    fit = FITS[kind]
    for value in ODD:
        fitted = value if value is None else fit(value)
        unchanged = fitted is not COERCION_FAILED and repr(fitted) == repr(value)
        assert unchanged or not are_final(fit, [None, value])


@pytest.mark.parametrize("kind", sorted({*FITS} - {"json"}))
def test_one_value_of_another_kind_keeps_a_column_from_being_final(kind: str) -> None:
    usual = {"text": "a", "bigint": 1, "double": 1.5, "bool": True, "date": "2026-03-31"}
    some = usual.get(kind, "2026-03-31T10:00:00Z")
    assert are_final(FITS[kind], [some, None, some])
    assert not are_final(FITS[kind], [some, {"id": 1}, some])
