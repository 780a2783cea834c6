"""What the document of dlt's verified source shows, a test for each of its code blocks.

docs/seeds.md tells which test answers which line.
"""

import inspect
from pathlib import Path

import dlt
import pendulum
import pytest

import pipedrive_assets.dlt_source.verified_source_names as settings_module
from pipedrive_assets.dlt_source import ENTITY_MAPPINGS, RECENTS_ENTITIES, pipedrive_source
from pipedrive_assets.registry import BY_NAME, ENTITIES, Kind
from pipedrive_assets_tests.dlt_source.conftest import KEY
from pipedrive_assets_tests.truth import account_rows

DOCUMENTED = ("activity", "organization", "person", "product", "deal", "pipeline", "stage", "user")


@pytest.fixture
def pipeline(plain, monkeypatch):
    """The document's pipeline; its source takes the key from dlt's configuration."""
    monkeypatch.setenv("SOURCES__PIPEDRIVE__CREDENTIALS__PIPEDRIVE_API_KEY", KEY)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(plain.office.warehouse.path))
    return dlt.pipeline(
        pipeline_name="pipedrive",
        destination="duckdb",
        dataset_name="pipedrive_data",
        pipelines_dir=str(plain.folder / "pipelines"),
    )


def test_the_signature_is_the_documented_one_and_five_more():
    parameters = inspect.signature(pipedrive_source).parameters

    ours = ["keep_partial", "client_id", "client_secret", "refresh_token"]
    assert ["pipedrive_api_key", "since_timestamp", "incremental", *ours] == list(parameters)
    assert dlt.config.value is parameters["since_timestamp"].default
    assert dlt.secrets.value is parameters["pipedrive_api_key"].default


def test_the_source_is_printed_with_its_resources_and_no_call_is_made(plain, pipeline, capsys):
    pipedrive_data = pipedrive_source()

    print(pipedrive_data)  # noqa: T201 - as the document does
    print(pipedrive_data.resources.keys())  # noqa: T201 - as the document does
    print(pipedrive_data.resources["persons"])  # noqa: T201 - as the document does

    said = capsys.readouterr().out
    assert "DltSource `pipedrive`" in said
    assert "transformer `deals_participants` is selected and takes data from `deals`" in said
    assert "resource `create_state` is not selected" in said
    assert "DltResource `persons`" in said
    assert [] == plain.office.sandbox.log


@pytest.mark.slow
def test_all_the_data_is_loaded(plain, pipeline, monkeypatch):
    """Every row of every table, the optional ones too."""
    monkeypatch.setenv("PIPEDRIVE_TABLES", ",".join(f"+{entity.name}" for entity in ENTITIES))

    load_data = pipedrive_source()
    load_info = pipeline.run(load_data)

    assert "1 load package(s) were loaded" in str(load_info)
    assert {entity.name for entity in ENTITIES} == set(load_data.selected_resources)
    assert [] == plain.office.differences()
    assert {"deal", "person", "organization", "product", "activity", "project"} >= {
        endpoint
        for (endpoint,) in plain.office.query("SELECT DISTINCT endpoint FROM custom_fields_mapping")
    }


@pytest.mark.slow
def test_selected_resources_are_loaded_and_no_others(plain, pipeline):
    load_data = pipedrive_source().with_resources(
        "products", "deals", "deals_participants", "custom_fields_mapping"
    )
    load_info = pipeline.run(load_data)

    loaded = {name.partition("__")[0] for name in pipeline.default_schema.data_table_names()}
    assert {"products", "deals", "deals_participants", "custom_fields_mapping"} == loaded
    assert [] == plain.office.differences("products", "deals", "deals_participants")
    assert not load_info.has_failed_jobs


@pytest.mark.slow
def test_data_is_loaded_from_a_start_date(plain, pipeline):
    activities_source = pipedrive_source(since_timestamp="2026-03-01 00:00:00Z").with_resources(
        "activities", "custom_fields_mapping"
    )
    pipeline.run(activities_source)

    wanted = {
        row["id"]
        for row in account_rows(plain.office.sandbox, BY_NAME["activities"])
        if (row["update_time"] or "") >= "2026-03-01"
    }
    held = {key for (key,) in plain.office.query("SELECT id FROM activities")}
    assert wanted
    assert wanted == held


def test_a_selection_may_be_undone():
    source = pipedrive_source(KEY)
    source.deals_flow.selected = False
    source.resources["create_state"].selected = True

    assert "deals_flow" not in source.selected_resources
    assert "create_state" in source.selected_resources


def test_the_mapping_lists_every_field_with_its_name(plain, pipeline):
    pipeline.run(pipedrive_source().with_resources("custom_fields_mapping"))

    state = pipeline.state["sources"]["pipedrive"]["custom_fields_mapping"]
    loaded = plain.office.query("SELECT hash_string, normalized_name FROM custom_fields_mapping")
    kept = [(row["hash_string"], row["normalized_name"]) for rows in state.values() for row in rows]
    assert sorted(kept) == sorted(loaded)
    assert (plain.office.world.code("deals", "Campaign"), "campaign") in loaded
    assert "create_state" not in pipeline.default_schema.data_table_names()


@pytest.mark.slow
def test_create_state_is_there_for_who_wants_only_the_names(plain, pipeline):
    source = pipedrive_source().with_resources("create_state")

    rows = list(source)

    assert plain.office.world.code("deals", "Campaign") in {row["hash_string"] for row in rows}


