"""The backlog that a token cap leaves: parents to read, their token cost, and how long it takes.

The backlog is not stored. It is computed: the parents whose children have not been read since
their last change, most recent change first.
"""

from dataclasses import replace
from datetime import datetime
from math import ceil

from pipedrive_assets.api import TokenBudget
from pipedrive_assets.api.daily import DAY
from pipedrive_assets.errors import CapReached
from pipedrive_assets.extract.chunk import Parent
from pipedrive_assets.extract.custom_fields import DEFINITION_COST
from pipedrive_assets.extract.least_cost import pages_at_least
from pipedrive_assets.load.report import LoadRequest, Waiting
from pipedrive_assets.load.stale_parents import parents_to_read
from pipedrive_assets.load.tokens.usage import largest_load
from pipedrive_assets.registry import BY_NAME, Entity, Kind
from pipedrive_assets.warehouse.statements import Sql, table, table_exists

RUNS_A_DAY = 24
"""How many times a day the freshness sensor continues a table that reached the cap of a run."""


def what_waits(  # noqa: PLR0913, PLR0917 - the facts that it rests on
    sql: Sql,
    entity: Entity,
    request: LoadRequest,
    now: datetime,
    allowance: TokenBudget,
    reached: CapReached,
) -> Waiting:
    """Compute what is left of a table that reached a token cap.

    Args:
        sql: The warehouse; the caller holds its lock.
        entity: The table.
        request: The load.
        now: Pipedrive's clock, UTC.
        allowance: The token budget of capped tables.
        reached: The cap that was reached.

    Returns:
        The number of parents left, and when they will be read.
    """
    request = _without_rechecks(request)
    capped = [one for one in request.entities if one.capped]
    tokens = sum(tokens_waiting(sql, one, request, now) for one in capped)
    return Waiting(
        count=count_waiting(sql, entity, request, now),
        reason=reached.reason,
        resumes_at=reached.resumes_at,
        done_at=_done_at(tokens, entity, allowance, reached.resumes_at),
    )


def count_waiting(sql: Sql, entity: Entity, request: LoadRequest, now: datetime) -> int:
    """Return the number of parents whose children still have to be read.

    Args:
        sql: The warehouse; the caller holds its lock.
        entity: The table.
        request: The load.
        now: Pipedrive's clock, UTC.

    Returns:
        The number of parents; 1 for a table that is not read per parent.
    """
    if entity.kind is not Kind.CHILD:
        return 1
    if not table_exists(sql, BY_NAME[entity.parent or ""].name):
        return 0
    parents = parents_to_read(sql, entity, request, now)
    wanted = {parent.id for parent in parents if not parent.empty}
    return len(wanted - (_read_since(sql, entity, now) if request.full else set()))


def affordable(  # noqa: PLR0913, PLR0917 - the facts that it rests on
    parents: list[Parent],
    sql: Sql,
    entity: Entity,
    request: LoadRequest,
    now: datetime,
    allowance: TokenBudget,
) -> list[Parent]:
    """Leave out parents to re-check for which the caps have no tokens.

    Changed parents come first, in all capped tables of the load. A parent that is left out stays
    due for its re-check, and a later run reads it.

    Args:
        parents: The parents of a table that have to be read.
        sql: The warehouse; the caller holds its lock.
        entity: The table.
        request: The load.
        now: Pipedrive's clock, UTC.
        allowance: The token budget of capped tables.

    Returns:
        The parents to read in this load.
    """
    again = [parent for parent in parents if parent.rechecked]
    if not again or not entity.capped or (left := allowance.left) is None:
        return parents
    changed = [one for one in request.entities if one.capped and one.kind is Kind.CHILD]
    wanted = sum(tokens_waiting(sql, one, _without_rechecks(request), now) for one in changed)
    room = max(0, left - wanted) // max(1, entity.tokens_per_page)
    return [parent for parent in parents if not parent.rechecked] + again[:room]


def _without_rechecks(request: LoadRequest) -> LoadRequest:
    return replace(request, recheck_days=None, recheck_flow_days=None)


def _read_since(sql: Sql, entity: Entity, moment: datetime) -> set[int]:
    """Return the parents read since a load began; a full load selects all parents each time."""
    rows = sql.execute_sql(
        f"SELECT parent_id FROM {table(sql, '_pipedrive_children')} "
        "WHERE entity = %s AND read_at >= %s",
        *(entity.name, moment),
    )
    return {row[0] for row in rows or ()}


def tokens_waiting(sql: Sql, entity: Entity, request: LoadRequest, now: datetime) -> int:
    """Estimate the token cost of what is left of a table.

    Args:
        sql: The warehouse; the caller holds its lock.
        entity: The table.
        request: The load.
        now: Pipedrive's clock, UTC.

    Returns:
        The cost of one page per parent; for other tables the cost of their largest recent load.
    """
    if entity.kind is not Kind.CHILD:
        return max(least_tokens(entity), largest_load(sql, entity))
    return count_waiting(sql, entity, request, now) * entity.tokens_per_page


def least_tokens(entity: Entity) -> int:
    """Return the least token cost of a load: one page of each list and the field definitions."""
    return pages_at_least(entity) + (DEFINITION_COST if entity.fields else 0)


def tokens_to_begin(sql: Sql, entity: Entity) -> int:
    """Return the tokens that a capped list needs before it is started.

    A partly read list is discarded, so this is the cost of its most expensive recent load and a
    page more.
    """
    last = largest_load(sql, entity)
    return max(least_tokens(entity), last + entity.tokens_per_page if last else 0)


def _done_at(
    tokens: int, entity: Entity, allowance: TokenBudget, resumes_at: datetime
) -> datetime | None:
    a_day = tokens_a_day(allowance.caps.per_run, allowance.caps.day_cap(allowance.daily.limit))
    one_run = allowance.caps.run_cap(allowance.daily.limit)
    if a_day is None:
        return resumes_at
    if one_run < entity.tokens_per_page:
        return None
    return resumes_at + (max(1, ceil(tokens / a_day)) - 1) * DAY


def tokens_a_day(per_run: int | None, per_day: int) -> int | None:
    """Compute the tokens that capped tables may use per day.

    Args:
        per_run: The cap per run; None or 0: no cap.
        per_day: The cap per day; 0: no cap.

    Returns:
        Tokens per day; None if there is no cap.
    """
    caps = [cap for cap in (per_day, (per_run or 0) * RUNS_A_DAY) if cap]
    return min(caps) if caps else None
