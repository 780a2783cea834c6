"""Chunks as JSON: what a run commits, in a form that can be read back exactly."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.extract.chunk import ChildrenRead, Chunk, Parent, Unread
from pipedrive_assets.extract.plan import Scan

_PLAIN = ("whole", "has_empty_list", "complete")
_TUPLES = ("doubtful", "omitted")
_READS = ("reads", "skipped", "doubted")


def chunk_facts(chunk: Chunk) -> dict[str, Any]:
    """Return a chunk as JSON. `Chunk.lists` is left out, because loads do not use it."""
    return {
        "rows": chunk.rows,
        "read_at": _text(chunk.read_at),
        "scan": chunk.scan.to_json() if chunk.scan else None,
        "unread": [[_parent_facts(each.parent), str(each.error)] for each in chunk.unread],
        "not_requested": [list(key) for key in chunk.not_requested],
        "reached": {path: _text(moment) for path, moment in chunk.reached.items()},
        "refused": dict(chunk.refused),
        **{name: _read_facts(getattr(chunk, name)) for name in _READS},
        **{name: list(getattr(chunk, name)) for name in _TUPLES},
        **{name: getattr(chunk, name) for name in _PLAIN},
    }


def chunk_of(facts: Mapping[str, Any]) -> Chunk:
    """Return the chunk that was recorded."""
    given: dict[str, Any] = {name: _reads_of(facts[name]) for name in _READS}
    given |= {name: tuple(facts[name]) for name in _TUPLES}
    given |= {name: facts[name] for name in _PLAIN}
    return Chunk(
        rows=[(parent, row) for parent, row in facts["rows"]],
        read_at=_moment(facts["read_at"]),
        scan=Scan.from_json(facts["scan"]) if facts["scan"] else None,
        unread=[
            Unread(parent=_parent_of(parent), error=PipedriveError(error))
            for parent, error in facts["unread"]
        ],
        not_requested=frozenset(map(tuple, facts["not_requested"])),
        reached={path: datetime.fromisoformat(text) for path, text in facts["reached"].items()},
        refused=facts["refused"],
        **given,
    )


def _read_facts(reads: Iterable[ChildrenRead]) -> list[Any]:
    return [[_parent_facts(each.parent), _text(each.read_at), each.is_gone] for each in reads]


def _reads_of(facts: Iterable[Any]) -> list[ChildrenRead]:
    return [
        ChildrenRead(
            parent=_parent_of(parent), read_at=datetime.fromisoformat(read_at), is_gone=is_gone
        )
        for parent, read_at, is_gone in facts
    ]


def _parent_facts(parent: Parent) -> dict[str, Any]:
    """Return a parent as JSON, without the flags that it does not have."""
    facts = {name: value for name, value in asdict(parent).items() if value}
    return {**facts, "id": parent.id, "update_time": _text(parent.update_time)}


def _parent_of(facts: Mapping[str, Any]) -> Parent:
    return Parent(**{**facts, "update_time": _moment(facts["update_time"])})


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
