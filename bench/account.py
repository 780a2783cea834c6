"""The invented account in a separate process, with prepared replies on disk.

Replies are made once and then read from disk, so that measurements do not include making them. The
process listens on a local port. It reads orders from standard input, one JSON object per line, and
answers each with a line of JSON: the numbers of rows in the account.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any

from bench.wide import widen
from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.registry import ENTITIES, Endpoint, Entity, Kind
from pipedrive_assets.sandbox import Limits, Sandbox, SandboxAdapter, World, serve
from pipedrive_assets.sandbox.exchange import Call, Reply, json_reply

NO_LIMIT = Limits(burst=10**9, daily_tokens=10**12)
CHANGED = 0.02
"""Share of the rows that change on a day."""

EDITED = {
    "deals": "title",
    "persons": "name",
    "organizations": "name",
    "activities": "note",
    "products": "description",
    "leads": "title",
    "notes": "content",
    "files": "description",
}
"""The column that an edit changes."""

OLD_FIELDS = re.compile(r"/v1/(deal|person|organization|product|activity|note)Fields")

Key = tuple[str, tuple[tuple[str, str], ...]]


class Recorder:
    """A sandbox that stores its replies in `folder/<phase>/<path>/`."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder, self.phase = sandbox, folder, ""
        self.latency, self.burst = 0.0, NO_LIMIT.burst
        self._known: dict[Key, tuple[Reply, Path]] = {}
        self._lock = Lock()

    def begin(self, phase: str) -> None:
        """Begin a phase without stored replies; the files of earlier phases stay."""
        self.phase = phase
        self._known.clear()

    def answer(self, call: Call) -> Reply:
        """Return the stored reply to a call, or make and store it."""
        if old_fields := OLD_FIELDS.fullmatch(call.path):
            return self._old_definitions(call, old_fields[1])
        call = as_of_today(call)
        key = call.path, tuple(sorted(call.params))
        known = self._known.get(key)
        if known is None:
            with self._lock:
                known = self._known[key] = self._record(call)
        reply, file = known
        if self.latency:
            time.sleep(self.latency)
        headers = {**reply.headers, "x-ratelimit-limit": str(self.burst)}
        return Reply(status=reply.status, headers=headers, body=file.read_bytes())

    def _old_definitions(self, call: Call, entity: str) -> Reply:
        """Answer a list of field definitions of API v1, which the old Singer tap requests."""
        today = replace(as_of_today(call), path=f"/api/v2/{entity}Fields", params=())
        reply = self.sandbox.answer(today)
        fields = [
            {"id": number, "key": each["field_code"], "field_type": each["field_type"]}
            for number, each in enumerate(reply.json()["data"] if reply.status == 200 else ())
        ]
        return json_reply(200, {"success": True, "data": fields, "additional_data": None})

    def stored_bytes(self) -> int:
        """Return the size of the stored replies of this phase."""
        return sum(file.stat().st_size for _, file in self._known.values())

    def _record(self, call: Call) -> tuple[Reply, Path]:
        reply = self.sandbox.answer(call)
        file = self.folder / self.phase / call.path.strip("/").replace("/", ".")
        file.mkdir(parents=True, exist_ok=True)
        file /= f"{len(self._known)}.json"
        file.write_bytes(reply.body)
        return Reply(status=reply.status, headers=reply.headers, body=b""), file


def as_of_today(call: Call) -> Call:
    """Turn a call of the old Singer tap, which has its token as a parameter, into a current one."""
    params = dict(call.params)
    token = params.pop("api_token", None)
    if token is None:
        return call
    headers = {**call.headers, "x-api-token": token}
    if "sort" in params:
        params["sort"] = params["sort"].replace(" desc", " DESC")
    return replace(call, params=tuple(params.items()), headers=headers)


def read_lists(recorder: Recorder) -> None:
    """Make all pages that a first load or a reconciliation requests."""
    client = Client(
        base_url="https://sandbox.invalid",
        api_token=recorder.sandbox.api_token,
        adapter=SandboxAdapter(recorder),  # type: ignore[arg-type]
        now=lambda: recorder.sandbox.now,
    )
    for entity in ENTITIES:
        if entity.kind is Kind.WINDOWED:
            for _ in read_windowed(
                client, entity, Scan(initial_load=True, advances=True), RequestStats()
            ):
                pass


