"""Reading snapshots: everything a small collection lists, in one chunk.

No warehouse in here.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import BadRequest, Missing, Refused
from pipedrive_assets.extract.chunk import Chunk, Row
from pipedrive_assets.extract.list_pages import Params, read_whole
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.registry import BY_NAME, Endpoint, Entity
from pipedrive_assets.registry.entity import list_name
from pipedrive_assets.windows import parse_stamp

log = logging.getLogger(__name__)


def read_snapshot(client: Client, entity: Entity, stats: RequestStats) -> Iterator[Chunk]:
    """Everything a small collection holds, in one chunk.

    A second list that Pipedrive refuses is left out, and named in the chunk's `refused`.

    Raises:
        PipedriveError: The first list failed, or any list other than by a refusal.
    """
    doubts = _Doubts()
    rows, read_at = (_of_each if entity.list_per else _all_lists)(client, entity, stats, doubts)
    yield Chunk(
        rows=[(None, row) for row in rows],
        read_at=read_at,
        whole=True,
        refused=doubts.refused,
        doubtful=tuple(doubts.doubtful),
        lists={} if entity.list_per else doubts.lists,
        has_empty_list=doubts.has_empty_list,
    )


def parents_to_read(
    entity: Entity, chunk: Chunk, scan: Scan
) -> tuple[list[tuple[int | None, Row]], Scan]:
    """Which rows of a snapshot have children to read, for readers that keep no state per parent.

    Each list has a mark of its own, as the lists of a windowed entity have: one that was refused,
    or empty by mistake, is taken from where it was.

    Args:
        entity: The snapshot.
        chunk: What `read_snapshot` read of it.
        scan: From when each list concerns the children, by the list's name.

    Returns:
        Those rows, and the scan once they are read.
    """
    column = entity.change_column
    concerned = {
        row["id"]
        for name, rows in chunk.lists.items()
        for row in rows
        if scan.concerns(row, column, name)
    }
    newest = {
        name: max(changes)
        for name, rows in chunk.lists.items()
        if (changes := [parse_stamp(row[column]) for row in rows if row.get(column)])
    }
    refused = {
        name: reason
        for path, reason in chunk.refused.items()
        for name in entity.list_names
        if name.partition("?")[0] == path
    }
    done = replace(scan, started_at=chunk.read_at, newest=newest, refused=refused)
    return [each for each in chunk.rows if each[1]["id"] in concerned], done


@dataclass(slots=True)
class _Doubts:
    """Lists that rows may be missing from: refused ones with the reason, and doubtful ends."""

    refused: dict[str, str] = field(default_factory=dict)
    doubtful: list[str] = field(default_factory=list)
    has_empty_list: bool = False
    lists: dict[str, list[Row]] = field(default_factory=dict)
    """By name, the rows that each list returned."""


def _all_lists(
    client: Client, entity: Entity, stats: RequestStats, doubts: _Doubts
) -> tuple[list[Row], datetime]:
    rows: list[Row] = []
    moments: list[datetime] = []
    for endpoint in _lists(entity):
        for found, read_at in _variants(client, entity, endpoint, stats, doubts):
            rows += found
            moments.append(read_at)
    return rows, moments[0]


def _variants(
    client: Client, entity: Entity, endpoint: Endpoint, stats: RequestStats, doubts: _Doubts
) -> list[tuple[list[Row], datetime]]:
    """What a list returns for each set of parameters; nothing where it is refused."""
    try:
        read = [
            _read(client, entity, endpoint, stats, (*entity.params, *variant), doubts)
            for variant in entity.variants
        ]
    except (Refused, BadRequest) as refusal:
        if endpoint.path == entity.path:
            raise
        log.warning("%s: /%s is not read: %s", entity.name, endpoint.path, refusal)
        doubts.refused[endpoint.path] = refusal.quote or f"status {refusal.status}"
        return []
    for variant, (rows, _) in zip(entity.variants, read, strict=True):
        doubts.lists.setdefault(list_name(endpoint.path, variant), []).extend(rows)
    return read


def _of_each(
    client: Client, entity: Entity, stats: RequestStats, doubts: _Doubts
) -> tuple[list[Row], datetime]:
    """The lists that belong to the rows of another snapshot, which is read for that anew.

    404 means that one of them has no list (official docs, permission set assignments), unless all
    say so. It counts as an empty list, which proves nothing by itself.
    """
    owners, read_at = _all_lists(client, BY_NAME[entity.list_per or ""], stats, doubts)
    rows: list[Row] = []
    answered, missing = not owners, None
    for owner in owners:
        one = replace(entity, path=entity.path.format(id=owner["id"]))
        params = ((entity.parent_param, str(owner["id"])),) if entity.parent_param else ()
        try:
            asked = (*entity.params, *params)
            found, _ = _read(client, one, one.endpoints[0], stats, asked, doubts)
        except Missing as refusal:
            missing = refusal
            doubts.has_empty_list = True
            continue
        answered = True
        rows += found
    if missing and not answered:
        raise missing
    return rows, read_at


def _lists(entity: Entity) -> tuple[Endpoint, ...]:
    """The lists to read: the first once more after an archive, for a row that came back from there
    in between would be in neither.
    """
    again = entity.endpoints[:1] if entity.archived else ()
    return (*entity.endpoints, *again)


def _read(  # noqa: PLR0913, PLR0917 - what a list is
    client: Client,
    entity: Entity,
    endpoint: Endpoint,
    stats: RequestStats,
    params: Params,
    doubts: _Doubts,
) -> tuple[list[Row], datetime]:
    read = read_whole(client, entity, endpoint, stats, params, null_is_empty=True)
    doubts.doubtful += [endpoint.path] if read.is_doubtful else []
    doubts.has_empty_list |= not read.rows
    return read.rows, read.read_at
