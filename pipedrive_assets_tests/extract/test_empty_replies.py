"""What an endpoint's control parent shows when lists are empty."""

from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from pipedrive_assets.api import RequestStats
from pipedrive_assets.errors import (
    ApiError,
    DataError,
    Missing,
    PermissionDenied,
    TransientApiError,
)
from pipedrive_assets.extract.child_calls import Answered, ChildCalls, Failed
from pipedrive_assets.extract.chunk import Parent
from pipedrive_assets.extract.empty_replies import CONTRADICTIONS, EmptyReplies
from pipedrive_assets.registry import BY_NAME

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
CONTROL = Parent(id=7, update_time=None)
ENTITY = BY_NAME["deals_participants"]
BROKEN = TransientApiError(path="x", status=500)


class Calls:
    """Replies to the control parent: its children, and whether its record counts any."""

    entity = ENTITY

    def __init__(self, rows=(), counts=None):
        self.rows, self.counts, self.asked = rows, counts, 0

    def ask(self, batch):
        assert batch == (CONTROL,)
        self.asked += 1
        if isinstance(self.rows, ApiError):
            return Failed(error=self.rows)
        return Answered(rows=list(self.rows), read_at=NOW)

    def counts_children(self, parent):
        assert parent is CONTROL
        if isinstance(self.counts, ApiError):
            raise self.counts
        return self.counts


@pytest.mark.parametrize(
    ("calls", "has_rows", "has_none"),
    [
        (Calls(rows=[(7, {})]), True, False),
        (Calls(counts=True), False, True),
        (Calls(counts=False), False, False),
        (Calls(counts=None), False, False),
        (Calls(counts=BROKEN), False, False),
        (Calls(rows=BROKEN), False, False),
    ],
    ids=["rows", "none, counted", "none, not counted", "no counter", "no record", "no reply"],
)
def test_the_control_parent_shows_whether_an_endpoint_is_silent(calls, has_rows, has_none):
    assert has_rows is EmptyReplies(calls=calls, control=CONTROL).returns_rows()
    assert has_none is EmptyReplies(calls=calls, control=CONTROL).returns_nothing()

    replies = EmptyReplies(calls=calls, control=CONTROL)
    for _ in range(CONTRADICTIONS - 1):
        replies.count(DataError("x"))
    if has_none:
        with pytest.raises(DataError, match="x"):
            replies.count(DataError("x"))
    else:
        replies.count(DataError("x"))


def test_without_a_control_parent_nothing_is_known():
    replies = EmptyReplies(calls=Calls(), control=None)

    assert not replies.returns_rows()
    assert not replies.returns_nothing()


def test_rows_of_this_run_show_that_the_endpoint_is_not_silent():
    calls = Calls(counts=True)
    replies = EmptyReplies(calls=calls, control=None)

    replies.end_with(CONTROL)

    assert replies.returns_rows()
    assert not replies.returns_nothing()
    assert 0 == calls.asked


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        ({"id": 7, "participants_count": 2}, True),
        ({"id": 7, "participants_count": 0}, False),
        ({"id": 7, "participants_count": None}, None),
        ({"id": 7}, None),
        ({"id": 8, "participants_count": 2}, False),
        (Missing(path="x", status=404), False),
        (PermissionDenied(path="x", status=403), None),
    ],
    ids=["some", "none", "null", "no counter", "merged", "404", "403"],
)
def test_a_parents_record_counts_its_children(record, counts):
    def reply(*_, **__):
        if isinstance(record, ApiError):
            raise record
        return record, NOW

    calls = ChildCalls(client=SimpleNamespace(object=reply), entity=ENTITY, stats=RequestStats())

    assert counts is calls.counts_children(CONTROL)
