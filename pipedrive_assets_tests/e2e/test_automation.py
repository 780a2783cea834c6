"""`dagster dev` left alone with an account that changes, and with one that fails."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

from pipedrive_assets.sandbox import faults
from pipedrive_assets.windows import utc_now
from pipedrive_assets_tests.e2e.dev import ask, dagster_dev, until

FRESH = """{ assetNodes(assetKeys: [{path: ["deals"]}]) {
  freshnessStatusInfo { freshnessStatus } } }"""
BACKFILL = """mutation { launchPartitionBackfill(backfillParams: {
  assetSelection: [{path: ["deals"]}, {path: ["stages"]}], partitionNames: %s}) {
  __typename ... on LaunchBackfillSuccess { backfillId } } }"""
BACKFILL_RUNS = """{ runsOrError(filter: {tags: [{key: "dagster/backfill", value: "%s"}]}) {
  ... on Runs { results { status tags { key value } } } } }"""


@contextmanager
def webhook():
    """A chat program's end of a webhook: its URL, and what it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["content-length"])
            got.append(json.loads(self.rfile.read(size))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/s3cret", got
    finally:
        server.shutdown()
        server.server_close()


def titles(project):
    return project.query("SELECT title FROM deals WHERE id = 7", "bi/copy.duckdb")


def arrived(project, title):
    assert [(title,)] == titles(project)


def told(got):
    assert got


def runs_of(url, backfill):
    runs = ask(url, BACKFILL_RUNS % backfill)["runsOrError"]["results"]
    assert ["SUCCESS"] == [run["status"] for run in runs]
    return runs


def test_changes_arrive_backfills_are_one_run_and_failures_are_told(project, account, tmp_path):
    sandbox, environment = account
    with webhook() as (hook, got):
        environment |= {
            "PIPEDRIVE_FRESHNESS_CRM": "1m",
            "PIPEDRIVE_FRESHNESS_DEAL_DETAILS": "1m",
            "PIPEDRIVE_READ_COPY": "bi/copy.duckdb",
            "PIPEDRIVE_ALERT_WEBHOOK": hook,
        }
        first = project.run("dagster asset materialize --select deals+,stages", **environment)
        assert 0 == first.returncode, first.stdout
        with dagster_dev(project, tmp_path / "dev.log", **environment) as url:
            sandbox.world.edit("deals", 7, title="Nobody touched anything")
            began = time.monotonic()
            until(lambda: arrived(project, "Nobody touched anything"), seconds=180)
            assert time.monotonic() - began < 180

            days = [(utc_now() - timedelta(days=ago)).date().isoformat() for ago in (4, 3, 2)]
            answer = ask(url, BACKFILL % json.dumps(days))["launchPartitionBackfill"]
            (run,) = until(lambda: runs_of(url, answer["backfillId"]), seconds=240)
            tags = {tag["key"]: tag["value"] for tag in run["tags"]}
            assert (days[0], days[-1]) == (
                tags["dagster/asset_partition_range_start"],
                tags["dagster/asset_partition_range_end"],
            )
            (node,) = ask(url, FRESH)["assetNodes"]
            assert node["freshnessStatusInfo"]["freshnessStatus"] in {"HEALTHY", "WARNING"}

            sandbox.inject(faults.refused("api/v2/deals", 403, "Scope and URL mismatch").always())
            until(lambda: told(got), seconds=240)

    assert "(pipedrive_daily) failed. deals: " in got[0]
    assert "Scope and URL mismatch" in got[0]
    log = (tmp_path / "dev.log").read_text()
    assert "s3cret" not in log
    assert sandbox.api_token not in log