def live_a_day(world: World, until: datetime) -> None:
    """Advance the account to `until`, and edit its share of rows, spread over 24 hours."""
    rng, hours = Random(2), 24
    edits = {
        name: rng.sample(world.ids(name), max(1, round(len(world.ids(name)) * CHANGED)))
        for name in EDITED
    }
    begin = world.instant
    for hour in range(1, hours + 1):
        world.advance(begin + (until - begin) * hour / hours)
        for name, keys in edits.items():
            for key in keys[hour - 1 :: hours]:
                _edit(world, name, key, f"Changed at {world.stamp}")
    world.advance(until)


def _edit(world: World, name: str, key: Any, text: str) -> None:
    row = world.tables[name].rows.get(key)
    if row is not None and not row.get("is_deleted"):
        values: dict[str, Any] = {EDITED[name]: text}
        world.edit(name, key, **values)


def listed(world: World, since: str | None) -> dict[str, int]:
    """Count the rows of each list, or those changed since a time."""
    return {
        endpoint.path: sum(_is_on(entity, endpoint, row, since) for row in _rows(world, entity))
        for entity in ENTITIES
        if entity.kind is Kind.WINDOWED
        for endpoint in entity.endpoints
    }


def _rows(world: World, entity: Entity) -> Iterator[Any]:
    yield from world.tables[entity.name].rows.values()


def _is_on(entity: Entity, endpoint: Endpoint, row: Any, since: str | None) -> bool:
    if entity.archived and bool(row["is_archived"]) is not (endpoint.path == entity.archived.path):
        return False
    if row.get("is_deleted") and entity.name != "deals":
        return False
    changed = row["update_time"] or row["add_time"]
    return since is None or bool(changed >= since)


def facts(world: World, since: str | None) -> dict[str, Any]:
    """Count the rows in lists, the deals, and the deals with children."""
    deals = [
        row
        for row in world.tables["deals"].rows.values()
        if since is None or (row["update_time"] or row["add_time"]) >= since
    ]
    with_people = {row["deal_id"] for row in world.tables["participants"].rows.values()}
    with_lines = {row["deal_id"] for row in world.tables["deal_products"].rows.values()}
    return {
        "listed": listed(world, since),
        "deals": len(deals),
        "with_participants": sum(row["id"] in with_people for row in deals),
        "with_products": sum(row["id"] in with_lines for row in deals),
    }


def begin_phase(recorder: Recorder, order: dict[str, Any]) -> dict[str, Any]:
    """Begin a phase as an order says.

    Args:
        recorder: The account.
        order: `phase` and `instant`; optionally `changes` (edit rows for a day first), `wide` (give
            deals many custom fields first), `scan` (make the pages of all lists), `since` (count
            rows changed since then only), and `latency` (seconds a reply takes) with `burst` (the
            limit of calls in two seconds that replies report).

    Returns:
        Number of rows in the account, see `facts`, and the `bytes` of the replies made so far.
    """
    world, instant = recorder.sandbox.world, datetime.fromisoformat(order["instant"])
    if order.get("changes"):
        live_a_day(world, instant)
    if order.get("wide"):
        widen(world)
    world.advance(instant)
    recorder.latency = 0.0
    recorder.begin(order["phase"])
    if order.get("scan"):
        read_lists(recorder)
    recorder.latency, recorder.burst = order.get("latency", 0.0), order.get("burst", NO_LIMIT.burst)
    return {**facts(world, order.get("since")), "bytes": recorder.stored_bytes()}


def main() -> None:
    """Serve the account until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deals", type=int, required=True)
    parser.add_argument("--instant", type=datetime.fromisoformat, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    world = World(deals=arguments.deals, instant=arguments.instant)
    recorder = Recorder(Sandbox(world, limits=NO_LIMIT), arguments.folder)
    with serve(recorder) as server:  # type: ignore[arg-type]
        print(json.dumps({"url": server.url}), flush=True)
        for line in sys.stdin:
            print(json.dumps(begin_phase(recorder, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
