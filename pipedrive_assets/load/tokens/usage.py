"""The token usage of a load: the budget of capped tables, and the usage of every table.

The ledger table `_pipedrive_tokens` has a row per day, run and table. It is updated with every
commit, so it includes the usage of a killed run up to its last commit.
"""

import logging
from dataclasses import dataclass
from datetime import timezone

from pipedrive_assets.api import (
    Caps,
    Client,
    DayNote,
    QuotaWindow,
    RequestStats,
    TokenBudget,
    current_day,
)
from pipedrive_assets.api.allowance import CAP_OF_UNKNOWN_LIMIT
from pipedrive_assets.load.report import TokensSpent
from pipedrive_assets.registry import ENTITIES, Entity
from pipedrive_assets.warehouse.statements import Sql, in_clause, table

log = logging.getLogger(__name__)

ATTACHMENTS = "(attachments)"
"""The name in the ledger for downloads of attachments, which the token caps limit."""

CAPPED = (*(entity.name for entity in ENTITIES if entity.capped), ATTACHMENTS)
ACCOUNT = "(account)"
"""The name in the ledger for requests that do not belong to a table."""


@dataclass(slots=True)
class _Counted:
    """Requests and tokens of a table in this run.

    Attributes:
        before: Before the account's current day began.
        now: In total.
        written: The day and the total that the ledger has; None: nothing yet.
    """

    before: tuple[int, int] = (0, 0)
    now: tuple[int, int] = (0, 0)
    written: tuple[QuotaWindow, int, int] | None = None


class Spending:
    """The token budget and usage of one load. Only the writer thread calls `note` and `spent`."""

    def __init__(
        self, sql: Sql, client: Client, caps: Caps, run_id: str, *, connected: RequestStats
    ) -> None:
        """Read the account's current day and its usage from the ledger.

        Args:
            sql: The warehouse; the caller holds its lock.
            client: The HTTP client, after its first request.
            caps: Token limits for capped tables.
            run_id: The id of this run in the ledger.
            connected: The requests that belong to no table.
        """
        self._run_id, self._client, self._now = run_id, client, client.now
        day = current_day(last_note(sql), client.daily, client.now())
        client.daily.ends_at = day.end
        self.allowance = TokenBudget(caps, client.daily, day=day, now=client.now)
        """The token budget of capped tables."""

        self._day, self._before_day, self._others = day, 0, 0
        self._counted: dict[str, _Counted] = {}
        self.note(sql, ACCOUNT, connected)

    def stats(self, entity: Entity) -> RequestStats:
        """Return a request counter for a table; that of a capped table uses the token budget."""
        return RequestStats(allowance=self.allowance if entity.capped else None)

    def capped_stats(self) -> RequestStats:
        """Return a request counter that uses the token budget of capped tables."""
        return RequestStats(allowance=self.allowance)

    def note(self, sql: Sql, name: str, stats: RequestStats) -> None:
        """Record what a table has used so far in the ledger.

        Args:
            sql: The warehouse; the caller holds its lock.
            name: The table's name.
            stats: Its requests and token cost in this run.
        """
        day = self.allowance.turn_over()
        if day != self._day:
            self._day, self._before_day = day, self._client.stats.tokens
            for counted in self._counted.values():
                counted.before = counted.now
        counted, now = self._counted.setdefault(name, _Counted()), (stats.requests, stats.tokens)
        if counted.written == (day, *now):
            return
        counted.now, counted.written = now, (day, *now)
        self._write(sql, name, counted)
        self._others, self.allowance.others = _tokens_of_others(sql, day, self._run_id)

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

    def spent(self) -> TokensSpent:
        """Return the token usage up to now, including tables that have not committed yet.

        The usage of other runs is that of the last `note`.
        """
        daily, own = self._client.daily, self._client.stats.tokens - self._before_day
        noted = sum(each.now[1] - each.before[1] for each in self._counted.values())
        today = self._others + max(noted, own)
        counted = max(0, daily.limit - today) if daily.limit is not None else None
        return TokensSpent(
            by_run=self._client.stats.tokens,
            today=today,
            limit=daily.limit,
            left=counted if daily.left is None else daily.left,
            ends_at=self._day.end,
        )


def warn_of_unknown_limit(caps: Caps, limit: int | None) -> None:
    """Log a warning if the daily cap is a default because the account's limit is unknown.

    Args:
        caps: The caps that the settings define.
        limit: The account's daily token limit; None if Pipedrive does not return it.
    """
    if limit is None and caps.per_day is None:
        log.warning(
            "Pipedrive does not return this account's daily token limit. Histories and optional "
            "tables may use %s tokens a day. Set PIPEDRIVE_TOKENS_PER_DAY to change this cap; 0 "
            "disables it.",
            f"{CAP_OF_UNKNOWN_LIMIT:,}",
        )


def last_note(sql: Sql) -> DayNote | None:
    """Return the account's day and tokens as the last run recorded them; None: never recorded."""
    rows = sql.execute_sql(
        "SELECT day_started_at, account_limit, account_left "
        f"FROM {table(sql, '_pipedrive_tokens')} ORDER BY noted_at DESC, account_left LIMIT 1"
    )
    if not rows:
        return None
    start, limit, left = rows[0]
    return DayNote(day=QuotaWindow(start=start.astimezone(timezone.utc)), limit=limit, left=left)


def tokens_since(sql: Sql, day: QuotaWindow) -> int:
    """Return the tokens that all runs into this warehouse have used since a day began."""
    return _tokens_of_others(sql, day, None)[0]


def _tokens_of_others(sql: Sql, day: QuotaWindow, run_id: str | None) -> tuple[int, int]:
    """Sum up the tokens that other runs have used since a day began.

    Args:
        sql: The warehouse.
        day: The account's day.
        run_id: The id of the run to leave out; None: include all.

    Returns:
        The tokens of all tables, and those of capped tables.
    """
    capped, values = in_clause(CAPPED)
    rows = sql.execute_sql(
        f"SELECT sum(tokens), sum(tokens) FILTER (WHERE entity IN ({capped})) "
        f"FROM {table(sql, '_pipedrive_tokens')} "
        "WHERE day_started_at >= %s AND run_id IS DISTINCT FROM %s",
        *(*values, day.start, run_id),
    )
    every, of_capped = (rows or [(0, 0)])[0]
    return int(every or 0), int(of_capped or 0)


def largest_load(sql: Sql, entity: Entity) -> int:
    """Return the highest token cost of a table's last ten loads; 0 if it was never loaded."""
    rows = sql.execute_sql(
        f"SELECT max(tokens) FROM (SELECT tokens FROM {table(sql, '_pipedrive_loads')} "
        "WHERE entity = %s AND tokens > 0 ORDER BY finished_at DESC LIMIT 10) AS latest",
        entity.name,
    )
    return int(rows[0][0] or 0) if rows else 0
