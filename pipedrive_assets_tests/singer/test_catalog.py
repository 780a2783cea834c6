"""Discovery shows every table of the registry as a stream; what is selected of it is sent."""

import io
import json
import re

import pytest
from jsonschema import Draft7Validator

from pipedrive_assets import singer
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import ENTITIES
from pipedrive_assets.singer import Catalog, PipedriveTap
from pipedrive_assets.singer.schema import UNMAPPED
from pipedrive_assets.singer.stream import ALL, DELETED_AT
from pipedrive_assets_tests.facts import mentions

FIFTEEN = {
    "currency": ("CurrenciesStream", ["id"], None),
    "activity_types": ("ActivityTypesStream", ["id"], None),
    "stages": ("StagesStream", ["id"], None),
    "filters": ("FiltersStream", ["id"], None),
    "pipelines": ("PipelinesStream", ["id"], None),
    "notes": ("RecentNotesStream", ["id"], "update_time"),
    "users": ("RecentUsersStream", ["id"], None),
    "activities": ("RecentActivitiesStream", ["id"], "update_time"),
    "deals": ("RecentDealsStream", ["id"], "update_time"),
    "files": ("RecentFilesStream", ["id"], "update_time"),
    "organizations": ("RecentOrganizationsStream", ["id"], "update_time"),
    "persons": ("RecentPersonsStream", ["id"], "update_time"),
    "products": ("RecentProductsStream", ["id"], "update_time"),
    "dealflow": ("DealStageChangeStream", ["id"], "log_time"),
    "deal_products": ("DealsProductsStream", ["deal_id", "id"], "deal_update_time"),
}


def properties(entry):
    return entry.schema["properties"]


def test_the_fifteen_stand_under_their_names_with_their_keys():
    assert FIFTEEN == {
        stream.tap_stream_id: (type(stream).__name__, stream.key_properties, stream.replication_key)
        for stream in PipedriveTap.streams
    }
    assert all(getattr(singer, name) for name, _, _ in FIFTEEN.values())


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_every_table_is_a_stream(entity):
    assert entity.name in {stream.table for stream in ALL}
    assert len(ALL) == len({stream.tap_stream_id for stream in ALL})


def test_an_entry_tells_all_that_singer_asks_for(bench):
    catalog = bench.catalog()
    assert [stream.tap_stream_id for stream in ALL] == [each.stream for each in catalog.streams]
    for stream, entry in zip(ALL, catalog.streams, strict=True):
        told = entry.of()
        automatic = {name for name in properties(entry) if _inclusion(entry, name) == "automatic"}
        Draft7Validator.check_schema(entry.schema)
        always = {*stream.key_properties, stream.replication_key, DELETED_AT}
        assert always.intersection(properties(entry)) == automatic
        assert stream.key_properties == told["table-key-properties"]
        assert stream.replication_method == told["forced-replication-method"]
        assert list(filter(None, [stream.replication_key])) == told.get(
            "valid-replication-keys", []
        )
        assert ("INCREMENTAL" if stream.replication_key else "FULL_TABLE") == (
            entry.replication_method
        )
        assert stream.entity.parent == told.get("parent-tap-stream-id")
        assert len(entry.metadata) == 1 + len(properties(entry))


def _inclusion(entry, name):
    return entry.of("properties", name)["inclusion"]


def test_keys_are_never_null_and_everything_else_may_be(bench):
    for entry in bench.catalog().streams:
        for name, schema in properties(entry).items():
            assert (name in entry.key_properties) == ("null" not in schema["type"]), name


def test_custom_fields_stand_under_their_labels_with_their_types(bench):
    bench.office.world.add_field("deals", "Signed on", "date")
    bench.office.world.add_field("deals", "Shoe size", "double")
    bench.office.world.add_field("deals", "Mood", "enum")
    found = properties(bench.catalog().get_stream("deals"))
    assert ["string", "null"] == found["signed_on"]["type"]
    assert "date" == found["signed_on"]["format"]
    assert ["number", "null"] == found["shoe_size"]["type"]
    assert (["string", "null"], ["integer", "null"]) == (
        found["mood"]["type"],
        found["mood_id"]["type"],
    )


def test_a_catalog_survives_its_file(bench):
    catalog, text = bench.catalog(), io.StringIO()
    catalog.dump(text)
    again = Catalog.from_dict(json.loads(text.getvalue()))
    assert catalog.to_dict() == again.to_dict()
    assert again.get_stream("nothing") is None


def test_a_fresh_discovery_selects_the_fifteen(bench):
    tap = bench.tap()
    assert list(FIFTEEN) == tap.get_selected_streams(tap.do_discover())


