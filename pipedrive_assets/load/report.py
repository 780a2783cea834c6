"""What a load is asked for, and what it says it did."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pipedrive_assets.api import Caps, RequestStats
from pipedrive_assets.connect import Account
from pipedrive_assets.errors import LoadFailed, ParentNotLoaded, PipedriveError, Refused
from pipedrive_assets.extract.refusals import is_about_the_user, skips
from pipedrive_assets.load.merge import Written
from pipedrive_assets.load.plausible_loss import MAX_SHARE
from pipedrive_assets.load.timer import COMMITTING, SHAPING
from pipedrive_assets.registry import Entity
from pipedrive_assets.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What to load: tables, and the window that is to be complete afterwards.

    `since` limits the history of a first load, `full` scans everything again, `newest` also
    looks for new rows that no window shows, `recheck_days` reads children again that may have
    changed without a word, each deal's once in so many days (None: not). `caps` bound what capped
    tables take; `run_id` names the run in `_pipedrive_tokens`.
    """

    entities: tuple[Entity, ...]
    window: Window
    overlap: timedelta = timedelta(minutes=5)
    since: datetime | None = None
    full: bool = False
    newest: bool = True
    recheck_days: int | None = None
    recheck_flow_days: int | None = None
    """Within how many days each deal's history is read again although nothing shows a change."""

    caps: Caps = field(default_factory=Caps)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    purge_deleted: bool = False
    """Whether rows that are deleted in Pipedrive go, instead of being marked."""

    max_share: float = MAX_SHARE
    """The share of a table that may be missing from a complete list before it is not believed."""

    accept_loss: bool = False
    """Whether rows are marked however many are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensSpent:
    """Tokens used when a table was finished: by this run, and by all runs into this warehouse since
    the account's day began. `limit` and `left` are the account's, None where it does not tell;
    `ends_at` is when its day ends, as far as known.
    """

    by_run: int
    today: int
    limit: int | None
    left: int | None
    ends_at: datetime

    def __str__(self) -> str:
        """In one sentence."""
        left = "" if self.left is None else f"; the account has {self.left:,} left"
        return (
            f"API tokens: {self.by_run:,} in this run, {self.today:,} into this warehouse today"
            f"{left} until about {self.ends_at:%Y-%m-%d %H:%M} UTC."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a cap keeps for later: so many parents (for a list: 1), the reason, when the next run
    should go on, and when they are done at this pace (None: never).
    """

    count: int
    reason: str
    resumes_at: datetime
    done_at: datetime | None

    def __str__(self) -> str:
        """How much waits, why, and until when."""
        done = self.done_at
        until = f"done about {done:%Y-%m-%d}" if done else "never at this cap: raise it"
        return (
            f"{self.count:,} still to be read, most recent changes first: {self.reason}. "
            f"The next run after {self.resumes_at:%Y-%m-%d %H:%M} UTC goes on; {until}."
        )


@dataclass(slots=True)
class Noted:
    """What only the warehouse knows of a table at its end, as far as it could be read."""

    rows: int | None = None
    tokens: TokensSpent | None = None
    waiting: Waiting | None = None
    trouble: str = ""
    """Why the rest could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What a load did for one table.

    Times are UTC; `error` is None where all went well.
    """

    entity: Entity
    account: Account
    warehouse: str
    what: str
    written: Written
    rows_total: int | None
    """None: it could not be read; `rows_unknown` says why."""

    stats: RequestStats
    seconds: float
    complete_until: datetime | None
    began_at: datetime | None = None
    """When the load began, by Pipedrive's clock or ours, whichever is behind."""

    tokens: TokensSpent | None = None
    waiting: Waiting | None = None
    unread: int = 0
    """Parents whose children could not be read; the next run asks again."""

    unread_reason: str = ""
    """The first refusal or failure among them."""

    initial_load_at: datetime | None = None
    """When the first full scan was finished; `first_load`: by this very load."""

    first_load: bool = False
    error: PipedriveError | None = None
    skipped: str | None = None
    """Why Pipedrive refuses the table, in its words: what is held stays, the next run asks."""

    rows_unknown: str | None = None
    """Why the number of rows in the table could not be read."""

    warnings: tuple[str, ...] = ()
    """What is missing from a table that was loaded otherwise, one sentence each."""

    @property
    def total(self) -> str:
        """The number of rows in the table, or why it is unknown."""
        return f"unknown: {self.rows_unknown}" if self.rows_total is None else str(self.rows_total)

    @property
    def unread_sentence(self) -> str:
        """How many parents are unread and why; empty where none is."""
        if not self.unread:
            return ""
        return (
            f"Unread {self.entity.parent}: {self.unread:,}; the next run asks again. "
            f"{self.unread_reason or self.error}"
        )

    @property
    def phases(self) -> dict[str, float]:
        """Seconds by phase.

        A table asks while others are written, and children are asked for by several threads at
        once: asking and waiting are summed over these, so the phases do not add up to `seconds`.
        """
        written = self.written.watch.seconds
        return {
            "asking": self.stats.asking,
            "waiting": self.stats.waiting,
            **{phase: written[phase] for phase in (SHAPING, COMMITTING)},
        }


def warnings_of(refused: Mapping[str, str], omitted: Sequence[str]) -> tuple[str, ...]:
    """The warnings for what Pipedrive refuses of a table: lists by path, and fields."""
    lists = tuple(
        f"Pipedrive refuses /{path} («{reason}»): rows that only this list returns are not loaded, "
        "and no row is marked as deleted because of it. Each run asks for it again."
        for path, reason in refused.items()
    )
    fields = (
        f"Pipedrive refuses include_fields with {', '.join(omitted)}: these columns keep what they "
        "hold and are null in new rows. Each run asks for them again; once Pipedrive accepts them, "
        "the table is read whole again."
    )
    return (*lists, fields) if omitted else lists


def raise_failures(reports: Sequence[TableReport]) -> None:
    """Raise LoadFailed where any table failed."""
    failures = {report.entity.name: report.error for report in reports if report.error}
    if failures:
        raise LoadFailed(failures)


def resolve_skips(reports: Iterable[TableReport]) -> Iterator[TableReport]:
    """Turn the refusal of a table that an account may lack into a skip.

    Only once another table of the load was answered: where all are refused, it is the address or
    the api token that is wrong, and each is a failure. A 403 of a table that only some users may
    read needs no such proof. What would be read for the rows of a table
    that is skipped, or that waits for tokens, shares its lot.
    """
    waiting: list[TableReport] = []
    withheld: dict[str | None, TableReport] = {}
    answered = False
    for report in reports:
        if is_about_the_user(report.entity, report.error):
            skipped = _skipped(report)
            withheld[skipped.entity.name] = skipped
            yield skipped
            continue
        if isinstance(report.error, Refused | ParentNotLoaded) and not answered:
            waiting.append(report)
            continue
        answered = True
        for each in (*waiting, report):
            told = _with_parent(_skipped(each), withheld)
            if told.skipped or told.waiting:
                withheld[told.entity.name] = told
            yield told
        waiting.clear()
    yield from waiting


def _with_parent(report: TableReport, withheld: Mapping[str | None, TableReport]) -> TableReport:
    parent = withheld.get(report.entity.parent)
    if parent is None or not isinstance(report.error, ParentNotLoaded):
        return report
    return replace(report, error=None, skipped=parent.skipped, waiting=parent.waiting)


def _skipped(report: TableReport) -> TableReport:
    error = report.error
    if not (isinstance(error, Refused) and skips(report.entity, error)):
        return report
    reason = error.quote or f"Pipedrive answered {error.status}"
    return replace(report, error=None, skipped=reason)
