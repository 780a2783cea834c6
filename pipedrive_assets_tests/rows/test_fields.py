"""Custom fields end to end: the invented company's hostile fields through dlt into DuckDB."""

from datetime import datetime, timezone

import dlt
import duckdb
from dlt.common.normalizers.naming.snake_case import NamingConvention

from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.custom_fields.map_fields import (
    columns_for,
    lists_for,
    map_custom_fields,
    parse_definition,
    place_fields,
    update_mapping,
)
from pipedrive_assets.sandbox import World
from pipedrive_assets.sandbox.http.v1_rows import lead

NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)


def mapping_of(world):
    return update_mapping(
        [],
        map(parse_definition, world.fields["deals"].values()),
        {*columns_of("deals").columns, *columns_of("deals").lists},
        NOON,
        endpoint="deal",
        normalize=NamingConvention().normalize_identifier,
    )


def test_hostile_labels_get_names_a_person_can_read():
    names = [row.normalized_name for row in mapping_of(World(deals=1, instant=NOON))]

    assert len(names) == len(set(names))
    assert {"campaign", "priority", "_2nd_contact", "score", "budget", "trial"} <= set(names)
    assert {"id", "title", "budget_currency", "trial_until"}.isdisjoint(names)


def test_a_lead_has_its_deal_fields_under_the_same_names():
    world = World(deals=20, instant=NOON)
    fields = place_fields(mapping_of(world))

    for row in world.tables["deals"].rows.values():
        flat, nested = map_custom_fields(lead(world, row), fields), map_custom_fields(row, fields)
        # API v1 does not send names of time zones.
        said = {name: v for name, v in nested[0].items() if not name.endswith("_timezone_name")}
        said.pop("custom_fields")
        assert ({name: v for name, v in said.items() if v is not None}, nested[1]) == (
            {name: v for name, v in flat[0].items() if v is not None},
            flat[1],
        )


def test_dlt_loads_every_column_under_its_name_and_type(tmp_path):
    world = World(deals=20, instant=NOON)
    mapping = mapping_of(world)
    fields, columns = place_fields(mapping), columns_for(mapping)
    deals = [map_custom_fields(row, fields) for row in world.tables["deals"].rows.values()]

    load(tmp_path, [row for row, _ in deals], columns)

    assert {0} == {coercion_failures for _, coercion_failures in deals}
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        found = {
            name: kind.lower()
            for name, kind in connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_name = 'deals'"
            ).fetchall()
        }
        kinds = {"text": "varchar"}
        assert {n: kinds.get(c.type, c.type) for n, c in columns.items()}.items() <= found.items()
        assert not [name for name in found if name.endswith("__v_text")]
        (interests,) = lists_for(mapping)
        (rows,) = connection.execute(f"SELECT count(*) FROM d.deals__{interests}").fetchone()
    assert sum(len(row.get(interests, ())) for row, _ in deals) == rows > 0


def load(folder, rows, columns):
    hints = {name: {"name": name, "data_type": column.type} for name, column in columns.items()}
    hints["custom_fields"] = {"name": "custom_fields", "data_type": "json"}

    @dlt.source(max_table_nesting=2)
    def source():
        return dlt.resource(rows, name="deals", primary_key="id", columns=hints)

    pipeline = dlt.pipeline(
        "fields",
        destination=dlt.destinations.duckdb(str(folder / "w.duckdb")),
        dataset_name="d",
        pipelines_dir=str(folder),
    )
    pipeline.run(source())
