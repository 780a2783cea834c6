"""What a load will cost, told before it, from the warehouse and its history alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from math import ceil
from statistics import median

from pipedrive_assets.api import QuotaWindow
from pipedrive_assets.extract.custom_fields import DEFINITION_COST, FIELD_LISTS, ON_REQUEST
from pipedrive_assets.load.merge import count_rows
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.load.tokens.backlog import count_waiting
from pipedrive_assets.load.tokens.usage import last_note, tokens_since
from pipedrive_assets.registry import BULK_PARENTS, BY_NAME, Entity, Kind
from pipedrive_assets.warehouse.ledger import watermark
from pipedrive_assets.warehouse.statements import Sql, table, table_exists

OWN_LISTS = tuple(fields for name, fields in FIELD_LISTS.items() if name not in ON_REQUEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Tokens that a load of one table takes; `is_least`: it may be any number more."""

    entity: Entity
    rows: int
    tokens: int
    is_least: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNote:
    """What the last run noted of the account: its limit and what was left (None: not told), and
    what all runs took since its day began.
    """

    limit: int | None
    left: int | None
    today: int


def estimate(sql: Sql | None, request: LoadRequest, now: datetime) -> list[Estimate]:
    """An estimate per table; `sql` None: there is no warehouse yet. Call it with the file held."""
    asked: set[str] = set()
    return [_estimate(sql, entity, request, now, asked) for entity in request.entities]


def _estimate(
    sql: Sql | None, entity: Entity, request: LoadRequest, now: datetime, asked: set[str]
) -> Estimate:
    definitions = _definitions(entity, asked)
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


def _definitions(entity: Entity, asked: set[str]) -> int:
    """Field definitions are asked for once a run: the first table that needs them pays."""
    own = entity.shape in {"definition", "mapping"}
    needed = {*OWN_LISTS} if own else {entity.fields} - {None}
    new = {name for name in needed if name} - asked
    asked |= new
    return len(new) * DEFINITION_COST


def _of_children(
    sql: Sql | None, entity: Entity, request: LoadRequest, now: datetime
) -> tuple[int, bool, str]:
    parent = BY_NAME[entity.parent or ""]
    each = f"{entity.tokens_per_page} {f'per {BULK_PARENTS}' if entity.bulk else 'each'}"
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
        why = "the first load goes on where it stood" if begun else "never loaded"
        return least, True, f"{why}: a page of each list, and what follows"
    if full and entity.kind is Kind.WINDOWED:
        pages = ceil(count_rows(sql, entity.name) / entity.page_rows)
        return max(least, pages * entity.tokens_per_page), False, "everything again"
    usual, runs = _usual(sql, entity)
    if runs:
        return usual, False, f"as in the last run{'s' if runs > 1 else ''}"
    return least, True, "a page of each list"


def pages_at_least(entity: Entity) -> int:
    """Tokens of one page of each of an entity's lists."""
    again = entity.tokens_per_page if entity.archived and entity.kind is Kind.SNAPSHOT else 0
    again += BY_NAME[entity.list_per].tokens_per_page if entity.list_per else 0
    return (
        sum(endpoint.tokens_per_page for endpoint in entity.endpoints) * len(entity.variants)
        + again
    )


def _usual(sql: Sql, entity: Entity) -> tuple[int, int]:
    """The middle of what the last ten loads took that did not read the whole history, without
    their field definitions; and how many they are.
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
    """The account as the last run noted it; what was left before a day that is over tells
    nothing.
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
    """Tokens of the tables with or without a cap, and whether it may be any number more."""
    some = [one for one in estimates if one.entity.capped is capped]
    return sum(one.tokens for one in some), any(one.is_least for one in some)


def tokens_per_thousand(entities: Iterable[Entity]) -> Iterator[tuple[Entity, int]]:
    """What each table takes per thousand parents, at least and at most one call each."""
    for entity in entities:
        if entity.parent:
            calls = 1000 // BULK_PARENTS if entity.bulk else 1000
            yield entity, calls * entity.tokens_per_page
