"""What Dagster is told of each table's columns."""

from dataclasses import replace

import pytest

from pipedrive_assets.orchestration.table_schema import column_schema, list_schemas
from pipedrive_assets.orchestration.translator import specs
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.rows.columns import columns_of


@pytest.mark.parametrize(
    ("table", "personal"),
    [
        ("persons", {"name", "emails", "phones", "birthday"}),
        ("users", {"name", "email", "phone"}),
        ("notes", {"content", "person__name", "deal__title"}),
        ("activities", {"note", "subject", "attendees"}),
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


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_every_column_of_a_table_and_of_its_lists_is_described(entity):
    schemas = {entity.name: column_schema(entity), **list_schemas(entity)}

    assert [] == [
        f"{table}.{column.name}"
        for table, schema in schemas.items()
        for column in schema.columns
        if not (column.description or "").strip()
    ]
    ours = {"_row_hash", "_deleted_at", "_deleted_reason", "_dlt_id", "_dlt_load_id"}
    assert ours <= {column.name for column in schemas[entity.name].columns}


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_a_description_says_what_pipedrive_means_and_leads_to_its_page(entity):
    (spec,) = specs([entity])

    said, url = spec.description, columns_of(entity.name).url
    assert said.startswith(entity.description)
    assert f"]({url})" in said
    assert url == spec.metadata["api_reference"].value
    assert url.startswith("https://developers.pipedrive.com/docs/api/v1/")


def test_a_table_depends_on_the_one_whose_rows_it_is_read_for_and_on_no_other():
    assert {entity.name: [entity.parent] if entity.parent else [] for entity in ENTITIES} == {
        spec.key.to_user_string(): [dep.asset_key.to_user_string() for dep in spec.deps]
        for spec in specs(ENTITIES)
    }
