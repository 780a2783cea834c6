"""Read snapshots: all rows of a small collection, in one chunk."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import BadRequest, Missing, Refused
from pipedrive_assets.extract.chunk import Chunk, Row
from pipedrive_assets.extract.goal_results import read_results
from pipedrive_assets.extract.list_pages import read_whole
from pipedrive_assets.extract.offset_pages import Params
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.registry import BY_NAME, Endpoint, Entity
from pipedrive_assets.registry.entity import list_name
from pipedrive_assets.windows import parse_stamp

log = logging.getLogger(__name__)


def read_snapshot(
    client: Client,
    entity: Entity,
    stats: RequestStats,
    *,
    known: Mapping[str, datetime | None] | None = None,
) -> Iterator[Chunk]:
    """Read all rows of a snapshot.

    If Pipedrive refuses one of the further lists, the list is skipped and named in `Chunk.refused`.

    Args:
        client: The client for Pipedrive.
        entity: The snapshot.
        stats: Statistics that the requests are added to.
        known: Until when the record of each owner was read (UTC), by path, for a table that is
            read per interval.

    Yields:
        One chunk with all rows.

    Raises:
        PipedriveError: The first list was refused, or a list failed.
    """
    doubts = _Doubts()
    if entity.per_interval:
        yield _of_intervals(client, entity, stats, doubts, known or {})
        return
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


def _of_intervals(
    client: Client,
    entity: Entity,
    stats: RequestStats,
    doubts: "_Doubts",
    known: Mapping[str, datetime | None],
) -> Chunk:
    """Read the results of goals; the goals are requested again."""
    goals, read_at = _all_lists(client, BY_NAME[entity.list_per or ""], stats, doubts)
    found = read_results(client, entity, goals, stats, now=read_at, known=known)
    return Chunk(
        rows=[(None, row) for row in found.rows],
        read_at=read_at,
        whole=True,
        refused=found.refused,
        reached=found.reached,
        not_requested=frozenset(found.not_requested),
        doubtful=tuple(doubts.doubtful),
        has_empty_list=not goals,
    )


def parents_to_read(
    entity: Entity, chunk: Chunk, scan: Scan
) -> tuple[list[tuple[int | None, Row]], Scan]:
    """Select the rows of a snapshot whose children must be read, by their time of change.

    Used by readers without a state per parent. Each list has its own watermark, so a list that was
    refused, or empty by mistake, continues from its earlier position.

    Args:
        entity: The snapshot.
        chunk: The result of `read_snapshot`.
        scan: The watermark of each list, by list name.

    Returns:
        The rows, and the scan after their children are read.
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
    """Lists that may be incomplete, and the rows of each list; see the attributes of Chunk."""

    refused: dict[str, str] = field(default_factory=dict)
    doubtful: list[str] = field(default_factory=list)
    has_empty_list: bool = False
    lists: dict[str, list[Row]] = field(default_factory=dict)


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
    """Read a list with each set of parameters; return nothing if it is refused."""
    try:
        read = [
            _read(client, entity, endpoint, stats, (*entity.params, *variant), doubts)
            for variant in entity.variants
        ]
    except (Refused, BadRequest) as refusal:
        if endpoint.path == entity.path:
            raise
        log.warning("%s: skipping /%s: %s", entity.name, endpoint.path, refusal)
        doubts.refused[endpoint.path] = refusal.quote or f"status {refusal.status}"
        return []
    for variant, (rows, _) in zip(entity.variants, read, strict=True):
        doubts.lists.setdefault(list_name(endpoint.path, variant), []).extend(rows)
    return read


def _of_each(
    client: Client, entity: Entity, stats: RequestStats, doubts: _Doubts
) -> tuple[list[Row], datetime]:
    """Read one list per owner row; the owners are requested again.

    A 404 means that the owner has no list (official docs, permission set assignments), unless all
    owners return 404. It is treated as an empty list, which is not evidence of deletions.
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
        rows += [{entity.key[0]: owner["id"], **row} for row in found] if one.lacks_owner else found
    if missing and not answered:
        raise missing
    return rows, read_at


def _lists(entity: Entity) -> tuple[Endpoint, ...]:
    """Return the lists to read, with the first one again after the archive.

    A row that is restored from the archive in between would otherwise be in neither list.
    """
    again = entity.endpoints[:1] if entity.archived else ()
    return (*entity.endpoints, *again)


def _read(  # noqa: PLR0913, PLR0917 - the properties of a list
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
