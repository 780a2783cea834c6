"""Every row of the registry keeps the rules, and agrees with the official documents."""

import json
from pathlib import Path

import pytest

from pipedrive_assets.api.wire import CONNECTIONS
from pipedrive_assets.extract.child_scans import CHILD_THREADS
from pipedrive_assets.registry import BY_NAME, ENTITIES, Kind
from pipedrive_assets.registry.optional import OPTIONAL_ENTITIES
from pipedrive_assets.rows.columns import columns_of

FACTS = Path(__file__).parents[1] / "tools" / "openapi.json"
PARENT_KEYS = {
    "deals": "deal_id",
    "persons": "person_id",
    "organizations": "org_id",
    "products": "product_id",
    "notes": "note_id",
    "projects": "project_id",
    "mail_threads": "mail_thread_id",
    "filters": "filter_id",
}
OUT_OF_SUPPORT = {
    f"v1/{name}"
    for name in (
        "activities",
        "deals",
        "persons",
        "organizations",
        "products",
        "pipelines",
        "stages",
    )
}
each_entity = pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)


def test_names_are_unique():
    assert len(ENTITIES) == len(BY_NAME)


@each_entity
def test_a_child_has_a_call_per_parent_and_is_keyed_by_it(entity):
    is_child = entity.kind is Kind.CHILD
    named = entity.bulk or entity.parent_param

    assert (is_child or entity.list_per is not None) == ("{id}" in entity.path or named is not None)
    assert not (entity.parent and entity.list_per)
    assert entity.feature_gated or not entity.optional
    assert not is_child or PARENT_KEYS[entity.parent] == entity.key[0]


@each_entity
def test_whose_rows_a_list_is_asked_for_are_known_by_numbers_or_are_few(entity):
    if entity.parent:
        columns = columns_of(entity.parent).columns
        assert "bigint" == columns["id"].type
        assert "timestamp" == columns[BY_NAME[entity.parent].change_column].type
    if entity.list_per:
        assert Kind.SNAPSHOT is BY_NAME[entity.list_per].kind
        assert "id" in BY_NAME[entity.list_per].key


@each_entity
def test_what_is_optional_stands_with_the_optional_ones(entity):
    assert entity.optional or entity not in OPTIONAL_ENTITIES


def test_there_are_fifty_tables():
    assert 50 <= len(ENTITIES)


@each_entity
def test_a_secret_is_no_column(entity):
    assert set() == {*entity.secret} & {*columns_of(entity.name).columns}


@each_entity
def test_key_and_cursor_are_columns(entity):
    columns = columns_of(entity.name).columns

    assert [] == [name for name in entity.key if name not in columns]
    assert entity.cursor is None or "timestamp" == columns[entity.cursor].type


@each_entity
def test_a_counter_is_a_column_of_the_parent(entity):
    if entity.count_column:
        assert "bigint" == columns_of(entity.parent).columns[entity.count_column].type


@each_entity
def test_no_endpoint_is_out_of_support(entity):
    assert [] == [endpoint.path for endpoint in entity.endpoints if endpoint.path in OUT_OF_SUPPORT]


@each_entity
def test_the_text_for_people_is_a_sentence(entity):
    assert entity.description[0].isupper()
    assert entity.description.endswith(".")


@pytest.fixture(scope="module")
def operations():
    facts = json.loads(FACTS.read_text("utf-8"))
    return {("api/" if path.startswith("v2") else "") + path: each for path, each in facts.items()}


@each_entity
def test_costs_are_the_official_ones(entity, operations):
    assert [endpoint.tokens_per_page for endpoint in entity.endpoints] == [
        operations[endpoint.path]["cost"] for endpoint in entity.endpoints
    ]


@each_entity
def test_the_page_in_the_reference_is_that_of_the_list(entity, operations):
    assert operations[entity.endpoints[0].path]["page"] == columns_of(entity.name).page


@each_entity
def test_only_official_parameters_are_sent(entity, operations):
    sent = {name for name, _ in entity.params} | ({entity.bulk, entity.parent_param} - {None})
    sent |= {
        "cursor": {"cursor", "limit"},
        "offset": {"start", "limit"},
        "none": set(),
        "record": set(),
    }[entity.paging]
    sent |= {name for variant in entity.variants for name, _ in variant}
    if entity.kind is Kind.WINDOWED:
        sent |= {"sort"} if entity.paging == "offset" else {"sort_by", "sort_direction"}
        sent |= {"updated_until"} if entity.supports_updated_until else set()

    for endpoint in entity.endpoints:
        if entity.kind is Kind.WINDOWED and endpoint.supports_updated_since:
            sent |= {"updated_since"}
        if not endpoint.supports_updated_since:
            sent -= {"updated_since"}
        official = {*operations[endpoint.path]["parameters"]}
        assert sent <= official


@each_entity
def test_every_extra_that_may_be_asked_for_is_asked_for(entity, operations):
    asked = {
        name for key, value in entity.params if key == "include_fields" for name in value.split(",")
    }
    for endpoint in entity.endpoints:
        official = operations[endpoint.path]["parameters"].get("include_fields")
        if official and entity.shape == "plain":
            assert {*official["enum"]} == asked


def test_every_call_of_all_tables_at_once_has_a_connection_to_keep():
    calls = [CHILD_THREADS if entity.kind is Kind.CHILD else 1 for entity in ENTITIES]

    assert sum(calls) <= CONNECTIONS


@each_entity
def test_the_scopes_are_those_of_the_official_documents_without_scopes_that_allow_changes(entity):
    facts = json.loads(FACTS.read_text("utf-8"))
    for endpoint in entity.endpoints:
        official = facts[endpoint.path.removeprefix("api/")]["scopes"]

        assert tuple(s for s in official if not s.endswith(":full")) == endpoint.scopes != ()


def test_a_scope_that_allows_changes_includes_reading():
    deals = BY_NAME["deals"].endpoints[0]

    assert deals.is_open_to({"deals:read"})
    assert deals.is_open_to({"base", "deals:full"})
    assert not deals.is_open_to({"base", "contacts:full"})
