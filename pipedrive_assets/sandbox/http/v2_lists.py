"""Replies of API v2: lists, single records, and children of deals.

Functions that return a handler take what differs between endpoints; a handler takes the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.company.tables import Key, Row, stamp_of
from pipedrive_assets.sandbox.exchange import Body, Refusal
from pipedrive_assets.sandbox.http import field_definitions
from pipedrive_assets.sandbox.http.paging import ListPage, keyset_page, listed_page
from pipedrive_assets.sandbox.http.v2_rows import viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipedrive_assets.sandbox.company.world import World

RETENTION = timedelta(days=30)
# Columns that are filtered by a parameter of the same name.
EQUAL = ("owner_id", "person_id", "org_id", "pipeline_id", "stage_id", "deal_id", "lead_id", "done")
# Conditions of the company's saved filters, by their ids.
FILTERS: dict[int, Callable[[Row], bool]] = {
    1: lambda row: row["status"] == "open",
    2: lambda row: row["status"] == "won",
    6: lambda row: not row["done"],
}
FILTER_TYPES = {
    "deals": "deals",
    "persons": "people",
    "organizations": "org",
    "products": "products",
    "activities": "activity",
    "leads": "leads",
    "projects": "projects",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Behaviour that the official documentation leaves open and in which accounts differ.

    Attributes:
        lead_pagination: Whether lists of leads nest their page information under `pagination`.
        lead_next_start: Whether lists of leads return `next_start`.
        empty_is_null: Whether `data` of an empty v1 list is null.
        storage_url: Address of the storage that downloads are redirected to, without a slash at
            the end; empty: the sandbox's own.
    """

    lead_pagination: bool = True
    lead_next_start: bool = True
    empty_is_null: bool = True
    storage_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A parsed call.

    Attributes:
        world: The company.
        now: Time of the call, UTC.
        habits: Behaviour that the official documentation leaves open.
        params: Converted parameters by name.
        keys: Ids in the path.
    """

    world: World
    now: datetime
    habits: Habits
    params: dict[str, Any]
    keys: tuple[str, ...] = ()


def body(page: ListPage, view: Callable[[Row], Row]) -> Body:
    """Build the body of a v2 list."""
    return {
        "success": True,
        "data": [view(row) for row in page.rows],
        "additional_data": {"next_cursor": page.marker},
    }


def listed(table: str, *, archived: bool | None = None) -> Callable[[Ask], Body]:
    """Make the handler for the list of a table.

    `archived` selects archived rows or others for tables that have two lists.
    """

    def answer(ask: Ask) -> Body:
        column = ask.params.get("sort_by", "id")
        ordered = ask.world.tables[table].ordered(column)
        page = keyset_page(ordered, _wanted(ask, table, archived=archived), ask.params, column)
        return body(page, viewer(ask.world, table, ask.params))

    return answer


def _wanted(ask: Ask, table: str, *, archived: bool | None) -> Callable[[Row], bool]:
    tests = [_shown(ask, table), *_timed(ask.params)]
    if ask.world.hidden:
        tests.append(lambda row: ask.world.sees(table, row))
    if archived is not None:
        key = "archive_time" if table == "projects" else "is_archived"
        tests.append(lambda row: bool(row[key]) is archived)
    if "filter_id" in ask.params:
        tests.append(saved_filter(ask, table))
    else:
        tests += _quick_filters(ask, table)
    return lambda row: all(test(row) for test in tests)


def saved_filter(ask: Ask, table: str) -> Callable[[Row], bool]:
    """Get the condition of a saved filter, which replaces the other filter parameters.

    Args:
        ask: The call.
        table: Table of the list.

    Returns:
        The condition.

    Raises:
        Refusal: 404 if there is no such filter for the table.
    """
    number = ask.params["filter_id"]
    found = ask.world.tables["filters"].rows.get(number)
    if found is None or found["type"] != FILTER_TYPES[table]:
        raise Refusal(404, "Filter not found")
    return FILTERS.get(number, lambda _: True)


def _shown(ask: Ask, table: str) -> Callable[[Row], bool]:
    """Deleted deals are listed for 30 days if `status` requests them, other deleted rows never."""
    if table == "projects":
        statuses = ask.params.get("status", ("open", "completed", "canceled"))
        return lambda row: row["status"] in statuses
    if table != "deals":
        return lambda row: not row.get("is_deleted")
    statuses = () if "filter_id" in ask.params else ask.params.get("status", ())
    if "deleted" not in statuses:
        return lambda row: not row["is_deleted"]
    horizon = stamp_of(ask.now - RETENTION)
    return lambda row: not row["is_deleted"] or row["update_time"] > horizon


def _timed(params: dict[str, Any]) -> list[Callable[[Row], bool]]:
    tests: list[Callable[[Row], bool]] = []
    if (since := params.get("updated_since")) is not None:
        tests.append(lambda row: row["update_time"] is not None and row["update_time"] >= since)
    if (until := params.get("updated_until")) is not None:
        tests.append(lambda row: row["update_time"] is not None and row["update_time"] < until)
    return tests


def _quick_filters(ask: Ask, table: str) -> list[Callable[[Row], bool]]:
    params = ask.params
    tests: list[Callable[[Row], bool]] = []
    if "ids" in params:
        tests.append(lambda row: row["id"] in params["ids"])
    if "status" in params and table == "deals":
        tests.append(lambda row: row["status"] in params["status"])
    test, columns = SPECIAL.get(table, (None, frozenset[str]()))
    if test is not None:
        tests.append(lambda row: test(ask, row))
    return tests + [
        _equals(column, params[column])
        for column in EQUAL
        if column in params and column not in columns
    ]


def _equals(column: str, value: object) -> Callable[[Row], bool]:
    return lambda row: bool(row[column] == value)


def _in_deal(ask: Ask, row: Row) -> bool:
    if "deal_id" not in ask.params:
        return True
    parts = ask.world.tables["participants"].groups("deal_id").get(ask.params["deal_id"], ())
    return any(part["person_id"] == row["id"] for part in parts)


def _in_project(ask: Ask, row: Row) -> bool:
    pairs = (("deal_id", "deal_ids"), ("person_id", "person_ids"), ("org_id", "org_ids"))
    linked = all(ask.params[one] in row[many] for one, many in pairs if one in ask.params)
    return linked and row["phase_id"] == ask.params.get("phase_id", row["phase_id"])


def _is_task(ask: Ask, row: Row) -> bool:
    params = ask.params
    columns = ("is_done", "is_milestone", "project_id")
    parent = params.get("parent_task_id", "any")
    return (
        all(row[column] == params[column] for column in columns if column in params)
        and ("assignee_id" not in params or params["assignee_id"] in row["assignee_ids"])
        and (parent == "any" or row["parent_task_id"] == parent)
    )


SPECIAL: dict[str, tuple[Callable[[Ask, Row], bool], frozenset[str]]] = {
    "projects": (_in_project, frozenset({"deal_id", "person_id", "org_id"})),
    "persons": (_in_deal, frozenset({"deal_id"})),
    "tasks": (_is_task, frozenset()),
}


def single(table: str) -> Callable[[Ask], Body]:
    """Make the handler for one record by its id; deleted ones are returned for 30 days."""

    def answer(ask: Ask) -> Body:
        row = found(ask, table)
        return {"success": True, "data": viewer(ask.world, table, ask.params)(row)}

    return answer


def _key(text: str, table: str) -> Key:
    if table in {"leads", "permission_sets", "goals"}:
        return text
    if not (text.isascii() and text.isdigit()):
        raise Refusal(400, "id must be a whole number", "ERR_SCHEMA_VALIDATION_FAILED")
    return int(text)


def found(ask: Ask, table: str) -> Row:
    """Find the row whose id is in the path.

    Args:
        ask: The call.
        table: Table of the row.

    Returns:
        The row.

    Raises:
        Refusal: 404 if there is no such row, 403 if it is hidden from the API token's user.
    """
    row = ask.world.tables[table].rows.get(_key(ask.keys[0], table))
    horizon = stamp_of(ask.now - RETENTION)
    # Users who left the company have no time of a change and stay.
    if row is None or (row.get("is_deleted") and "" < (row.get("update_time") or "") <= horizon):
        raise Refusal(404, "Entity was not found")
    if not ask.world.sees(table, row):
        raise Refusal(403, "You do not have permission to view this item")
    return row


def of_deals(table: str, *, paged: bool = True) -> Callable[[Ask], Body]:
    """Make the handler for children of up to 100 deals; unknown deals have none."""

    def answer(ask: Ask) -> Body:
        wanted = ask.params["deal_ids"]
        return children(ask, table, lambda row: row["deal_id"] in wanted, paged=paged)

    return answer


def of_deal(table: str, *, paged: bool = True) -> Callable[[Ask], Body]:
    """Make the handler for children of one deal."""

    def answer(ask: Ask) -> Body:
        deal_id = found(ask, "deals")["id"]
        return children(ask, table, lambda row: bool(row["deal_id"] == deal_id), paged=paged)

    return answer


def children(ask: Ask, table: str, wanted: Callable[[Row], bool], *, paged: bool) -> Body:
    """Build a page of child rows.

    Args:
        ask: The call.
        table: Table of the rows.
        wanted: Filter of the rows.
        paged: Whether the reply has a cursor.

    Returns:
        The body of the reply.
    """
    column = ask.params.get("sort_by", "id")
    ordered = ask.world.tables[table].ordered(column)
    # Replies with installments and discounts have no `additional_data` (official examples).
    params = ask.params if paged else {**ask.params, "limit": ask.params.get("limit", 500)}
    answer = body(
        keyset_page(ordered, wanted, params, column), viewer(ask.world, table, ask.params)
    )
    if not paged:
        del answer["additional_data"]
    return answer


def unpaged(table: str) -> Callable[[Ask], Body]:
    """Make the handler for a v2 list without pages; its `additional_data` is null."""

    def answer(ask: Ask) -> Body:
        board = ask.params.get("board_id")
        rows = ask.world.tables[table].rows.values()
        data = [row for row in rows if board is None or row["board_id"] == board]
        return {"success": True, "data": data, "additional_data": None}

    return answer


def fields(entity: str) -> Callable[[Ask], Body]:
    """Make the handler for the field definitions of a table, built-in ones first."""

    def answer(ask: Ask) -> Body:
        rows = [*field_definitions.built_in(entity), *ask.world.fields.get(entity, {}).values()]
        included = ask.params.get("include_fields", ())
        required = ask.world.required_fields.get(entity, {})

        def shown(row: Row) -> Row:
            extras = {name: field_definitions.EXTRAS[name] for name in included}
            if "required_fields" in extras and row["field_code"] in required:
                extras["required_fields"] = required[row["field_code"]]
            return {**row, **extras}

        return body(listed_page(rows, ask.params), shown)

    return answer
