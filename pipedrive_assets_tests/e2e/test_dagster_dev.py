"""`dagster dev` as a person meets it: the graph draws, automation is on, history stays."""

import json
import os
import shutil
import signal
import socket
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipedrive_assets.entities import DEFAULT_ENTITIES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = os.environ.get("SCREENSHOTS") and Path(os.environ["SCREENSHOTS"]).absolute()
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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
        except (AssertionError, OSError, KeyError, TypeError):
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

    assert {entity.name for entity in DEFAULT_ENTITIES} == {
        node["key"]["path"][0] for node in data["assetsOrError"]["nodes"]
    }
    assert {"RUNNING"} == {one["scheduleState"]["status"] for one in repository["schedules"]}
    assert {"RUNNING"} == {one["sensorState"]["status"] for one in repository["sensors"]}
    assert [(True,)] == project.query("SELECT count(*) > 50 FROM deals")
    with dagster_dev(project, tmp_path / "again.log") as url:
        assert run in {one["runId"] for one in ask(url)["runsOrError"]["results"]}


def draw_whole_graph(page, url):
    """Open every group, then zoom out until all of it is in sight.

    On a busy machine the graph may come late: then the page is opened again.
    """
    page.goto(f"{url}/asset-groups")
    groups = page.locator("[aria-label=unfold_more]")
    try:
        groups.nth(2).wait_for(state="attached", timeout=30_000)
        while groups.count():
            groups.first.dispatch_event("click")
            page.wait_for_timeout(1_500)
        for _ in range(5):
            page.locator("[aria-label=zoom_out]").first.dispatch_event("click")
            page.wait_for_timeout(300)
        page.locator("text=deals_flow").first.wait_for(state="attached", timeout=30_000)
    except playwright_error() as error:
        raise AssertionError("the graph did not draw") from error
    page.wait_for_timeout(1_000)


def playwright_error():
    from playwright.sync_api import Error

    return Error


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_the_asset_graph_draws(project, tmp_path):
    from playwright.sync_api import sync_playwright

    pictures = Path(PICTURES or tmp_path)
    with dagster_dev(project, tmp_path / "dev.log") as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        until(lambda: draw_whole_graph(page, url), seconds=180)
        page.screenshot(path=str(pictures / "asset-graph.png"))
        page.goto(f"{url}/assets/deals_flow")
        page.wait_for_selector("text=deals_flow", timeout=60_000)
        browser.close()

    assert [] == problems
