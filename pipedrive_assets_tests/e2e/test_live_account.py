"""An account served in recorded shapes over HTTP, read by all three front ends, where the folder
with its server is at hand."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipedrive_assets.api import Client
from pipedrive_assets.connect import Connection
from pipedrive_assets.load import LoadRequest, load
from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets.singer import PipedriveTap
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.windows import Window, utc_now
from pipedrive_assets_tests.dlt_source.conftest import Plain, source_module

FOLDER = Path(__file__).parents[3] / "shared" / "pipedrive" / "live_account"
MODES = (
    "reallike",
    "bigflow,volatile",
    *(
        pytest.param(mode, marks=pytest.mark.soak)
        for mode in ("plain,nulls,noinst", "bigflow,pinned", "gonestage")
    ),
)
SERVE = (
    "import serve\n"
    "server = serve.ThreadingHTTPServer(('127.0.0.1', 0), serve.S)\n"
    "print(server.server_port, flush=True)\n"
    "server.serve_forever()\n"
)

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} with the server is not there"),
]


@pytest.fixture(params=MODES)
def connect(request):
    """Makes connections to the account of one mode."""
    environment = {**os.environ, "MODE": request.param, "PAGE": "2"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=FOLDER,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        port = int(server.stdout.readline())

        def make():
            client = Client(
                base_url=f"http://127.0.0.1:{port}", api_token="x" * 40, sleep=lambda _: None
            )
            return Connection(client=client, is_sandbox=False)

        yield make
        server.kill()


class Account:
    """What a plain pipeline needs of an office."""

    def __init__(self, folder):
        self.warehouse = Warehouse(folder / "plain.duckdb", "pipedrive_data")


def test_every_mode_is_read_by_every_front_end(connect, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    warehouse = Warehouse(tmp_path / "warehouse.duckdb", "pipedrive_data")
    totals = {}
    for full in (False, True):
        request = LoadRequest(entities=DEFAULT_ENTITIES, window=Window(start=utc_now()), full=full)
        reports = load(connect(), warehouse, request)
        found = {each.entity.name: each.rows_total for each in reports}
        assert totals in ({}, found)
        totals = found
    warehouse.close()
    assert totals["deals"] == 7
    assert totals["deals_flow"] > 0

    monkeypatch.setattr(source_module, "connect", lambda _settings: connect())
    account = Account(tmp_path)
    Plain(account, tmp_path).run()
    with duckdb.connect(str(account.warehouse.path), read_only=True) as held:
        for name, total in totals.items():
            ((count,),) = held.sql(f"SELECT count(*) FROM pipedrive_data.{name}").fetchall()
            assert (name, total) == (name, count)

    out = io.StringIO()
    config = {"api_token": "x" * 40, "start_date": "2010-01-01T00:00:00Z"}
    tap = PipedriveTap(config, connection=connect(), out=out)
    tap.do_sync(tap.do_discover())
    sent = [json.loads(line) for line in out.getvalue().splitlines()]
    for name in ("deals", "persons", "activities", "notes", "files", "users"):
        keys = {
            each["record"]["id"] for each in sent if each.get("stream") == name and "record" in each
        }
        assert totals[name] == len(keys)
