"""What a machine says to dlt does not change where and how our rows land, and we change nothing of
it.
"""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import typing
import warnings

import dlt
import pytest
from dlt.common.configuration.specs.base_configuration import BaseConfiguration

from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.dlt.settings import dlt_settings

PACKAGES = (
    "dlt.common.configuration.specs",
    "dlt.common.destination",
    "dlt.common.schema",
    "dlt.common.storages",
    "dlt.common.normalizers",
    "dlt.common.data_writers",
    "dlt.common.runtime",
    "dlt.extract",
    "dlt.normalize",
    "dlt.load",
    "dlt.pipeline",
    "dlt.destinations.impl.duckdb",
)
SECTIONS = (
    *("", "PIPELINES", "SOURCES", "SCHEMA", "EXTRACT", "NORMALIZE", "LOAD", "DATA_WRITER"),
    *("DESTINATION", "DESTINATION__DUCKDB", "DESTINATION__DUCKDB__CREDENTIALS", "CREDENTIALS"),
    *("PIPEDRIVE_PERSONS", "PIPELINES__PIPEDRIVE_PERSONS", "PIPEDRIVE_PERSONS__DESTINATION"),
)
PROCESS_WIDE = ("runtime", "providers")
"""Log level, telemetry and secret stores, which dlt reads once when it is imported."""

STRANGE = {
    "dataset_name_layout": "elsewhere_%s",
    "staging_dataset_name_layout": "elsewhere_%s",
    "naming": "sql_cs_v1",
    "loader_file_format": "csv",
    "replace_strategy": "staging-optimized",
    "refresh": "drop_sources",
    "next_item_mode": "round_robin",
    "pool_type": "none",
    "credentials": "duckdb:///elsewhere.duckdb",
    "destination_type": "filesystem",
    "destination_name": "elsewhere",
    "database": "elsewhere.duckdb",
}


def specs(kind=BaseConfiguration):
    for each in kind.__subclasses__():
        yield each
        yield from specs(each)


def settings():
    """Name and type of every setting that dlt has, with the section that it may need."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for package in map(importlib.import_module, PACKAGES):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                try:
                    importlib.import_module(module.name)
                except ImportError:
                    continue  # needs a package that is not installed
    return {
        (spec.__section__, name, kind)
        for spec in set(specs())
        if not spec.__module__.startswith("pipedrive")
        for name, kind in spec.get_resolvable_fields().items()
    }


def hostile(name, kind):
    """A value that differs from dlt's default."""
    if name in STRANGE:
        return STRANGE[name]
    kinds = [kind, *typing.get_args(kind)]
    if bool in kinds:
        return "false" if name in {"use_single_dataset", "raise_on_failed_jobs"} else "true"
    return "1" if int in kinds or float in kinds else "elsewhere"


def environment():
    return {
        "__".join(filter(None, (*prefix.split("__"), section, name))).upper(): hostile(name, kind)
        for section, name, kind in settings()
        if section not in PROCESS_WIDE
        for prefix in SECTIONS
    }


@pytest.mark.slow
def test_no_setting_of_dlt_on_the_machine_changes_where_and_how_rows_land(
    office, tmp_path, monkeypatch
):
    given = environment()
    assert {"DEV_MODE", "FULL_REFRESH", "PIPELINES__DATASET_NAME_LAYOUT"} <= given.keys()
    assert 1000 < len(given)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    first = office.load("persons", "stages")
    office.world.edit("persons", office.world.ids("persons")[0], name="Edited")
    second = office.load("persons", "stages", full=True)

    assert [] == office.differences("persons", "stages")
    assert first["persons"].rows_total == second["persons"].rows_total > 0
    assert [("pipedrive_data",)] == office.query(
        "SELECT DISTINCT schema_name FROM duckdb_schemas() WHERE NOT internal "
        "AND schema_name <> 'main' ORDER BY 1"
    )
    assert [("pipedrive_data",)] == office.query("SELECT DISTINCT schema_name FROM duckdb_tables()")
    assert [] == [path.name for path in tmp_path.iterdir() if "elsewhere" in path.name]


@pytest.mark.parametrize("name", ["DEV_MODE", "FULL_REFRESH"])
def test_a_machine_that_starts_dlt_from_scratch_each_time_leaves_our_tables_alone(
    office, monkeypatch, name
):
    monkeypatch.setenv(name, "true")

    report = office.load("stages")["stages"]

    assert [(report.rows_total,)] == office.query("SELECT count(*) FROM stages")
    assert report.written.loaded == report.rows_total > 0


@pytest.mark.slow
def test_a_load_changes_nothing_of_the_process(tmp_path):
    """In a process of its own, since any import before would hide it."""
    script = """
import json, os, sys
import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.destination.reference import DestinationReference

def facts():
    context = Container()[PluggableRunContext]
    values = {name: provider.to_toml() if hasattr(provider, "to_toml") else ""
              for name, provider in ((p.name, p) for p in context.providers.providers)}
    return {
        "pandas": sys.modules.get("pandas", "absent") is None,
        "environ": dict(os.environ),
        "config": values,
        "destinations": sorted(
            name for name in DestinationReference.DESTINATIONS if "pipedrive" not in name
        ),
        "pipeline": repr(dlt.current.pipeline()) if mine else "",
    }

mine = dlt.pipeline("mine", destination="duckdb", dataset_name="my_data")
before = facts()
from pathlib import Path
from pipedrive_assets_tests.conftest import Office
office = Office(Path("."))
office.load("stages")
office.warehouse.close()
after = facts()
print(json.dumps({k: (before[k], after[k]) for k in before if before[k] != after[k]}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert {} == json.loads(done.stdout.splitlines()[-1])


def test_dlt_has_the_users_settings_again_after_an_error(tmp_path):
    dlt.config["my_own.setting"] = 7

    def fail():
        with dlt_settings():
            raise RuntimeError(dlt.config.get("my_own.setting"))

    with pytest.raises(RuntimeError, match="None"):
        fail()

    assert 7 == dlt.config["my_own.setting"]


def test_only_credentials_of_the_named_server_are_the_users(monkeypatch):
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://a:b@c/d")
    monkeypatch.setenv("DESTINATION__POSTGRES__DATASET_NAME", "elsewhere")

    with dlt_settings("postgres"):
        assert "postgresql://a:b@c/d" == dlt.secrets.get("destination.postgres.credentials")
        assert None is dlt.config.get("destination.postgres.dataset_name")
    with dlt_settings():
        assert None is dlt.secrets.get("destination.postgres.credentials")


def test_credentials_in_dotenv_reach_dlt_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.delenv("DESTINATION__POSTGRES__CREDENTIALS", raising=False)
    (tmp_path / ".env").write_text("DESTINATION__POSTGRES__CREDENTIALS=postgresql://x:y@z/w\n")

    with dlt_settings("postgres"):
        found = dlt.secrets.get("destination.postgres.credentials")

    assert "postgresql://x:y@z/w" == found
    assert "DESTINATION__POSTGRES__CREDENTIALS" not in os.environ


def test_two_warehouses_at_once_leave_the_users_settings_in_place(tmp_path):
    dlt.config["my_own.other"] = 8
    one, other = (Warehouse(tmp_path / f"{name}.duckdb", "pipedrive_data") for name in "ab")
    with one.sql(), other.sql():
        assert None is dlt.config.get("my_own.other")
    assert 8 == dlt.config["my_own.other"]
    one.close()
    other.close()
