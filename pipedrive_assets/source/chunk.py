"""A chunk: rows that are committed together, with what the ledger may say once they are."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipedrive_assets.source.ledger import ChildrenRead
from pipedrive_assets.source.plan import Walk

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows to commit together, and what the ledger may say once they are: the walk's position, the
    children read.
    """

    rows: list[tuple[int | None, Row]]
    """Each with its parent's id (None: no parent)."""

    read_at: datetime | None = None
    walk: Walk | None = None
    reads: list[ChildrenRead] = field(default_factory=list)
    skipped: list[ChildrenRead] = field(default_factory=list)
    """Parents that refused: what is held of them stays, and they are not asked again until they
    change."""

    whole: bool = False
    """Whether the rows are everything that a snapshot lists."""