@pytest.mark.parametrize("name", sorted(RECENTS_ENTITIES.values()))
def test_each_entity_is_a_resource_that_merges_on_its_id(made, name):
    resource = made.resources[name]
    columns = resource.compute_table_schema()["columns"]

    keys = [column for column, hint in columns.items() if hint.get("primary_key")]
    assert "merge" == resource.write_disposition
    assert sorted(BY_NAME[name].key) == sorted(keys)


@pytest.mark.parametrize("name", ["deals_participants", "deals_flow"])
def test_children_are_transformers_of_deals_that_merge(made, name):
    resource = made.resources[name]

    assert resource.is_transformer
    assert "deals" == resource._pipe.parent.name
    assert "merge" == resource.write_disposition


def test_the_mapping_is_a_transformer_of_create_state():
    resource = pipedrive_source(KEY).resources["custom_fields_mapping"]

    assert "create_state" == resource._pipe.parent.name


@pytest.mark.slow
def test_leads_are_read_from_their_last_change_on(plain, pipeline):
    pipeline.run(pipedrive_source().with_resources("leads", "custom_fields_mapping"))
    changed, *others = plain.office.world.ids("leads")
    plain.office.advance(hours=6)
    plain.office.world.edit("leads", changed, title="Changed meanwhile")
    added = plain.office.world.add("leads", title="Came meanwhile")
    pipeline.run(pipedrive_source().with_resources("leads", "custom_fields_mapping"))

    ((package,),) = plain.office.query(
        f"SELECT _dlt_load_id FROM leads WHERE id = '{changed}' AND title = 'Changed meanwhile'"
    )
    arrived = plain.office.query(f"SELECT id FROM leads WHERE _dlt_load_id = '{package}'")
    assert {changed, added} <= {key for (key,) in arrived}
    assert len(arrived) < len([changed, added, *others])
    assert [] == plain.differences("leads")

    asked = [
        dict(line.params).get("updated_since")
        for line in plain.office.sandbox.log
        if line.path == "/v1/leads"
    ]
    assert asked[0] is None
    assert "2026-03-" in asked[-1]


def test_recents_entities_map_the_singular_to_the_resource():
    plurals = {name: f"{name}s" for name in DOCUMENTED} | {"activity": "activities"}
    assert plurals == {name: RECENTS_ENTITIES[name] for name in DOCUMENTED}
    listed = {each.name for each in ENTITIES if each.kind is not Kind.CHILD and each.path}
    assert set(RECENTS_ENTITIES.values()) <= listed


def test_entity_mappings_hold_name_fields_and_extra():
    mappings = {name: (fields, extra) for name, fields, extra in ENTITY_MAPPINGS}

    assert set(DOCUMENTED) <= set(mappings)
    assert ("activityFields", "dealFields") == (mappings["activity"][0], mappings["deal"][0])
    assert (None, None) == mappings["pipeline"]
    assert "open,won,lost,deleted" == mappings["deal"][1]["status"]
    assert settings_module.ENTITY_MAPPINGS is ENTITY_MAPPINGS


@pytest.mark.parametrize(
    ("start", "sent"),
    [("0001-01-01", "0001-01-01T00:00:00Z"), ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z")],
)
def test_the_first_and_the_last_moment_are_starts_too(plain, pipeline, start, sent):
    rows = list(pipedrive_source(since_timestamp=start).with_resources("activities"))

    asked = [dict(each.params) for each in plain.office.sandbox.log if "activities" in each.path]
    assert {sent} == {params["updated_since"] for params in asked}
    changed = [
        row["id"]
        for row in account_rows(plain.office.sandbox, BY_NAME["activities"])
        if (row["update_time"] or "") >= start
    ]
    assert sorted(changed) == sorted(row["id"] for row in rows)


@pytest.mark.slow
def test_a_pendulum_moment_is_a_start(plain, pipeline):
    start = pendulum.datetime(2026, 3, 1)

    pipeline.run(pipedrive_source(since_timestamp=start).with_resources("activities"))

    asked = [dict(each.params) for each in plain.office.sandbox.log if "activities" in each.path]
    assert {"2026-03-01T00:00:00Z"} == {params["updated_since"] for params in asked}


@pytest.mark.slow
def test_a_run_with_nothing_new_leaves_the_tables_as_they_are(plain, pipeline):
    pipeline.run(pipedrive_source().with_resources("notes"))
    before = plain.office.query("SELECT id, update_time FROM notes ORDER BY 1")

    pipeline.run(pipedrive_source().with_resources("notes"))

    assert before == plain.office.query("SELECT id, update_time FROM notes ORDER BY 1")
    assert [] == plain.office.differences("notes")


def test_the_requirements_name_what_the_example_needs():
    root = Path(__file__).parents[2]
    example = (root / "examples" / "requirements.txt").read_text("utf-8").splitlines()
    copied = (root / "sources" / "pipedrive" / "requirements.txt").read_text("utf-8").splitlines()

    assert ["..[dlt]"] == [line for line in example if line[0] != "#"]
    assert ["dlt>=1.31,<1.32", "pipedrive-assets[dlt]>=0.1.0"] == copied


def test_the_example_and_what_dlt_init_copies_are_one_file():
    root = Path(__file__).parents[2]

    assert (root / "examples" / "pipedrive_pipeline.py").samefile(
        root / "sources" / "pipedrive_pipeline.py"
    )
