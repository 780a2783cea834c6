"""What Dagster stores of a run holds nothing of a person who is erased later."""

from dataclasses import replace

import dagster as dg
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.orchestration.resources import WarehouseResource
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets_tests import erased_person
from pipedrive_assets_tests.orchestration.test_assets import OFFICES, OfficeResource

CHARTED = ("stages", "pipelines")
"""Their names are the labels of charts."""


class AccountResource(OfficeResource):
    """The resource of a real account: its rows are not invented."""

    def connect(self):
        return replace(super().connect(), is_sandbox=False)


@pytest.mark.slow
def test_no_byte_of_a_person_is_in_the_storage_of_dagster(make_office, tmp_path):
    office = make_office(deals=8)
    tables = office.world.tables
    names = {(name, key): row["name"] for name in CHARTED for key, row in tables[name].rows.items()}
    erased_person.occurring(office)
    for (name, key), kept in names.items():
        tables[name].rows[key]["name"] = kept
        tables[name].touch()
    OFFICES["account"] = office
    settings = Settings.from_env({"PIPEDRIVE_TABLES": ",".join(BY_NAME)})
    definitions = build(settings, AccountResource(office="account"))
    database = WarehouseResource(database=str(office.warehouse.path), dataset="pipedrive_data")
    home = tmp_path / "home"
    home.mkdir()
    telemetry = {"telemetry": {"enabled": False}}

    with dg.DagsterInstance.local_temp(str(home), overrides=telemetry) as instance:
        result = dg.materialize(
            list(definitions.assets),
            partition_key="2026-03-10",
            resources={**definitions.resources, "duckdb": database},
            instance=instance,
        )

    assert result.success
    assert 40 < len({cell.partition(".")[0] for cell in erased_person.cells(office)})
    assert any(b"pipedrive_data.deals" in path.read_bytes() for path in home.rglob("*.db"))
    assert [] == erased_person.left_in_files([home])
