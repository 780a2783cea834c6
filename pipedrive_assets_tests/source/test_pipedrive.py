"""The plain dlt source: which of its resources are selected."""

import pytest

from pipedrive_assets.entities import DEFAULT_ENTITIES, ENTITIES
from pipedrive_assets.reading.field_memory import OWN_SHAPES
from pipedrive_assets.source import pipedrive_source


def source():
    return pipedrive_source(pipedrive_api_key="x" * 40, since_timestamp=None)


def names(entities):
    return {entity.name for entity in entities if entity.shape not in OWN_SHAPES}


def test_optional_tables_are_there_and_not_selected():
    assert names(ENTITIES) == set(source().resources)
    assert names(DEFAULT_ENTITIES) == set(source().selected_resources)


def test_a_table_that_the_setting_names_is_selected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIPEDRIVE_TABLES", "deals,+deals_followers")

    assert {"deals", "deals_followers"} == set(source().selected_resources)
