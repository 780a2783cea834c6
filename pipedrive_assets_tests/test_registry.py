"""Every row of the registry keeps the rules, and agrees with the official documents."""

from pathlib import Path

import pytest

from pipedrive_assets.entities import BY_NAME, ENTITIES, Kind
from pipedrive_assets.rows.columns import columns_of

DOCUMENTS = Path(__file__).parents[2] / "shared" / "pipedrive"
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
def test_a_child_has_a_path_per_parent_and_is_keyed_by_it(entity):
    is_child = entity.kind is Kind.CHILD

    assert is_child == ("{id}" in entity.path or entity.bulk is not None)
    assert is_child == (entity.key[0] == "deal_id")
    assert entity.gated or not entity.optional
    assert not is_child or entity.parent in BY_NAME


@each_entity
def test_key_and_cursor_are_columns(entity):
    columns = columns_of(entity.name).columns

    assert [] == [name for name in entity.key if name not in columns]
    assert entity.cursor is None or "timestamp" == columns[entity.cursor].type


@each_entity
def test_a_counter_is_a_column_of_the_parent(entity):
    if entity.counter:
        assert "bigint" == columns_of(entity.parent).columns[entity.counter].type


@each_entity
def test_no_endpoint_is_out_of_support(entity):
    assert [] == [listing.path for listing in entity.listings if listing.path in OUT_OF_SUPPORT]


@each_entity
def test_the_text_for_people_is_a_sentence(entity):
    assert entity.doc[0].isupper()
    assert entity.doc.endswith(".")


@pytest.fixture(scope="module")
def operations():
    if not DOCUMENTS.is_dir():
        pytest.skip(f"the official documents are not at {DOCUMENTS}")
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = {}
    for version, prefix in (("v1", "v1"), ("v2", "api/v2")):
        document = yaml.load((DOCUMENTS / f"openapi-{version}.yaml").read_text("utf-8"), loader)  # noqa: S506 - a safe loader
        for path, methods in document["paths"].items():
            if "get" in methods:
                found[f"{prefix}{path}"] = methods["get"]
    return found


@each_entity
def test_costs_are_the_official_ones(entity, operations):
    assert [listing.cost for listing in entity.listings] == [
        operations[listing.path]["x-token-cost"] for listing in entity.listings
    ]


@each_entity
def test_the_page_in_the_reference_is_that_of_the_list(entity, operations):
    official = operations[entity.listings[0].path]

    assert f"{official['tags'][0]}#{official['operationId']}" == columns_of(entity.name).page


@each_entity
def test_only_official_parameters_are_sent(entity, operations):
    sent = {name for name, _ in entity.params} | ({entity.bulk} if entity.bulk else set())
    sent |= {"cursor": {"cursor", "limit"}, "offset": {"start", "limit"}, "none": set()}[
        entity.paging
    ]
    sent |= {name for variant in entity.variants for name, _ in variant}
    if entity.kind is Kind.WINDOWED:
        sent |= {"sort"} if entity.paging == "offset" else {"sort_by", "sort_direction"}
        sent |= {"updated_until"} if entity.until else set()

    for listing in entity.listings:
        if entity.kind is Kind.WINDOWED and listing.since:
            sent |= {"updated_since"}
        if not listing.since:
            sent -= {"updated_since"}
        official = {
            parameter["name"] for parameter in operations[listing.path].get("parameters", [])
        }
        assert sent <= official


@each_entity
def test_every_extra_that_may_be_asked_for_is_asked_for(entity, operations):
    asked = {
        name for key, value in entity.params if key == "include_fields" for name in value.split(",")
    }
    for listing in entity.listings:
        for parameter in operations[listing.path].get("parameters", []):
            if parameter["name"] == "include_fields" and entity.shape == "plain":
                assert set(parameter["schema"]["enum"]) == asked