def test_only_what_is_selected_is_sent(bench):
    catalog = bench.catalog("persons", "stages")
    entry = catalog.get_stream("persons")
    for told in entry.metadata[1:]:
        told["metadata"]["selected"] = told["breadcrumb"][-1] == "name"
    bench.sync(catalog)
    assert {"persons", "stages"} == set(bench.target.rows) == set(bench.target.schemas)
    wanted = {"id", "name", "update_time", DELETED_AT}
    assert wanted == set(bench.target.schemas["persons"]["schema"]["properties"])
    assert [wanted] == [*map(set, {tuple(sorted(row)) for row in _rows(bench, "persons")})]


def _rows(bench, stream):
    return bench.target.rows[stream].values()


@pytest.mark.parametrize("said", ["metadata", "schema"])
def test_a_stream_is_selected_in_either_of_singer_s_forms(bench, said):
    catalog = bench.catalog("nothing").to_dict()
    entry = next(each for each in catalog["streams"] if each["tap_stream_id"] == "roles")
    if said == "metadata":
        entry["metadata"][0]["metadata"]["selected"] = True
    else:
        entry["metadata"] = []
        entry["schema"]["selected"] = True
    tap = bench.tap()
    assert ["roles"] == tap.get_selected_streams(catalog)
    assert ["roles"] == tap.get_selected_streams(Catalog.from_dict(catalog))


def test_a_catalog_without_properties_means_all_of_them(bench):
    told = {"breadcrumb": [], "metadata": {"selected": True}}
    entry = {"tap_stream_id": "stages", "schema": {}, "metadata": [told]}
    bench.sync(Catalog.from_dict({"streams": [entry]}))
    assert [] == bench.differences("stages")


def test_keys_cursors_and_deletions_are_sent_whatever_a_catalog_says(bench):
    told = {"breadcrumb": [], "metadata": {"selected": True}}
    schema = {"properties": {"title": {}, "an_old_name": {}}}
    entry = {"tap_stream_id": "deals", "schema": schema, "metadata": [told]}
    bench.sync(Catalog.from_dict({"streams": [entry]}))
    sent = {tuple(sorted(row)) for row in _rows(bench, "deals")}
    assert {(DELETED_AT, "id", "title", "update_time")} == sent


def test_what_the_catalog_does_not_know_is_sent_all_the_same(bench, caplog):
    catalog = bench.catalog("deals")
    code = bench.office.world.add_field("deals", "Brand new")
    bench.office.world.edit("deals", 7, custom_fields={code: "hello"})
    bench.sync(catalog)
    row = bench.target.rows["deals"][7,]
    assert re.search(mentions("deals", "brand_new"), caplog.text)
    assert {"brand_new": "hello"} == row[UNMAPPED]
    assert "brand_new" not in row
    assert {UNMAPPED: None} == {UNMAPPED: bench.target.rows["deals"][8,][UNMAPPED]}


def test_a_deselected_property_is_sent_nowhere(bench):
    catalog = bench.catalog("deals")
    for told in catalog.get_stream("deals").metadata[1:]:
        if told["breadcrumb"][-1] == "title":
            told["metadata"]["selected"] = False
    bench.sync(catalog)
    assert all("title" not in row and row[UNMAPPED] is None for row in _rows(bench, "deals"))


def test_a_column_that_a_setting_keeps_out_is_sent_nowhere(bench, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_EXCLUDE_COLUMNS", "deals.title,persons.emails,notes.user__email")
    catalog = bench.catalog("deals", "persons", "notes")
    bench.sync(catalog)
    assert "title" not in properties(catalog.get_stream("deals"))
    assert all("title" not in row and row[UNMAPPED] is None for row in _rows(bench, "deals"))
    assert all("emails" not in row for row in _rows(bench, "persons"))
    assert {"name"} <= {name for row in _rows(bench, "notes") for name in row["user"]} - {"email"}
    assert "email" not in {name for row in _rows(bench, "notes") for name in row["user"]}


def test_a_renamed_field_keeps_its_name_from_sync_to_sync(bench):
    code = bench.office.world.add_field("deals", "First name of it")
    bench.sync(bench.catalog("deals"))
    bench.office.world.rename_field("deals", code, "Another name")
    bench.office.world.edit("deals", 7, custom_fields={code: "hello"})
    catalog = bench.tap().do_discover()
    bench.sync(catalog)
    assert "hello" == bench.target.rows["deals"][7,]["first_name_of_it"]


@pytest.mark.parametrize(
    "content",
    [None, [], {}, {"streams": 3}, {"streams": [3]}, {"streams": [{"tap_stream_id": "deals"}]}],
)
def test_what_is_no_catalog_is_refused_in_one_sentence(content):
    with pytest.raises(ConfigurationError, match="--discover"):
        Catalog.from_dict(content)
