"""One measured task in a separate process; the result is a line of JSON.

Each task function imports and prepares what it needs, and returns the function to measure.
"""

import argparse
import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

Counts = dict[str, int]
MEGABYTE = 1024 if sys.platform != "darwin" else 1024 * 1024
API_TOKEN = "sandbox"  # noqa: S105 - valid for the invented account only


def load(arguments: argparse.Namespace) -> Callable[[], Counts]:
    """Prepare a load of the windowed tables, or of all default tables."""
    from pipedrive_assets.load import LoadRequest
    from pipedrive_assets.load import load as load_tables
    from pipedrive_assets.registry import DEFAULT_ENTITIES, Kind
    from pipedrive_assets.warehouse import Warehouse
    from pipedrive_assets.windows import Window

    entities = DEFAULT_ENTITIES
    if arguments.work == "windowed":
        entities = tuple(entity for entity in entities if entity.kind is Kind.WINDOWED)
    connection, warehouse = _account(arguments), Warehouse(arguments.warehouse, "pipedrive_data")
    midnight = arguments.instant.replace(hour=0, minute=0, second=0, microsecond=0)
    request = LoadRequest(entities=entities, window=Window(start=midnight))

    def work() -> Counts:
        reports = load_tables(connection, warehouse, request)
        warehouse.close()
        return _counts(connection, reports)

    return work


def reconcile(arguments: argparse.Namespace) -> Callable[[], Counts]:
    """Prepare a reconciliation of the windowed tables."""
    from pipedrive_assets.load import ReconcileRequest, reconcilable
    from pipedrive_assets.load import reconcile as reconcile_tables
    from pipedrive_assets.registry import DEFAULT_ENTITIES
    from pipedrive_assets.warehouse import Warehouse

    connection, warehouse = _account(arguments), Warehouse(arguments.warehouse, "pipedrive_data")
    request = ReconcileRequest(entities=reconcilable(DEFAULT_ENTITIES))

    def work() -> Counts:
        reports = reconcile_tables(connection, warehouse, request)
        warehouse.close()
        return _counts(connection, reports)

    return work


def job(arguments: argparse.Namespace) -> Callable[[], Counts]:
    """Prepare a run of the default job by Dagster in this process, after an earlier one.

    The run knows what the earlier one reported, as if both had the same Dagster instance. The
    instance is in memory, so that writing events to disk is not measured.
    """
    os.environ.update(
        PIPEDRIVE_BASE_URL=arguments.url,
        PIPEDRIVE_API_TOKEN=API_TOKEN,
        PIPEDRIVE_WAREHOUSE=str(arguments.warehouse),
        PIPEDRIVE_FIRST_PARTITION=f"{arguments.instant:%Y-%m-01}",
    )
    import dagster as dg

    from pipedrive_assets.definitions import defs
    from pipedrive_assets.orchestration.automation.target import JOB

    definition = defs.resolve_job_def(JOB)
    instance = dg.DagsterInstance.ephemeral()
    reported = arguments.warehouse.with_suffix(".reported")
    for line in reported.read_text("utf-8").splitlines() if reported.exists() else ():
        instance.report_runless_asset_event(dg.deserialize_value(line, dg.AssetMaterialization))

    def work() -> Counts:
        result = definition.execute_in_process(
            partition_key=f"{arguments.instant:%Y-%m-%d}", instance=instance
        )
        events = result.get_asset_materialization_events()
        made = [event.step_materialization_data.materialization for event in events]
        reported.write_text("\n".join(map(dg.serialize_value, made)), "utf-8")
        return {
            "rows": 0,
            "requests": sum(_whole(each.metadata, "requests") for each in made),
            "tokens": sum(_whole(each.metadata, "tokens") for each in made),
        }

    return work


def _whole(metadata: Any, name: str) -> int:
    return int(metadata[name].value) if name in metadata else 0


