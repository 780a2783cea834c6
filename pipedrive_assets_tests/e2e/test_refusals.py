"""Refusals over real HTTP: an account, a proxy with rules, the three commands.

Each run is refused by the proxy. One healthy run afterwards equals the account.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.singer.stream import OPTIONAL_STREAMS
from pipedrive_assets_tests.conftest import NO_LIMIT
from pipedrive_assets_tests.e2e.conftest import ROOT, Project
from pipedrive_assets_tests.proxy import Proxy, rule, serve_proxy
from pipedrive_assets_tests.singer.conftest import STREAMS, Target
from pipedrive_assets_tests.singer.conftest import differences as stream_differences
from pipedrive_assets_tests.truth import account_rows, custom_differences, differences

TABLES = [entity for entity in ENTITIES if entity.shape not in OWN_SHAPES]
EVERY_TABLE = "default," + ",".join(f"+{entity.name}" for entity in ENTITIES if entity.optional)
PLAIN = """
import dlt
from pipedrive_assets.dlt_source import pipedrive_source
pipeline = dlt.pipeline(
    "pipedrive", destination=dlt.destinations.duckdb("pipedrive.duckdb"),
    dataset_name="pipedrive_data",
)
pipeline.run(pipedrive_source(keep_partial={keep}))
"""
RULES = {
    "refused": [
        "403 v1/deals/* from 5",
        "403 api/v2/deals/{id}",
        "404 api/v2/deals/archived",
        "403 v1/leads/archived",
        "402 v1/roles",
        "415 api/v2/deals/products",
        "400 v1/persons/*/changelog from 2",
        "403 api/v2/dealFields",
    ],
    "empty": [
        "data: null v1/users",
        "data: [] v1/notes",
        "data: [], ended v1/filters",
        "200 null v1/deals/*/flow from 3 for 9",
        "data: {} v1/currencies for 3",
        "429 page v1/files for 2",
        "data: [] api/v2/personFields",
    ],
    "payment due in mid-run": ["402 * from 60"],
}


def cases(in_e2e: str | None, *given: Any) -> list[Any]:
    """Every rule after the given arguments; all but the named one are for `make soak`."""
    return [
        pytest.param(
            *given,
            RULES[name],
            id="-".join([*map(str, given), name]),
            marks=() if name == in_e2e else pytest.mark.soak,
        )
        for name in RULES
    ]


@pytest.fixture
def proxied(account: Any) -> Iterator[tuple[Any, Proxy, dict[str, str]]]:
    """The account, the proxy in front of it, and the environment that points to the proxy."""
    sandbox, environment = account
    sandbox.allowance = type(sandbox.allowance)(NO_LIMIT)
    proxy = Proxy(environment["PIPEDRIVE_BASE_URL"])
    with serve_proxy(proxy) as server:
        names = {**environment, "PIPEDRIVE_BASE_URL": server.url, "PYTHONPATH": str(ROOT)}
        yield sandbox, proxy, {**names, "PIPEDRIVE_TABLES": EVERY_TABLE}


def refused_then_healthy(
    project: Project, proxy: Proxy, command: str, rules: list[str], **environment: str
) -> None:
    """Run under rules, then without; only the second run has to succeed."""
    proxy.rules(*map(rule, rules))
    said = project.run(command, timeout=400, **environment).stdout
    assert "Traceback" not in said or "PipelineStepFailed" in said, said
    proxy.rules()
    done = project.run(command, timeout=400, **environment)
    assert 0 == done.returncode, done.stdout


def held_otherwise(path: Path, sandbox: Any) -> Iterator[str]:
    """What a DuckDB file has otherwise than the account."""
    with duckdb.connect(str(path), read_only=True) as connection:
        for entity in TABLES:
            rows = account_rows(sandbox, entity)
            yield from differences(connection.cursor, "pipedrive_data", entity, rows)
            if entity.fields and entity.shape == "plain":
                yield from custom_differences(
                    sandbox, connection.cursor, "pipedrive_data", entity, rows
                )


@pytest.mark.parametrize("rules", cases("payment due in mid-run"))
def test_load_after_refusals_equals_the_account(project, proxied, rules):
    sandbox, proxy, environment = proxied
    # By default, deals_flow gets no email that deals_mails had first.
    environment |= {"PIPEDRIVE_FLOW_MAILS": "always"}

    refused_then_healthy(project, proxy, "python -m pipedrive_assets load", rules, **environment)

    assert [] == list(held_otherwise(project.folder / "data" / "warehouse.duckdb", sandbox))


@pytest.mark.parametrize(("keep", "rules"), [*cases("empty", False), *cases(None, True)])
def test_a_plain_pipeline_after_refusals_equals_the_account(project, proxied, keep, rules):
    sandbox, proxy, environment = proxied
    environment |= {
        "DLT_DATA_DIR": str(project.folder.parent / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    (project.folder / "plain.py").write_text(PLAIN.format(keep=keep))

    refused_then_healthy(project, proxy, "python plain.py", rules, **environment)

    assert [] == list(held_otherwise(project.folder / "pipedrive.duckdb", sandbox))


@pytest.mark.parametrize("rules", cases("refused"))
def test_the_tap_after_refusals_equals_the_account(project, proxied, rules):
    sandbox, proxy, environment = proxied
    config = {
        "api_token": sandbox.api_token,
        "start_date": "2010-01-01",
        "base_url": environment["PIPEDRIVE_BASE_URL"],
        "optional_streams": sorted(OPTIONAL_STREAMS),
    }
    (project.folder / "config.json").write_text(json.dumps(config))
    tap = "python -m pipedrive_assets singer --config config.json"
    found = project.run(f"{tap} --discover > catalog.json", **environment)
    assert 0 == found.returncode, found.stdout
    select_all(project.folder / "catalog.json")
    target = Target()

    for number in range(2):
        proxy.rules(*map(rule, rules if number < 1 else []))
        (project.folder / "state.json").write_text(json.dumps(target.state))
        done = project.run(
            f"{tap} --catalog catalog.json --state state.json > out.jsonl", timeout=400,
            **environment,
        )  # fmt: skip
        assert "Traceback" not in done.stdout, done.stdout
        target.take((project.folder / "out.jsonl").read_text())

    assert 0 == done.returncode, done.stdout
    assert [] == [
        difference
        for name, stream in STREAMS.items()
        if BY_NAME[stream.table] in TABLES
        for difference in stream_differences(
            account_office(sandbox), stream, target.rows.get(name, {})
        )
    ]


def select_all(path: Path) -> None:
    catalog = json.loads(path.read_text())
    for entry in catalog["streams"]:
        entry["metadata"][0]["metadata"]["selected"] = True
    path.write_text(json.dumps(catalog))


class account_office:  # noqa: N801 - what the comparison needs of an office
    def __init__(self, sandbox: Any) -> None:
        self.sandbox, self.world = sandbox, sandbox.world
