"""`dagster dev` as a person meets it: automation is on, the sandbox is loaded, history stays."""

import json
import os
import signal
import socket
import time
import urllib.request
from contextlib import contextmanager

from pipedrive_assets.orchestration.derived import READS
from pipedrive_assets.registry import DEFAULT_ENTITIES

QUERY = """{
  assetsOrError { ... on AssetConnection { nodes { key { path } } } }
  repositoriesOrError { ... on RepositoryConnection { nodes {
    schedules { name scheduleState { status } }
    sensors { name sensorState { status ticks(limit: 5) { status skipReason } } } } } }
  runsOrError { ... on Runs { results { status runId } } }
}"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def ask(url, query=QUERY):
    request = urllib.request.Request(
        f"{url}/graphql",
        json.dumps({"query": query}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)["data"]


def until(check, seconds=120):
    """Poll until something holds; the last failure tells what did not."""
    end = time.monotonic() + seconds
    while True:
        try:
            return check()
        except (AssertionError, OSError, KeyError, TypeError, ValueError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


@contextmanager
def dagster_dev(project, log, **environment):
    port = free_port()
    process = project.start(f"dagster dev --port {port}", log, **environment)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: ask(url))
        yield url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=120)
        finally:
            with_group_gone(process.pid)


def with_group_gone(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_everything_is_on_the_sensor_loads_the_sandbox_and_history_stays(project, tmp_path):
    def loaded(url):
        data = ask(url)
        runs = data["runsOrError"]["results"]
        assert [run["status"] for run in runs][-1:] == ["SUCCESS"]
        return data, runs[-1]["runId"]

    with dagster_dev(project, tmp_path / "dev.log") as url:
        data, run = until(lambda: loaded(url), seconds=240)
    (repository,) = data["repositoriesOrError"]["nodes"]

    assert {entity.name for entity in DEFAULT_ENTITIES} | set(READS) == {
        node["key"]["path"][0] for node in data["assetsOrError"]["nodes"]
    }
    assert {"RUNNING"} == {one["scheduleState"]["status"] for one in repository["schedules"]}
    assert {"RUNNING"} == {one["sensorState"]["status"] for one in repository["sensors"]}
    assert [(True,)] == project.query("SELECT count(*) > 50 FROM deals")
    with dagster_dev(project, tmp_path / "again.log") as url:
        assert run in {one["runId"] for one in ask(url)["runsOrError"]["results"]}
