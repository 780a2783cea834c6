"""The tap at an invented account, what its target received, and where it was killed."""

import io
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pipedrive_assets.api import Client
from pipedrive_assets.connect import Connection
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import SandboxAdapter
from pipedrive_assets.singer import Catalog, PipedriveTap
from pipedrive_assets.singer.stream import ALL, OPTIONAL_STREAMS, Stream
from pipedrive_assets.windows import parse_stamp
from pipedrive_assets_tests.api.conftest import Clock
from pipedrive_assets_tests.conftest import Office
from pipedrive_assets_tests.truth import HASH, account_rows

START = "2010-01-01T00:00:00Z"
STREAMS = {stream.tap_stream_id: stream for stream in ALL}


class Killed(BaseException):
    """What ends a process without a word: nothing catches it on the way."""


class MortalAdapter(SandboxAdapter):
    """A door that kills whoever asks a further question after so many calls."""

    def __init__(self, sandbox: Any, calls: int | None) -> None:
        super().__init__(sandbox)
        self.calls_left = calls

    def send(self, request: Any, **how: Any) -> Any:
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise Killed
            self.calls_left -= 1
        return super().send(request, **how)


class Target:
    """What a target makes of messages: rows by key, the last one winning, and the last state.

    Like a real one it refuses a record whose schema was not told before.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.schemas: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self.state: dict[str, Any] = {}

    def take(self, text: str) -> list[dict[str, Any]]:
        """Read what was written; returns the messages."""
        fresh = [json.loads(line) for line in text.splitlines()]
        self.messages += fresh
        for message in fresh:
            if message["type"] == "STATE":
                self.state = message["value"]
            elif message["type"] == "SCHEMA":
                self.schemas[message["stream"]] = message
            else:
                key = self.schemas[message["stream"]]["key_properties"]
                record = message["record"]
                held = self.rows.setdefault(message["stream"], {})
                held[tuple(record[name] for name in key)] = record
        return fresh


class Bench:
    """A tap to an office, run as often as wanted, with one target."""

    def __init__(self, office: Office) -> None:
        self.office, self.target = office, Target()
        self.config: dict[str, Any] = {"api_token": "sandbox", "start_date": START}

    def tap(self, out: Any = None, calls: int | None = None, state: Any = None) -> PipedriveTap:
        sandbox, clock = self.office.sandbox, Clock()
        client = Client(
            base_url="https://sandbox.invalid",
            api_token=sandbox.api_token,
            adapter=MortalAdapter(sandbox, calls),
            sleep=clock.sleep,
            monotonic=clock.monotonic,
            now=lambda: sandbox.now,
        )
        return PipedriveTap(
            self.config,
            self.target.state if state is None else state,
            connection=Connection(client=client, is_sandbox=True),
            out=out,
            now=lambda: sandbox.now,
        )

    def catalog(self, *streams: str) -> Catalog:
        """What is discovered, with only these streams selected (those of the old tap by
        default). The config names the optional ones.
        """
        self.config["optional_streams"] = sorted(OPTIONAL_STREAMS.intersection(streams))
        catalog = self.tap(state={}).do_discover()
        for entry in catalog.streams if streams else ():
            entry.of()["selected"] = entry.tap_stream_id in streams
        return catalog

    def sync(
        self, catalog: Catalog, *, calls: int | None = None, state: Any = None
    ) -> list[dict[str, Any]]:
        """Sync to the target, from its last state; returns the messages. Raises Killed."""
        out = io.StringIO()
        try:
            self.tap(out, calls, state).do_sync(catalog)
        finally:
            fresh = self.target.take(out.getvalue())
        return fresh

    def sync_with_kills(self, catalog: Catalog, calls: int) -> bool:
        """A sync that is killed after so many calls, and another that goes on from the last state;
        tells whether there was anything left to kill.
        """
        try:
            self.sync(catalog, calls=calls)
        except Killed:
            self.sync(catalog)
            return True
        return False

    def differences(self, *streams: str, since: datetime | None = None) -> list[str]:
        """What the target has otherwise than the account. Singer knows no deletions: rows that are
        gone stay, and are not looked at. `since`: what can change without the row's update_time,
        or without its deal's, is left out.
        """
        return [
            each
            for name in streams or [stream.tap_stream_id for stream in PipedriveTap.streams]
            for each in differences(
                self.office, STREAMS[name], self.target.rows.get(name, {}), since
            )
        ]


def expected_rows(office: Office, stream: Stream) -> Iterable[dict[str, Any]]:
    rows = account_rows(office.sandbox, BY_NAME[stream.table])
    if stream.tap_stream_id != "dealflow":
        return rows
    changes = [row["event"]["data"] for row in rows if row["object"] == "dealChange"]
    return [row for row in changes if row["field_key"] in {"stage_id", "add_time"}]


def differences(
    office: Office, stream: Stream, held: dict[Any, Any], since: datetime | None = None
) -> list[str]:
    found = []
    for row in expected_rows(office, stream):
        key = tuple(row[name] for name in stream.key_properties)
        if since and stream.entity.parent and not changed(office, stream, row, since):
            continue
        if key not in held:
            found.append(f"{stream.tap_stream_id} {key} is missing")
            continue
        found += [
            f"{stream.tap_stream_id} {key}.{name}: {value!r} != {held[key].get(name)!r}"
            for name, value in row.items()
            if not (name == "custom_fields" or HASH.match(name) or same(value, held[key].get(name)))
            if not (since and re.search(r"_count$|^(last|next)_|^first_won|^person$", name))
        ]
    return found


def changed(office: Office, stream: Stream, row: dict[str, Any], since: datetime) -> bool:
    """Whether the row's parent changed: nothing else tells that its children did."""
    entity = stream.entity
    key = row["item_id"] if stream.tap_stream_id == "dealflow" else row[entity.key[0]]
    parent = office.world.row(entity.parent or "", key)
    return parent["update_time"] is None or parse_stamp(parent["update_time"]) >= since


def same(theirs: Any, mine: Any) -> bool:
    """Whether a record's value is the account's: times in one form, flags as booleans."""
    if isinstance(theirs, dict | list) and isinstance(mine, str):
        is_option = isinstance(theirs, dict) and theirs.keys() == {"id", "label"}
        return bool(mine == theirs["label"] if is_option else json.loads(mine) == theirs)
    if theirs in (None, "", [], {}) or mine in (None, "", [], {}):
        return (theirs or None) == (mine or None) or str(theirs).startswith("0000")
    if isinstance(theirs, dict) and isinstance(mine, dict):
        return all(same(value, mine.get(name)) for name, value in theirs.items())
    if isinstance(theirs, list) and isinstance(mine, list):
        kept = [each for each in theirs if each is not None]
        return len(kept) == len(mine) and all(map(same, kept, mine))
    if isinstance(theirs, str) and moment(theirs) and moment(theirs) == moment(mine):
        return True
    return bool(theirs == mine) or str(theirs).lower() == str(mine).lower()


def moment(text: Any) -> datetime | None:
    try:
        return parse_stamp(text)
    except (ValueError, AttributeError):
        return None


@pytest.fixture
def bench(office: Office) -> Bench:
    return Bench(office)


@pytest.fixture
def make_bench(make_office: Any) -> Any:
    return lambda **world: Bench(make_office(**world))


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a few rows, so that there are many borders."""
    for name, entity in list(BY_NAME.items()):
        monkeypatch.setitem(BY_NAME, name, replace(entity, page_rows=20 if entity.parent else 7))
