"""Estimates the token cost of a load from the warehouse alone, without a call to Pipedrive."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from math import ceil
from statistics import median

from pipedrive_assets.api import QuotaWindow
from pipedrive_assets.extract.custom_fields import DEFINITION_COST
from pipedrive_assets.extract.least_cost import definitions_cost, pages_at_least
from pipedrive_assets.load.merge import count_rows
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.load.tokens.backlog import count_waiting
from pipedrive_assets.load.tokens.usage import last_note, tokens_since
from pipedrive_assets.registry import BULK_PARENTS, BY_NAME, Entity, Kind
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.statements import Sql, table, table_exists


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The estimated token cost of loading one table.

    Attributes:
        entity: The table.
        rows: Rows in the table now.
        tokens: The estimated token cost.
        is_least: Whether `tokens` is only the minimum.
        why: How the estimate was made, for people.
    """

    entity: Entity
    rows: int
    tokens: int
    is_least: bool
    why: str

    @property
    def shown_tokens(self) -> str:
        """The token cost for people; `+` marks a minimum."""
        return f"{self.tokens:,}{'+' if self.is_least else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNote:
    """The account's token limit and usage, as the last run recorded them.

    Attributes:
        limit: The daily token limit; None if Pipedrive does not return it.
        left: The remaining tokens of the day; None if Pipedrive does not return them.
        today: Tokens that all runs into this warehouse have used since the account's day began.
    """

    limit: int | None
    left: int | None
    today: int


def estimate(sql: Sql | None, request: LoadRequest, now: datetime) -> list[Estimate]:
    """Estimate the token cost of a load, per table.

    Args:
        sql: The warehouse, whose lock the caller holds; None if it does not exist yet.
        request: The load.
        now: The current time, UTC.

    Returns:
        One estimate per table, in the order of the request.
    """
    asked: set[str] = set()
    return [_estimate(sql, entity, request, now, asked) for entity in request.entities]


def _estimate(
    sql: Sql | None, entity: Entity, request: LoadRequest, now: datetime, asked: set[str]
) -> Estimate:
    definitions = definitions_cost(entity, asked)
    rows = count_rows(sql, entity.name) if sql else 0
    if entity.shape in {"definition", "mapping"}:
        tokens, is_least, why = 0, False, "field definitions, once a run"
    elif entity.kind is Kind.CHILD:
        tokens, is_least, why = _of_children(sql, entity, request, now)
    else:
        tokens, is_least, why = _of_list(sql, entity, full=request.full)
    return Estimate(
        entity=entity, rows=rows, tokens=tokens + definitions, is_least=is_least, why=why
    )


def _of_children(
    sql: Sql | None, entity: Entity, request: LoadRequest, now: datetime
) -> tuple[int, bool, str]:
    parent = BY_NAME[entity.parent or ""]
    each = f"{entity.tokens_per_page} {f'per {BULK_PARENTS}' if entity.bulk else 'each'}"
    if entity.has_bodies:
        each += f" per {entity.page_rows} emails, with bodies"
    if sql is None or not table_exists(sql, parent.name):
        return 0, True, f"{parent.name} are not known yet, {each}"
    count = count_waiting(sql, entity, request, now)
    calls = ceil(count / BULK_PARENTS) if entity.bulk else count
    then = "" if count else ", for those that change by then"
    return calls * entity.tokens_per_page, True, f"{parent.name} to read: {count:,}, {each}{then}"


def _of_list(sql: Sql | None, entity: Entity, *, full: bool) -> tuple[int, bool, str]:
    least = pages_at_least(entity)
    held = watermark(sql, entity) if sql else None
    if sql is None or held is None or held.initial_load_at is None:
        begun = held is not None and held.scan is not None
        why = "continues the initial load" if begun else "never loaded"
        return least, True, f"{why}: at least a page of each list"
    if full and entity.kind is Kind.WINDOWED:
        pages = ceil(count_rows(sql, entity.name) / entity.page_rows)
        return max(least, pages * entity.tokens_per_page), False, "everything again"
    usual, runs = _usual(sql, entity)
    if runs:
        return usual, False, f"as in the last run{'s' if runs > 1 else ''}"
    return least, True, "a page of each list"


def _usual(sql: Sql, entity: Entity) -> tuple[int, int]:
    """Return the median token cost of up to ten recent loads, and their number.

    Loads that read the whole history are omitted, as is the cost of field definitions.
    """
    rows = sql.execute_sql(
        f"SELECT tokens FROM {table(sql, '_pipedrive_loads')} "
        "WHERE entity = %s AND tokens > 0 AND what NOT LIKE '%%history%%' "
        "ORDER BY finished_at DESC LIMIT 10",
        entity.name,
    )
    taken = [row[0] for row in rows or ()]
    found = int(median(taken)) if taken else 0
    least = pages_at_least(entity)
    return max(least, found - (DEFINITION_COST if entity.fields else 0)), len(taken)


def account_note(sql: Sql | None, now: datetime) -> AccountNote:
    """Read the account's token limit and usage, as the last run recorded them.

    Args:
        sql: The warehouse; None if it does not exist yet.
        now: The current time.

    Returns:
        The limit and the usage. If the recorded day is over, `left` is the whole limit.
    """
    noted = last_note(sql) if sql else None
    if sql is None or noted is None:
        return AccountNote(limit=None, left=None, today=0)
    day = noted.day.at(now.astimezone(timezone.utc))
    return AccountNote(
        limit=noted.limit,
        left=noted.left if day == noted.day else noted.limit,
        today=tokens_since(sql, QuotaWindow(start=day.start)),
    )


def total(estimates: Iterable[Estimate], *, capped: bool) -> tuple[int, bool]:
    """Sum up the estimates of the capped tables or of the others.

    Args:
        estimates: One estimate per table.
        capped: Whether to sum the capped tables or the others.

    Returns:
        The token cost, and whether it is only the minimum.
    """
    some = [one for one in estimates if one.entity.capped is capped]
    return sum(one.tokens for one in some), any(one.is_least for one in some)


def tokens_per_thousand(entities: Iterable[Entity]) -> Iterator[tuple[Entity, int]]:
    """Yield each child table with its token cost per thousand parents."""
    for entity in entities:
        if entity.parent:
            calls = 1000 // BULK_PARENTS if entity.bulk else 1000
            yield entity, calls * entity.tokens_per_page
