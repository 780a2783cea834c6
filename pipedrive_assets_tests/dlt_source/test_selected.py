"""The plain dlt source: which resources it has, and which of them are selected."""

import pytest

from pipedrive_assets.dlt_source import pipedrive_source
from pipedrive_assets.registry import DEFAULT_ENTITIES, ENTITIES


def source():
    return pipedrive_source(pipedrive_api_key="x" * 40, since_timestamp=None)


def test_every_table_is_a_resource_and_optional_ones_are_not_selected():
    assert {"create_state", *(entity.name for entity in ENTITIES)} == set(source().resources)
    assert {entity.name for entity in DEFAULT_ENTITIES} == set(source().selected_resources)


def test_a_table_that_the_setting_names_is_selected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIPEDRIVE_TABLES", "deals,+deals_followers")

    assert {"deals", "deals_followers"} == set(source().selected_resources)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_each_resource_merges_on_the_key_of_the_registry(made, entity):
    resource = made.resources[entity.name]

    schema = resource.compute_table_schema()

    keys = [name for name, column in schema["columns"].items() if column.get("primary_key")]
    assert "merge" == schema["write_disposition"]
    assert sorted(entity.key) == sorted(keys)


@pytest.mark.parametrize("entity", [each for each in ENTITIES if each.parent])
def test_each_child_is_a_transformer_of_its_parent(made, entity):
    assert entity.parent == made.resources[entity.name]._pipe.parent.name


@pytest.mark.slow
def test_earlier_intervals_of_goals_are_read_by_the_first_run_only(plain):
    goals = len(plain.office.world.ids("goals"))
    counts = []
    for _ in range(2):
        before = len(plain.office.sandbox.calls("/results"))
        plain.run("goals_results")
        counts.append(len(plain.office.sandbox.calls("/results")) - before)

    assert [13 * goals, 2 * goals] == counts
    assert [] == plain.differences("goals_results")
