"""The conditions of PIPEDRIVE_ROW_FILTER: their form, and the rows that fulfil them."""

from dataclasses import replace

import pytest

from pipedrive_assets.config.row_filter import row_filters
from pipedrive_assets.config.values import Unusable
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.row_filter import is_wanted

ROW = {
    "id": 7,
    "pipeline_id": 1,
    "value": 5.5,
    "status": "lost",
    "is_archived": False,
    "expected_close_date": "2026-03-10",
    "update_time": "2026-03-10T12:00:00Z",
    "person_id": None,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deals.pipeline_id = 1", True),
        ("deals.pipeline_id=1", True),
        ("deals.pipeline_id IN (2, 1)", True),
        ("deals.pipeline_id in (2)", False),
        ("deals.pipeline_id not in (2, 3)", True),
        ("deals.pipeline_id != 1", False),
        ("deals.value > 5", True),
        ("deals.value < -5.5", False),
        ("deals.status = 'lost'", True),
        ("deals.status in ('open', 'it''s; or (not)')", False),
        ("deals.is_archived = false", True),
        ("deals.person_id is null", True),
        ("deals.person_id is not null", False),
        ("deals.person_id = 1", False),
        ("deals.person_id != 1", False),
        ("deals.person_id not in (1)", False),
        ("deals.expected_close_date < '2026-03-11'", True),
        ("deals.update_time > '2026-03-10T13:30:00+02:00'", True),
        ("deals.pipeline_id = 1; deals.status = 'open'", False),
        ("deals.pipeline_id = 1; deals.status = 'lost';", True),
    ],
)
def test_rows_fulfil_conditions_as_in_sql(text, expected):
    entity = replace(BY_NAME["deals"], row_filter=row_filters(text)["deals"])

    assert expected == is_wanted(entity, ROW)
    again = ";".join(f"deals.{each}" for each in entity.row_filter)
    assert entity.row_filter == row_filters(again)["deals"]


@pytest.mark.parametrize(
    "text",
    [
        "pipeline_id = 1", "deals.pipeline_id", "deals.pipeline_id = ", "deals.pipeline_id == 1",
        "deals.pipeline_id in 1", "deals.pipeline_id in ()", "deals.pipeline_id in (1 2)",
        "deals.pipeline_id in (1,)", "deals.pipeline_id in (1, 2", "deals.pipeline_id = 1 or 2 = 2",
        "deals.status = lost", "deals.status = 'lost", "deals.value = 1.2.3", "deals.value is",
        "deals.value is null 1", "'deals.value' = 1", "deals.value = 1x", "stages.id = 1",
        "deals_flow.id = 1", "people.id = 1", "deals.value = 1, persons.id = 1", "=", "(", "'",
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_the_condition(text):
    with pytest.raises(Unusable) as refused:
        row_filters(text)

    assert text.split(";")[0].strip() in str(refused.value).replace("\\", "") or "'" in text
    assert "Use" in str(refused.value) or "can be for" in str(refused.value)


def test_no_condition_is_no_filter():
    assert {} == row_filters(" ; ")
