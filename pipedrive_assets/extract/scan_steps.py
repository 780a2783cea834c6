"""The lists that a scan of a windowed table reads, and in which order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pipedrive_assets.extract.chunk import Row
from pipedrive_assets.extract.list_ends import moment_of
from pipedrive_assets.extract.offset_pages import Params
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.registry import Endpoint, Entity, Kind
from pipedrive_assets.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStep:
    """One list of a scan.

    Attributes:
        endpoint: The list.
        params: Query parameters.
        keep: Returns whether a row belongs to the scan.
        ends: Returns whether a page is the last one to read.
        look: The purpose: reading a list, or reading the first list again for rows restored from
            the archive or for the newest ids.
    """

    endpoint: Endpoint
    params: Params
    keep: Callable[[Row], bool] = lambda _row: True
    ends: Callable[[Sequence[Row]], bool] = lambda _rows: False
    look: Literal["list", "moved back", "newest ids"] = "list"

    @property
    def is_by_id(self) -> bool:
        """Whether the list is sorted by id, in ascending order."""
        v2 = {("sort_by", "id"), ("sort_direction", "asc")}
        return ("sort", "id ASC") in self.params or v2 <= set(self.params)


def first_page(entity: Entity, endpoint: Endpoint) -> Params:
    """Return the query parameters with which an initial load requests the start of a list."""
    if entity.kind is Kind.WINDOWED:
        return _list_step(entity, endpoint, None).params
    return (*entity.params, *entity.variants[0])


def steps_of(entity: Entity, scan: Scan) -> list[ScanStep | None]:
    """Return the steps of a scan in order; the last two are None if they are not needed."""
    lists = [
        _list_step(entity, endpoint, scan.window_of(endpoint.path)) for endpoint in entity.endpoints
    ]
    return [*lists, _moved_back_step(entity, scan), _newest_step(entity, scan)]


def _moved_back_step(entity: Entity, scan: Scan) -> ScanStep | None:
    """Return the step for rows restored from the archive during a scan of several pages."""
    if not (
        entity.archived and scan.started_at and scan.advances and scan.pages > len(entity.endpoints)
    ):
        return None
    window = Window(start=scan.started_at, end=scan.until)
    return replace(_list_step(entity, entity.endpoints[0], window), look="moved back")


def _newest_step(entity: Entity, scan: Scan) -> ScanStep | None:
    """Return the step for new rows without an `update_time`, which are in no window.

    It reads the newest ids in descending order, down to an id that is already loaded.
    """
    above_id = scan.above_id
    if above_id is None or scan.until:
        return None
    return ScanStep(
        endpoint=entity.endpoints[0],
        params=(*entity.params, *_sorted(entity, "id", "desc")),
        keep=lambda row: row["id"] > above_id,
        ends=lambda rows: any(row["id"] <= above_id for row in rows),
        look="newest ids",
    )


def _list_step(entity: Entity, endpoint: Endpoint, window: Window | None) -> ScanStep:
    """Return the step for a list, sorted so that a concurrent edit cannot skip a row.

    Lists with cursors are sorted by update time, so an edited row moves ahead. Lists with offsets
    are sorted by id, because every move would shift the pages.
    """
    if window is None:
        return ScanStep(endpoint=endpoint, params=(*entity.params, *_sorted(entity, "id", "asc")))
    if not endpoint.supports_updated_since:
        return _newest_change_first(entity, endpoint, window)
    column = "id" if entity.paging == "offset" else entity.cursor or "id"
    bounds = window.params(until=entity.supports_updated_until)
    params = (*entity.params, *bounds, *_sorted(entity, column, "asc"))
    if window.end is None or entity.supports_updated_until:
        return ScanStep(endpoint=endpoint, params=params)
    keep, end = _within(entity, window), window.end
    over = _any_change(entity, lambda moment: moment >= end)
    ends = (lambda _rows: False) if column == "id" else over
    return ScanStep(endpoint=endpoint, params=params, keep=keep, ends=ends)


def _newest_change_first(entity: Entity, endpoint: Endpoint, window: Window) -> ScanStep:
    """Return the step for a list without `updated_since`: latest change first, down to `start`."""
    return ScanStep(
        endpoint=endpoint,
        params=(*entity.params, *_sorted(entity, entity.cursor or "id", "desc")),
        keep=_within(entity, window),
        ends=_any_change(entity, lambda moment: moment < window.start),
    )


def _within(entity: Entity, window: Window) -> Callable[[Row], bool]:
    return lambda row: (moment := change_of(entity, row)) is not None and moment in window


def _any_change(
    entity: Entity, test: Callable[[datetime], bool]
) -> Callable[[Sequence[Row]], bool]:
    return lambda rows: any(
        test(moment) for row in rows if (moment := change_of(entity, row)) is not None
    )


def change_of(entity: Entity, row: Row) -> datetime | None:
    """Return the time of a row's last change (UTC); None if it has none."""
    return moment_of(row.get(entity.cursor or ""))


def _sorted(entity: Entity, column: str, direction: str) -> Params:
    """Return the sort parameters of API v1 (offset) or v2."""
    if entity.paging == "offset":
        return (("sort", f"{column} {direction.upper()}"),)
    return (("sort_by", column), ("sort_direction", direction))
