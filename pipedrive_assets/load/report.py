"""The request for a load, and the report on each table that it loaded."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pipedrive_assets.api import Caps, RequestStats
from pipedrive_assets.connect import Account
from pipedrive_assets.errors import LoadFailed, ParentNotLoaded, PipedriveError, Refused
from pipedrive_assets.extract.refusals import is_about_the_user, skips
from pipedrive_assets.load.attachments.report import AttachmentReport
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.load.merge import Written
from pipedrive_assets.load.plausible_loss import MAX_SHARE
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.timer import COMMITTING, SHAPING
from pipedrive_assets.registry import Entity
from pipedrive_assets.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """The tables to load, and the window that has to be complete afterwards.

    Attributes:
        entities: The tables.
        window: The change times that the load has to cover, UTC.
        overlap: How much earlier than its watermark a load starts.
        since: The start of history on an initial load, UTC; None: all history.
        full: Whether to read every row again.
        newest: Whether to also look for new rows above the highest id, which no window shows.
        recheck_days: Within how many days the children of each parent are read again although
            the parent has not changed; None: never.
        recheck_flow_days: The same for deal histories.
        caps: Token limits for capped tables.
        run_id: The id of the run in `_pipedrive_tokens`.
        purge_deleted: Whether to remove rows that are deleted in Pipedrive, instead of marking
            them.
        max_share: The share of a table (0 to 1) that may be missing from a complete list before
            the load fails.
        accept_loss: Whether to mark missing rows however many there are, and to accept a second
            empty reply for a parent's children although something contradicts it.
        raw: Where replies are kept; None: nowhere.
        reconciles: Whether the tables are reconciled instead of loaded.
        attachments: Which attachments are downloaded, and where to; None: none.
    """

    entities: tuple[Entity, ...]
    window: Window
    overlap: timedelta = timedelta(minutes=5)
    since: datetime | None = None
    full: bool = False
    newest: bool = True
    recheck_days: int | None = None
    recheck_flow_days: int | None = None
    caps: Caps = field(default_factory=Caps)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    purge_deleted: bool = False
    max_share: float = MAX_SHARE
    accept_loss: bool = False
    raw: RawZone | None = None
    reconciles: bool = False
    attachments: AttachmentTarget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensSpent:
    """Token usage at the time when a table was finished.

    Attributes:
        by_run: Tokens that this run has used.
        today: Tokens that all runs into this warehouse have used in the account's current day.
        limit: The account's daily token limit; None if Pipedrive does not return it.
        left: The account's remaining tokens; None if Pipedrive does not return them.
        ends_at: When the account's day ends, UTC, as far as known.
    """

    by_run: int
    today: int
    limit: int | None
    left: int | None
    ends_at: datetime

    def __str__(self) -> str:
        """Return the usage as one sentence."""
        left = "" if self.left is None else f"; the account has {self.left:,} left"
        return (
            f"Token cost: {self.by_run:,} in this run, {self.today:,} into this warehouse today"
            f"{left} until about {self.ends_at:%Y-%m-%d %H:%M} UTC."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a token cap has left for later runs.

    Attributes:
        count: Parents whose children still have to be read; 1 for a table that is not read per
            parent.
        reason: Which cap was reached.
        resumes_at: When the next run can continue, UTC.
        done_at: When everything will have been read at this rate, UTC; None: never.
    """

    count: int
    reason: str
    resumes_at: datetime
    done_at: datetime | None

    def __str__(self) -> str:
        """Return what is left, the reason, and when it will be read."""
        done = self.done_at
        until = (
            f"done by about {done:%Y-%m-%d}"
            if done
            else "at this cap the table will never be complete, so raise the cap"
        )
        return (
            f"{self.count:,} are still to be read, the most recently changed first: {self.reason}. "
            f"The first run after {self.resumes_at:%Y-%m-%d %H:%M} UTC continues; {until}."
        )


