"""A run that kills itself, as a process of its own: `python -m pipedrive_assets_tests.killed_run`
with JSON on standard input, naming the account, the warehouse, the work and where it ends.
"""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlt.destinations.job_client_impl import SqlJobClientBase

from pipedrive_assets.api import Client
from pipedrive_assets.api.wire import Wire
from pipedrive_assets.connect import Connection
from pipedrive_assets.load import LoadRequest, ReconcileRequest, load, reconcile, soft_delete
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.reconciliation import seen_ids
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.warehouse import DatabaseServer, Warehouse, ledger
from pipedrive_assets.warehouse.duckdb import write
from pipedrive_assets.windows import Window, parse_stamp

PLACES: dict[str, tuple[Any, str]] = {
    "request": (Wire, "get"),
    "commit": (TableLoad, "commit"),
    "note": (TableLoad, "_note"),
    "define": (write, "_store_schema"),
    "replace": (write, "_delete_previous"),
    "insert": (write, "changed_rows"),
    "merge": (write, "_record_load"),
    "load": (SqlJobClientBase, "complete_load"),
    "coverage": (ledger, "record_watermark"),
    "children": (ledger, "record_children"),
    "seen": (seen_ids, "note"),
    "mark": (soft_delete, "mark"),
    "marked": (soft_delete, "soft_delete_children"),
    "done": (seen_ids, "finish"),
}
"""Where a run can end: before the nth call of one of these."""


def kill_at(place: str, nth: int) -> None:
    """End this process, for good and at once, when it comes to the place."""
    owner, name = PLACES[place]
    act = getattr(owner, name)
    calls = 0

    def maybe(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*given, **named)

    setattr(owner, name, maybe)


def work(spec: dict[str, Any]) -> None:
    """Load or reconcile, in small pages so that there is much to interrupt."""
    now = parse_stamp(spec["now"])
    client = Client(
        base_url=spec["url"], api_token=spec["token"], sleep=lambda _: None, now=lambda: now
    )
    connection = Connection(client=client, is_sandbox=True)
    place = Path(spec["warehouse"]) if "warehouse" in spec else DatabaseServer(spec["destination"])
    warehouse = Warehouse(place, "pipedrive_data")
    raw = RawZone(url=spec["raw"], file_mode=0o640) if "raw" in spec else None
    entities = tuple(replace(BY_NAME[name], page_rows=2) for name in spec["tables"])
    if spec["reconcile"]:
        reconciled = ReconcileRequest(entities=entities, max_share=0.9, raw=raw)
        reconcile(connection, warehouse, reconciled)
        return
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    request = LoadRequest(entities=entities, window=Window(start=midnight), raw=raw)
    load(connection, warehouse, request)


if __name__ == "__main__":
    found = json.load(sys.stdin)
    kill_at(found["place"], found["nth"])
    work(found)
