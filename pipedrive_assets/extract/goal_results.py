"""Read the results of goals: one request per goal and interval."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import (
    BadRequest,
    DataError,
    PipedrivePaymentRequiredError,
    Refused,
)
from pipedrive_assets.fault_text import shown
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.coercion import COERCION_FAILED, FITS

log = logging.getLogger(__name__)

Row = dict[str, Any]
Key = tuple[Any, ...]

EARLIER = 12
"""Intervals before the current one that a first or full load reads."""

MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
"""Calendar months per interval."""

FOUNDED = date(2010, 1, 1)
"""No account is older."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval of a goal: both days belong to it."""

    start: date
    end: date

    def __str__(self) -> str:
        """Return the interval in ISO 8601."""
        return f"{self.start}/{self.end}"

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """The query parameters of a request for its result."""
        return (("period.start", str(self.start)), ("period.end", str(self.end)))


@dataclass(slots=True, kw_only=True)
class Results:
    """The results of all goals.

    Attributes:
        rows: One row per goal and interval that was requested.
        not_requested: Keys of rows that can be in the table although they were not requested, or
            were refused.
        refused: Why Pipedrive refused a goal, by path.
        reached: Until when each goal was read (UTC), by path; unchanged for a refused goal.
    """

    rows: list[Row] = field(default_factory=list)
    not_requested: set[Key] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    reached: dict[str, datetime] = field(default_factory=dict)


def intervals_of(goal: Mapping[str, Any], today: date) -> list[Interval]:
    """List the intervals of a goal up to the current one, latest first.

    Intervals are calendar weeks (from Monday), months, quarters or years, cut at the first and the
    last day of the goal. The API does not return them. A goal with another interval is read by
    year.

    Args:
        goal: A row of `goals` as Pipedrive returns it.
        today: The current day.

    Returns:
        The intervals. The current one is missing if the goal has ended, or has not started.
    """
    duration = goal.get("duration")
    duration = duration if isinstance(duration, Mapping) else {}
    first = max(_day(duration.get("start")) or FOUNDED, FOUNDED)
    last = _day(duration.get("end")) or date.max
    return [
        Interval(start=max(each.start, first), end=min(each.end, last))
        for each in _calendar(goal.get("interval"), today, first)
        if each.start <= last and first <= today
    ]


def _calendar(kind: object, today: date, first: date) -> Iterator[Interval]:
    day = today
    while day >= first:
        each = _around(kind, day)
        yield each
        day = each.start - DAY


def _around(kind: object, day: date) -> Interval:
    if kind == "weekly":
        start = day - day.weekday() * DAY
        return Interval(start=start, end=start + 6 * DAY)
    length = MONTHS.get(str(kind), 12)
    start = date(day.year, (day.month - 1) // length * length + 1, 1)
    months = start.month - 1 + length
    return Interval(start=start, end=date(start.year + months // 12, months % 12 + 1, 1) - DAY)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def requested(goal: Mapping[str, Any], today: date, since: date | None) -> list[Interval]:
    """Select the intervals to read.

    Args:
        goal: A row of `goals` as Pipedrive returns it.
        today: The current day.
        since: The day on which the goal was last read; None if it never was.

    Returns:
        The current interval, the one before, and those that ended since then. For a goal that was
        never read, its latest EARLIER + 1 intervals.
    """
    known = intervals_of(goal, today)
    if since is None:
        return known[: EARLIER + 1]
    kind = goal.get("interval")
    before = _around(kind, _around(kind, today).start - DAY)
    return [each for each in known if each.end >= min(before.start, since)]


def latest_period(goal: Mapping[str, Any], today: date) -> tuple[tuple[str, str], ...]:
    """Return the query parameters of the latest interval of a goal; its first one if it is new."""
    duration = goal.get("duration")
    start = _day(duration.get("start")) if isinstance(duration, Mapping) else None
    known = intervals_of(goal, today) or intervals_of(goal, start or today)
    return known[0].params if known else ()


def read_results(  # noqa: PLR0913 - all inputs of a read
    client: Client,
    entity: Entity,
    goals: Iterable[Row],
    stats: RequestStats,
    *,
    now: datetime,
    known: Mapping[str, datetime | None],
) -> Results:
    """Read the results of goals.

    A goal that Pipedrive refuses is left out: its rows stay as they are.

    Args:
        client: The client for Pipedrive.
        entity: The table `goals_results`.
        goals: The rows of `goals`.
        stats: Statistics that the requests are added to.
        now: Pipedrive's clock, UTC.
        known: Until when each goal was read (UTC), by path.

    Returns:
        The rows, and what was not read.

    Raises:
        PipedriveError: All goals were refused, or a request failed.
    """
    today, results, refusal = now.date(), Results(), None
    for goal in goals:
        path = entity.path.format(id=goal["id"])
        before = known.get(path)
        asked = requested(goal, today, before.date() if before else None)
        try:
            results.rows += [_result(client, entity, goal, each, stats) for each in asked]
        except PipedrivePaymentRequiredError:
            raise  # 402 concerns the whole account
        except (Refused, BadRequest) as error:
            refusal, asked = error, []
            results.refused[path] = error.quote or f"status {error.status}"
            log.warning("%s: skipping /%s: %s", entity.name, path, error)
            results.reached |= {path: before} if before else {}
        else:
            results.reached[path] = now
        left = set(intervals_of(goal, today)) - set(asked)
        results.not_requested |= {(goal["id"], str(each)) for each in left}
    if refusal and not results.rows:
        raise refusal
    return results


def _result(
    client: Client, entity: Entity, goal: Row, interval: Interval, stats: RequestStats
) -> Row:
    path = entity.path.format(id=goal["id"])
    found, _ = client.object(path, cost=entity.tokens_per_page, params=interval.params, stats=stats)
    inner = found.pop("goal", None)
    inner = inner if isinstance(inner, Mapping) else {}
    progress = found.get("progress")
    fitted = None if progress is None else FITS["double"](progress)
    if fitted is None or fitted is COERCION_FAILED:
        raise _unusable(path, "progress", progress)
    if inner.get("id", goal["id"]) != goal["id"]:
        raise _unusable(path, "goal.id", inner["id"])
    return {
        "goal_id": goal["id"],
        "period": str(interval),
        "period_start": str(interval.start),
        "period_end": str(interval.end),
        "expected_outcome": inner.get("expected_outcome", goal.get("expected_outcome")),
        **found,
    }


def _unusable(path: str, name: str, value: object) -> DataError:
    return DataError(
        f"GET /{path} returned {name} {shown(value)}. The results of goals were not loaded; rows "
        "already loaded are kept. Run again; if the error remains, report this message."
    )