@dataclass(slots=True)
class Noted:
    """Facts that are read from the warehouse when a table ends.

    Attributes:
        rows: Rows in the table; None if they could not be counted.
        tokens: Token usage.
        waiting: What a token cap has left for later.
        trouble: Why a fact could not be read; empty if all were.
        schema_changes: How the fields have changed, one sentence each.
        warnings: What else the report warns of, one sentence or more each.
    """

    rows: int | None = None
    tokens: TokensSpent | None = None
    waiting: Waiting | None = None
    trouble: str = ""
    schema_changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What a load did for one table. All times are UTC.

    Attributes:
        entity: The table's entity.
        account: The Pipedrive account.
        warehouse: The warehouse, without credentials.
        what: What was read, for people.
        written: Counts of the rows read and written.
        rows_total: Rows in the table; None if they could not be counted (see `rows_unknown`).
        stats: Requests and token cost of this table.
        seconds: How long the table took.
        complete_until: The table has all changes up to this time; None before the first load ends.
        began_at: When the load began, by Pipedrive's clock or the local one, whichever is behind.
        tokens: Token usage; None if it could not be read.
        waiting: What a token cap has left for later; None if nothing.
        unread: Parents whose children could not be read. The next run requests them again.
        unread_reason: The first refusal or failure among the unread parents.
        initial_load_at: When the initial load finished.
        first_load: Whether this load was the initial one.
        error: Why the table failed; None if it did not.
        skipped: Pipedrive's reason for refusing the table. Its rows stay, and the next run
            requests it again.
        rows_unknown: Why the rows in the table could not be counted.
        warnings: What is missing from a table that was otherwise loaded, one sentence each.
        schema_changes: How the fields have changed since the last complete load, one sentence each.
        attachments: What was done with attachments; only for `files`.
    """

    entity: Entity
    account: Account
    warehouse: str
    what: str
    written: Written
    rows_total: int | None
    stats: RequestStats
    seconds: float
    complete_until: datetime | None
    began_at: datetime | None = None
    tokens: TokensSpent | None = None
    waiting: Waiting | None = None
    unread: int = 0
    unread_reason: str = ""
    initial_load_at: datetime | None = None
    first_load: bool = False
    error: PipedriveError | None = None
    skipped: str | None = None
    rows_unknown: str | None = None
    warnings: tuple[str, ...] = ()
    schema_changes: tuple[str, ...] = ()
    attachments: AttachmentReport | None = None

    @property
    def total(self) -> str:
        """The number of rows in the table, or why it is unknown."""
        return f"unknown: {self.rows_unknown}" if self.rows_total is None else str(self.rows_total)

    @property
    def unread_sentence(self) -> str:
        """How many parents are unread and why; empty if none is."""
        if not self.unread:
            return ""
        return (
            f"{self.unread:,} {self.entity.parent} could not be read; the next run requests them "
            f"again. First error: {self.unread_reason or self.error}"
        )

    @property
    def more_sentences(self) -> tuple[str, ...]:
        """What else a log line has: rows marked as deleted, unread parents, and attachments."""
        marked = self.written.marked_deleted
        deleted = f"{marked} rows marked as deleted, see _deleted_reason." if marked else ""
        attachments = str(self.attachments) if self.attachments else ""
        return tuple(filter(None, (deleted, self.unread_sentence, attachments)))

    @property
    def phases(self) -> dict[str, float]:
        """Seconds by phase.

        Tables are read while others are written, and several threads read children at once. The
        phases `asking` (requests) and `waiting` (rate limits) are sums over all threads, so the
        phases do not add up to `seconds`.
        """
        written = self.written.watch.seconds
        return {
            "asking": self.stats.asking,
            "waiting": self.stats.waiting,
            **{phase: written[phase] for phase in (SHAPING, COMMITTING)},
        }


def warnings_of(refused: Mapping[str, str], omitted: Sequence[str]) -> tuple[str, ...]:
    """Return the warnings for a table of which Pipedrive refused a part.

    Args:
        refused: Pipedrive's reason by path of the refused list.
        omitted: The refused fields.

    Returns:
        One sentence or more per refused list, then one for all fields.
    """
    lists = tuple(
        f"Pipedrive refuses /{path} («{reason}»). Rows that only this list returns are not loaded, "
        "and no row is marked as deleted because of it. Each run requests the list again."
        for path, reason in refused.items()
    )
    fields = (
        f"Pipedrive refuses include_fields with {', '.join(omitted)}. These columns keep their "
        "values and are null in new rows. Each run requests them again; once Pipedrive accepts "
        "them, the table is read from its start again."
    )
    return (*lists, fields) if omitted else lists


def raise_failures(reports: Sequence[TableReport]) -> None:
    """Raise an error if any table failed.

    Args:
        reports: The reports of a load.

    Raises:
        LoadFailed: Names the tables that failed, and why.
    """
    failures = {report.entity.name: report.error for report in reports if report.error}
    if failures:
        raise LoadFailed(failures)


def resolve_skips(reports: Iterable[TableReport]) -> Iterator[TableReport]:
    """Turn the refusal of a table that not every account has from a failure into a skip.

    Refusals are skips only after another table of the load was read: if Pipedrive refuses all
    tables, the company domain or the API token is wrong, and each refusal is a failure. A 403 for
    a table that only some users may read does not need this proof. Child tables of a table that
    is skipped, or that waits for tokens, are skipped or wait as well.

    Args:
        reports: The reports of a load, in the order in which its tables ended.

    Yields:
        The reports in the same order.
    """
    waiting: list[TableReport] = []
    not_loaded: dict[str | None, TableReport] = {}
    answered = False
    for report in reports:
        if is_about_the_user(report.entity, report.error):
            skipped = _skipped(report)
            not_loaded[skipped.entity.name] = skipped
            yield skipped
            continue
        if isinstance(report.error, Refused | ParentNotLoaded) and not answered:
            waiting.append(report)
            continue
        answered = True
        for each in (*waiting, report):
            resolved = _with_parent(_skipped(each), not_loaded)
            if resolved.skipped or resolved.waiting:
                not_loaded[resolved.entity.name] = resolved
            yield resolved
        waiting.clear()
    yield from waiting


def _with_parent(report: TableReport, not_loaded: Mapping[str | None, TableReport]) -> TableReport:
    parent = not_loaded.get(report.entity.parent)
    if parent is None or not isinstance(report.error, ParentNotLoaded):
        return report
    return replace(report, error=None, skipped=parent.skipped, waiting=parent.waiting)


def _skipped(report: TableReport) -> TableReport:
    error = report.error
    if not (isinstance(error, Refused) and skips(report.entity, error)):
        return report
    reason = error.quote or f"Pipedrive returned HTTP {error.status}"
    return replace(report, error=None, skipped=reason)
