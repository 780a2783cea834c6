"""What a cap keeps for later: the queue of a table's parents, and how long it takes at this pace.

The queue is stored nowhere: it is the parents whose children are not held as of their last change,
most recent first.
"""

from dataclasses import replace
from datetime import datetime
from math import ceil

from pipedrive_assets.api import TokenBudget
from pipedrive_assets.api.allowance import DAY
from pipedrive_assets.errors import CapReached
from pipedrive_assets.extract.chunk import Parent
from pipedrive_assets.extract.custom_fields import DEFINITION_COST
from pipedrive_assets.load.report import LoadRequest, Waiting
from pipedrive_assets.load.stale_parents import parents_to_read
from pipedrive_assets.load.tokens.usage import largest_load
from pipedrive_assets.registry import BY_NAME, Entity, Kind
from pipedrive_assets.warehouse.statements import Sql, table, table_exists

RUNS_A_DAY = 24
"""How often the freshness sensor lets a table go on that a run's cap has stopped."""


def what_waits(  # noqa: PLR0913, PLR0917 - the facts that it rests on
    sql: Sql,
    entity: Entity,
    request: LoadRequest,
    now: datetime,
    allowance: TokenBudget,
    reached: CapReached,
) -> Waiting:
    """The facts of a table that a cap has stopped at `now` (Pipedrive's)."""
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
    """Parents whose children are still to be read; 1 for a list."""
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
    """Leave out parents to be rechecked for which the caps have no tokens.

    Everything that changed comes first, in all capped tables of the load. A parent left out keeps
    its turn: a later run reads it.

    Args:
        parents: The parents of a table that are to be read.
        sql: The warehouse.
        entity: The table.
        request: The load.
        now: Pipedrive's clock.
        allowance: What capped tables may still take.

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
    """Parents read since a load began: a full load wants all, and forgets what it has read."""
    rows = sql.execute_sql(
        f"SELECT parent_id FROM {table(sql, '_pipedrive_children')} "
        "WHERE entity = %s AND read_at >= %s",
        *(entity.name, moment),
    )
    return {row[0] for row in rows or ()}


def tokens_waiting(sql: Sql, entity: Entity, request: LoadRequest, now: datetime) -> int:
    """What they take, a page each."""
    if entity.kind is not Kind.CHILD:
        return max(least_tokens(entity), largest_load(sql, entity))
    return count_waiting(sql, entity, request, now) * entity.tokens_per_page


def least_tokens(entity: Entity) -> int:
    """What reading a list takes at least: a page of each of its lists, and of its field
    definitions.
    """
    lists = sum(endpoint.tokens_per_page for endpoint in entity.endpoints) * len(entity.variants)
    again = entity.tokens_per_page if entity.archived and entity.kind is Kind.SNAPSHOT else 0
    again += BY_NAME[entity.list_per].tokens_per_page if entity.list_per else 0
    return lists + again + (DEFINITION_COST if entity.fields else 0)


def tokens_to_begin(sql: Sql, entity: Entity) -> int:
    """What must be left before a capped list is begun: it counts only as a whole, so a page more
    than the last time.
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
    """What capped tables get in a day by both caps; None: no cap."""
    caps = [cap for cap in (per_day, (per_run or 0) * RUNS_A_DAY) if cap]
    return min(caps) if caps else None
