"""What Dagster is told of each table's columns."""

from dataclasses import replace

import pytest

from pipedrive_assets.entities import BY_NAME
from pipedrive_assets.orchestration.translator import column_schema


@pytest.mark.parametrize(
    ("table", "personal"),
    [
        ("persons", {"name", "emails", "phones", "birthday"}),
        ("users", {"name", "email", "phone"}),
        ("notes", {"content", "person__name"}),
        ("activities", {"note", "attendees"}),
        ("deals_participants", {"person"}),
        ("stages", set()),
    ],
)
def test_what_tells_of_a_natural_person_is_tagged(table, personal):
    schema = column_schema(BY_NAME[table])

    tagged = {column.name for column in schema.columns if "personal" in (column.tags or {})}
    assert personal <= tagged
    assert bool(personal) == bool(tagged)
    assert not {"id", "update_time", "_row_hash"} & tagged


def test_an_excluded_column_is_not_shown():
    entity = replace(BY_NAME["persons"], excluded=frozenset({"phones", "name"}))

    shown = {column.name for column in column_schema(entity).columns}

    assert set() == {"phones", "name"} & shown
    assert {"emails", "first_name"} <= shown
