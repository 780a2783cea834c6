"""A sync by the old Singer tap, measured; runs in a venv with `tap-pipedrive` and nothing else.

Usage: `python bench/old_tap.py URL START_DATE`. The result is a line of JSON.
"""

import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import requests
import singer
from tap_pipedrive import tap as old

STREAMS = {"deals", "persons", "organizations", "activities", "products", "notes", "files"}
MEGABYTE = 1024 if sys.platform != "darwin" else 1024 * 1024


def selected(catalog: Any) -> Any:
    """Select the streams of the windowed tables with all their properties."""
    for entry in catalog.streams:
        if entry.tap_stream_id in STREAMS:
            for each in entry.metadata:
                each["metadata"]["selected"] = True
    return catalog


def main() -> None:
    """Sync and print what was measured; the messages are discarded."""
    url, start_date = sys.argv[1:]
    counted = {"requests": 0, "rows": 0}
    get, write = requests.get, singer.write_record

    def counting_get(*args: Any, **how: Any) -> Any:
        counted["requests"] += 1
        return get(*args, **how)

    def counting_write(*args: Any, **how: Any) -> None:
        counted["rows"] += 1
        write(*args, **how)

    old.BASE_URL = url
    requests.get, singer.write_record = counting_get, counting_write
    config = {"api_token": "sandbox", "start_date": start_date}
    tap = old.PipedriveTap(config, {})
    wall, cpu = time.perf_counter(), time.process_time()
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        tap.do_sync(selected(tap.do_discover()))
    figures = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE,
    }
    print(json.dumps({**counted, **figures}))


if __name__ == "__main__":
    main()
