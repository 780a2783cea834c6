"""Tokens of a load: what capped tables may take, and the ledger's table of what every table took.

`_pipedrive_tokens` has a row per day, run and table, kept up to date at every commit, so that a run
that is killed has been counted up to its last one.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timezone

from pipedrive_assets.api import Caps, Client, QuotaWindow, RequestStats, TokenBudget, has_reset
from pipedrive_assets.api.allowance import CAP_OF_UNKNOWN_LIMIT
from pipedrive_assets.load.report import TokensSpent
from pipedrive_assets.registry import ENTITIES, Entity
from pipedrive_assets.warehouse.statements import Sql, in_clause, table

log = logging.getLogger(__name__)

CAPPED = tuple(entity.name for entity in ENTITIES if entity.capped)
ACCOUNT = "(account)"
"""Stands for a table where a run asks whose account it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayNote:
    """What the last run noted of the account's day."""

    day: QuotaWindow
    limit: int | None
    left: int | None


@dataclass(slots=True)
class _Counted:
    """Of a table: what was used before this day, and up to now."""

    before: tuple[int, int] = (0, 0)
    now: tuple[int, int] = (0, 0)


class Spending:
    """The tokens of one load. Notes are taken in the thread that writes."""

    def __init__(self, sql: Sql, client: Client, caps: Caps, run_id: str) -> None:
        """Find out which day it is and what it has taken already; warns once where the account
        does not tell its limit and no setting caps it.
        """
        self._run_id, self._client, self._now = run_id, client, client.now
        day = current_day(last_note(sql), client, client.now())
        client.daily.ends_at = day.end
        others = tokens_since(sql, day, self._run_id, CAPPED)
        self.allowance = TokenBudget(caps, client.daily, day=day, now=client.now, others=others)
        self._day, self._before_day = day, 0
        self._counted: dict[str, _Counted] = {}
        self.note(sql, ACCOUNT, client.stats)

    def stats(self, entity: Entity) -> RequestStats:
        """A table's counter; a capped table's takes from the allowance."""
        return RequestStats(allowance=self.allowance if entity.capped else None)

    def note(self, sql: Sql, name: str, stats: RequestStats) -> None:
        """Note what a table has used so far, in place of the note before."""
        day = self.allowance.turn_over()
        if day != self._day:
            self._day, self._before_day = day, self._client.stats.tokens
            for counted in self._counted.values():
                counted.before = counted.now
        counted = self._counted.setdefault(name, _Counted())
        counted.now = stats.requests, stats.tokens
        self._write(sql, name, counted)
        self.allowance.others = tokens_since(sql, day, self._run_id, CAPPED)

    def _write(self, sql: Sql, name: str, counted: _Counted) -> None:
        notes, daily = table(sql, "_pipedrive_tokens"), self._client.daily
        requests, tokens = (
            now - before for now, before in zip(counted.now, counted.before, strict=True)
        )
        sql.execute_sql(
            f"DELETE FROM {notes} WHERE day_started_at = %s AND run_id = %s AND entity = %s",
            *(self._day.start, self._run_id, name),
        )
        sql.execute_sql(
            f"INSERT INTO {notes} VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *(self._day.start, self._run_id, name, requests, tokens),
            *(daily.limit, daily.left, self._day.end, self._now()),
        )

    def spent(self, sql: Sql) -> TokensSpent:
        """What was used up to now, also for tables under way that have noted nothing yet."""
        daily, own = self._client.daily, self._client.stats.tokens - self._before_day
        others = tokens_since(sql, self._day, self._run_id)
        today = max(tokens_since(sql, self._day), others + own)
        counted = max(0, daily.limit - today) if daily.limit is not None else None
        return TokensSpent(
            by_run=self._client.stats.tokens,
            today=today,
            limit=daily.limit,
            left=counted if daily.left is None else daily.left,
            ends_at=self._day.end,
        )


def warn_of_unknown_limit(caps: Caps, limit: int | None) -> None:
    """Say that the cap is a guess, where it is one."""
    if limit is None and caps.per_day is None:
        log.warning(
            "Pipedrive does not tell this account's daily limit of API tokens; histories and "
            "optional tables take %s a day. PIPEDRIVE_TOKENS_PER_DAY sets another cap, 0 none.",
            f"{CAP_OF_UNKNOWN_LIMIT:,}",
        )


def last_note(sql: Sql) -> DayNote | None:
    """The newest note of all runs; None: no run has noted anything."""
    rows = sql.execute_sql(
        "SELECT day_started_at, account_limit, account_left "
        f"FROM {table(sql, '_pipedrive_tokens')} ORDER BY noted_at DESC, account_left LIMIT 1"
    )
    if not rows:
        return None
    start, limit, left = rows[0]
    return DayNote(day=QuotaWindow(start=start.astimezone(timezone.utc)), limit=limit, left=left)


def current_day(noted: DayNote | None, client: Client, now: datetime) -> QuotaWindow:
    """The day by the last observed reset, else the UTC day."""
    if noted is None:
        return QuotaWindow.utc(now)
    if has_reset(noted.left, client.daily.left, client.daily.limit or noted.limit):
        return QuotaWindow(start=now)
    return noted.day.at(now)


def tokens_since(
    sql: Sql, day: QuotaWindow, but_run: str | None = None, names: tuple[str, ...] = ()
) -> int:
    """Tokens noted of a day: of all runs but one, of these tables (none named: all)."""
    these, values = in_clause(names)
    only = f" AND entity IN ({these})" if names else ""
    rows = sql.execute_sql(
        f"SELECT sum(tokens) FROM {table(sql, '_pipedrive_tokens')} "
        f"WHERE day_started_at >= %s AND run_id IS DISTINCT FROM %s{only}",
        *(day.start, but_run, *values),
    )
    return int(rows[0][0] or 0) if rows else 0


def largest_load(sql: Sql, entity: Entity) -> int:
    """Tokens of the most expensive of a table's last ten loads; 0 where it was never loaded."""
    rows = sql.execute_sql(
        f"SELECT max(tokens) FROM (SELECT tokens FROM {table(sql, '_pipedrive_loads')} "
        "WHERE entity = %s AND tokens > 0 ORDER BY finished_at DESC LIMIT 10) AS latest",
        entity.name,
    )
    return int(rows[0][0] or 0) if rows else 0
