"""Whatever becomes of the replies, a read ends in an error or shows every row: never in between."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.child_scans import read_children
from pipedrive_assets.extract.chunk import Parent, Row
from pipedrive_assets.extract.coerce import coerced_rows
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.extract.snapshot_scans import read_snapshot
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.sandbox import Reply
from pipedrive_assets.sandbox.exchange import Dropped, json_reply
from pipedrive_assets.sandbox.faults import Fault
from pipedrive_assets_tests.conftest import Office
from pipedrive_assets_tests.truth import account_rows

DEAL = 2
Damage = Callable[[Reply], Reply]


def edited(edit: Callable[[dict[str, Any]], Any]) -> Damage:
    return lambda genuine: json_reply(
        genuine.status, edit(json.loads(genuine.body)), genuine.headers
    )


def drop(_genuine: Reply) -> Reply:
    raise Dropped


def cut(share: float) -> Damage:
    return lambda genuine: replace(genuine, body=genuine.body[: int(len(genuine.body) * share)])


def torn(share: float) -> Damage:
    return lambda genuine: replace(genuine, cut=int(len(genuine.body) * share))


def of_status(status: int) -> Damage:
    return lambda genuine: replace(genuine, status=status)


def of_bytes(body: bytes) -> Damage:
    return lambda genuine: replace(genuine, body=body)


PASS: Damage = lambda genuine: genuine  # noqa: E731 - a damage like the others
DAMAGES = st.one_of(
    st.just(PASS),
    st.just(PASS),
    st.sampled_from([
        drop,
        of_bytes(b"null"),
        of_bytes(b""),
        of_bytes(b"[]"),
        of_bytes(b"<html><title>Busy</title></html>"),
        edited(lambda body: {**body, "success": False}),
        edited(lambda body: {key: each for key, each in body.items() if key != "data"}),
        edited(lambda body: {**body, "data": {"x": 1}}),
        edited(lambda body: {**body, "data": ["x"]}),
        edited(lambda body: {**body, "data": "rows"}),
        edited(lambda body: {**body, "additional_data": {"next_cursor": 7, "pagination": 7}}),
        edited(lambda body: {**body, "additional_data": "none"}),
        lambda genuine: replace(genuine, headers={"Content-Type": "text/html"}),
    ]),
    st.floats(0, 0.99).map(cut),
    st.floats(0, 0.99).map(torn),
    st.sampled_from([301, 400, 401, 403, 404, 408, 410, 415, 418, 422, 429, 500, 503, 524])
    .map(of_status),
    st.integers(100, 999).filter(lambda status: not 200 <= status < 300).map(of_status),
    st.binary(max_size=20).map(of_bytes),
)  # fmt: skip


def windowed(office: Office, entity: Entity) -> list[Row] | None:
    """None: fields were refused, so that the next run reads everything again."""
    scan = Scan(initial_load=True, advances=True)
    chunks = list(read_windowed(office.connection.client, entity, scan, RequestStats()))
    if any(chunk.omitted for chunk in chunks):
        return None
    return [row for chunk in chunks for _, row in chunk.rows]


def snapshot(office: Office, entity: Entity) -> list[Row]:
    (chunk,) = read_snapshot(office.connection.client, entity, RequestStats())
    return [row for _, row in chunk.rows]


def children(office: Office, entity: Entity) -> list[Row] | None:
    """None: the deal was left to the next run, so that nothing looks complete."""
    parents = [Parent(id=DEAL, update_time=None)]
    chunks = list(read_children(office.connection.client, entity, parents, RequestStats()))
    if not any(chunk.reads for chunk in chunks):
        return None
    return [row for chunk in chunks for _, row in chunk.rows]


READS = [
    ("persons", windowed, 8),
    ("notes", windowed, 2),
    ("stages", snapshot, 4),
    ("users", snapshot, 500),
    ("deals_flow", children, 20),
]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"), deals=2)


def expected(office: Office, entity: Entity) -> set[str]:
    rows = account_rows(office.sandbox, entity)
    if entity.name == "deals_flow":
        rows = [row["event"] for row in rows if row["deal_id"] == DEAL]
    rows = coerced_rows(entity, entity.path, rows)
    return {json.dumps(row, sort_keys=True) for row in rows}


@settings(max_examples=150, deadline=None)
@given(damages=st.lists(DAMAGES, max_size=14), read=st.sampled_from(READS))
def test_a_read_of_damaged_replies_is_whole_or_an_error(office, damages, read):
    table, by, page_rows = read
    entity = replace(BY_NAME[table], page_rows=page_rows)
    waiting = iter(damages)

    def act(_sandbox: object, _call: object, serve: Callable[[], Reply]) -> Reply:
        return next(waiting, PASS)(serve())

    office.sandbox.clear_faults()
    office.sandbox.inject(Fault(on="*", act=act, times=None))
    try:
        rows = by(office, entity)
    except PipedriveError:
        return
    if rows is not None:
        assert expected(office, entity) == {json.dumps(row, sort_keys=True) for row in rows}