def plain(arguments: argparse.Namespace) -> Callable[[], Counts]:
    """Prepare a minimal dlt pipeline that reads the same lists with default options."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    import dlt
    from dlt.sources.rest_api import rest_api_source

    from bench.plain import requests_in, resources

    source = rest_api_source(
        {
            "client": {
                "base_url": f"{arguments.url}/",
                "headers": {"x-api-token": API_TOKEN},
            },
            "resources": resources(),
        }
    )
    pipeline = dlt.pipeline(
        "plain",
        pipelines_dir=str(arguments.warehouse.parent / "plain"),
        destination=dlt.destinations.duckdb(str(arguments.warehouse)),
        dataset_name="plain",
    )

    def work() -> Counts:
        with requests_in() as counted:
            pipeline.run(source)
        trace: Any = pipeline.last_trace
        rows = trace.last_normalize_info.row_counts
        return {**counted, "rows": sum(rows.get(name, 0) for name in source.resources)}

    return work


def tap(arguments: argparse.Namespace) -> Callable[[], Counts]:
    """Prepare a first sync of the Singer tap; it discards its messages.

    The streams are those of `bench.old_tap`.
    """
    from pipedrive_assets.registry import DEFAULT_ENTITIES, Kind
    from pipedrive_assets.singer import PipedriveTap

    connection = _account(arguments)
    out = RecordCount()
    singer = PipedriveTap({"api_token": API_TOKEN}, connection=connection, out=out)
    windowed = {each.name for each in DEFAULT_ENTITIES if each.kind is Kind.WINDOWED}

    def work() -> Counts:
        catalog = singer.do_discover()
        for entry in catalog.streams:
            entry.of()["selected"] = entry.tap_stream_id in windowed - {"leads"}
        singer.do_sync(catalog)
        stats = connection.client.stats
        return {"requests": stats.requests, "tokens": stats.tokens, "rows": out.records}

    return work


class RecordCount(io.TextIOBase):
    """A text file that discards Singer messages and counts the records."""

    def __init__(self) -> None:
        self.records = 0

    def write(self, text: str) -> int:
        """Count the records of a text."""
        self.records += text[:40].count('"RECORD"')
        return len(text)


def replies(arguments: argparse.Namespace) -> Callable[[], Counts]:
    """Prepare the load of stored replies into typed tables by DuckDB alone."""
    import duckdb

    from bench.replies import statements

    wanted = list(statements(arguments.folder))

    def work() -> Counts:
        rows = 0
        with duckdb.connect(str(arguments.warehouse)) as connection:
            for statement in wanted:
                rows += connection.execute(statement).fetchall()[0][0]
        return {"rows": rows, "requests": 0, "tokens": 0}

    return work


def _account(arguments: argparse.Namespace) -> Any:
    """Prepare the account, and the process as the command line does."""
    from pipedrive_assets.api import Client
    from pipedrive_assets.cli.own_process import collect_garbage_rarely
    from pipedrive_assets.connect import Connection

    collect_garbage_rarely()
    client = Client(base_url=arguments.url, api_token=API_TOKEN, now=lambda: arguments.instant)
    return Connection(client=client, is_sandbox=False)


def _counts(connection: Any, reports: Any) -> Counts:
    stats = connection.client.stats
    return {
        "requests": stats.requests,
        "tokens": stats.tokens,
        "rows": sum(report.written.loaded for report in reports),
    }


WORK: dict[str, Callable[[argparse.Namespace], Callable[[], Counts]]] = {
    "windowed": load,
    "default": load,
    "job": job,
    "reconcile": reconcile,
    "plain": plain,
    "tap": tap,
    "replies": replies,
}


def main() -> None:
    """Run a task and measure it after its imports."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=WORK)
    parser.add_argument("--url", default="")
    parser.add_argument("--warehouse", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--instant", type=datetime.fromisoformat)
    arguments = parser.parse_args()
    work = WORK[arguments.work](arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    counts = work()
    figures = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE,
    }
    print(json.dumps({**counts, **figures}))


if __name__ == "__main__":
    main()
