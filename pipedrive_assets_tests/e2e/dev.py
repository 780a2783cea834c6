"""A running `dagster dev`, and what tests ask its webserver."""

import json
import os
import signal
import socket
import time
import urllib.request
from contextlib import contextmanager

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
    """Poll until a check passes; after the last attempt, raise what it raised."""
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
    """Start `dagster dev`, and stop it in the end. Yields its URL."""
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
