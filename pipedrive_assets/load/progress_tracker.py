"""Counts how far a run is, for whoever watches it; a run that nobody watches counts nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil

from pipedrive_assets.load.context import Context
from pipedrive_assets.load.progress import OnProgress, Progress
from pipedrive_assets.load.table_task import TableWork
from pipedrive_assets.load.tokens.estimate import estimate
from pipedrive_assets.registry import Kind

IDLE_SECONDS = 1.0
"""How often a run tells how far it is while there is nothing to commit."""


@dataclass(slots=True, kw_only=True)
class _Counted:
    """A table of the run; `tokens` is what it takes in all, None as long as that is not known."""

    table: TableWork
    tokens: int | None
    done: bool = False

    @property
    def tokens_left(self) -> int | None:
        """What is still to come, nothing where it took more than was foreseen."""
        if self.done:
            return 0
        return None if self.tokens is None else max(0, self.tokens - self.table.stats.tokens)


class ProgressTracker:
    """What the tables of one run have done; used in the thread that writes."""

    def __init__(self, context: Context, watch: OnProgress | None) -> None:
        """Nothing has begun."""
        self._context, self._watch = context, watch
        self._counted: dict[str, _Counted] = {}

    @property
    def seconds(self) -> float | None:
        """How long a run may wait before it tells again; None: for ever."""
        return IDLE_SECONDS if self._watch else None

    def begin(self, table: TableWork) -> None:
        """A table is planned: find out how much there is to read, where the warehouse knows."""
        if not self._watch:
            return
        with self._context.warehouse.sql() as sql:
            alone = replace(self._context.request, entities=(table.entity,))
            (told,) = estimate(sql, alone, self._context.now)
        # What may still change meanwhile does not count: nobody knows it before.
        known = table.entity.kind is Kind.CHILD or not told.is_least
        self._counted[table.entity.name] = _Counted(
            table=table, tokens=told.tokens if known else None
        )

    def end(self, table: TableWork) -> None:
        """A table is finished, or has failed, maybe before it began."""
        ended = _Counted(table=table, tokens=0)
        self._counted.setdefault(table.entity.name, ended).done = True

    def tell(self) -> None:
        """Tell whoever watches."""
        if self._watch:
            self._watch(self.progress())

    def progress(self) -> Progress:
        """How far the run is now."""
        tables = [counted.table for counted in self._counted.values()]
        return Progress(
            pages=sum(table.stats.requests for table in tables),
            rows=sum(table.written.read for table in tables),
            tokens=sum(table.stats.tokens for table in tables),
            tables_done=sum(counted.done for counted in self._counted.values()),
            tables=len(self._context.request.entities),
            pages_left=self._pages_left(),
        )

    def _pages_left(self) -> int | None:
        """None as long as a table's end is not known, or one has not begun."""
        if len(self._counted) < len(self._context.request.entities):
            return None
        capped = [each for each in self._counted.values() if each.table.entity.capped]
        others = [each for each in self._counted.values() if not each.table.entity.capped]
        of_capped, of_others = _pages(capped), _pages(others)
        if of_capped is None or of_others is None:
            return None
        return ceil(of_capped * self._share(capped)) + ceil(of_others)

    def _share(self, capped: Iterable[_Counted]) -> float:
        """The share of what capped tables still want that their cap lets them have."""
        wanted = sum(each.tokens_left or 0 for each in capped)
        left = self._context.spending.allowance.left
        return 1.0 if left is None or wanted <= left else left / wanted


def _pages(tables: Iterable[_Counted]) -> float | None:
    """Calls still to come; tables whose calls cost nothing have none worth counting."""
    pages = 0.0
    for each in tables:
        if each.tokens_left is None:
            return None
        pages += each.tokens_left / max(1, each.table.entity.tokens_per_page)
    return pages
