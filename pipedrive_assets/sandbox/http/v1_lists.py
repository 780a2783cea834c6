"""Replies of API v1: lists by offset, unpaged lists, and the flow and changelog of a record.

Functions that return a handler take what differs between endpoints; a handler takes the call.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.company.reference_rows import COMPANY
from pipedrive_assets.sandbox.http import v1_flow, v1_rows
from pipedrive_assets.sandbox.http.paging import DEFAULT_LIMIT, ListPage, offset_page
from pipedrive_assets.sandbox.http.parameters import invalid
from pipedrive_assets.sandbox.http.v2_lists import Ask, found, saved_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipedrive_assets.sandbox.company.history import Change
    from pipedrive_assets.sandbox.company.tables import Row
    from pipedrive_assets.sandbox.company.world import World
    from pipedrive_assets.sandbox.exchange import Body

# Path to the value in a goal with which a parameter of goals/find is compared.
GOAL_PATHS = {
    "type.name": ("type", "name"),
    "assignee.id": ("assignee", "id"),
    "assignee.type": ("assignee", "type"),
    "expected_outcome.target": ("expected_outcome", "target"),
    "expected_outcome.tracking_metric": ("expected_outcome", "tracking_metric"),
    "expected_outcome.currency_id": ("expected_outcome", "currency_id"),
    "type.params.pipeline_id": ("type", "params", "pipeline_id"),
    "type.params.stage_id": ("type", "params", "stage_id"),
    "type.params.activity_type_id": ("type", "params", "activity_type_id"),
    "period.start": ("duration", "start"),
    "period.end": ("duration", "end"),
}


def data_of(ask: Ask, rows: Sequence[Row]) -> list[Row] | None:
    """Rows as v1 returns them: an empty list may be null."""
    return list(rows) if rows or not ask.habits.empty_is_null else None


def pagination(page: ListPage, *, named: bool) -> Row:
    """Build the page information of v1; only some lists have `next_start` (`named`)."""
    facts: Row = {
        "start": page.start,
        "limit": page.limit,
        "more_items_in_collection": page.has_more,
    }
    if named and page.has_more:
        facts["next_start"] = page.start + page.limit
    return facts


def paged(ask: Ask, rows: Sequence[Row], view: Callable[[Row], Row], *, named: bool) -> Body:
    """Build a page of a list by offset.

    Args:
        ask: The call.
        rows: All rows of the list.
        view: Converts a row to the format of the reply.
        named: Whether the list returns `next_start`.

    Returns:
        The body of the reply.
    """
    page = offset_page(rows, ask.params)
    return {
        "success": True,
        "data": data_of(ask, [view(row) for row in page.rows]),
        "additional_data": {"pagination": pagination(page, named=named)},
    }


def sort(rows: list[Row], order: Sequence[tuple[str, bool]]) -> list[Row]:
    """Sort rows by columns, each with whether it is descending; ascending puts null first."""
    for column, descending in reversed(order):
        rows = sorted(rows, key=lambda row: _sortable(row[column]), reverse=descending)
    return rows


def _sortable(value: Any) -> tuple[bool, Any]:
    return value is not None, value


def _visible(ask: Ask, table: str) -> list[Row]:
    rows = ask.world.tables[table].rows.values()
    return [row for row in rows if ask.world.sees(table, row)]


def one(table: str, view: Callable[[World, Row], Row]) -> Callable[[Ask], Body]:
    """Make the handler for a single record by its id."""

    def answer(ask: Ask) -> Body:
        return {"success": True, "data": view(ask.world, found(ask, table))}

    return answer


def notes(ask: Ask) -> Body:
    """List notes by id or in the requested order."""
    params = ask.params
    rows = [row for row in _visible(ask, "notes") if _note_wanted(row, params)]
    rows = sort(rows, (*params.get("sort", ()), ("id", False)))
    return paged(ask, rows, lambda row: v1_rows.note(ask.world, row), named=True)


def _note_wanted(row: Row, params: Row) -> bool:
    day = row["add_time"][:10]
    special = {"updated_since", "start_date", "end_date", "sort", "start", "limit"}
    return (
        all(row[name] == value for name, value in params.items() if name not in special)
        and params.get("start_date", day) <= day <= params.get("end_date", day)
        and _is_since(row, params)
    )


def _is_since(row: Row, params: Row) -> bool:
    since = params.get("updated_since")
    if since is None:
        return True
    return row["update_time"] is not None and row["update_time"][:19] >= since[:19]


def files(ask: Ask) -> Body:
    """List files by id or in the requested order."""
    rows = sort(
        _visible(ask, "files"),
        (*ask.params.get("sort", ()), ("id", False)),
    )
    return paged(ask, rows, lambda row: v1_rows.file(ask.world, row), named=True)


def leads(*, archived: bool) -> Callable[[Ask], Body]:
    """Make the handler for leads or archived leads, oldest first or in the requested order."""

    def answer(ask: Ask) -> Body:
        rows = [row for row in _visible(ask, "leads") if wanted(ask, row)]
        order = (*ask.params.get("sort", ()), ("add_time", False), ("id", False))
        page = offset_page(sort(rows, order), ask.params)
        facts = pagination(page, named=ask.habits.lead_next_start)
        return {
            "success": True,
            "data": data_of(ask, [v1_rows.lead(ask.world, row) for row in page.rows]),
            "additional_data": {"pagination": facts} if ask.habits.lead_pagination else facts,
        }

    def wanted(ask: Ask, row: Row) -> bool:
        if row["is_archived"] is not archived or not _is_since(row, ask.params):
            return False
        if "filter_id" in ask.params:
            return saved_filter(ask, "leads")(row)
        columns = ("owner_id", "person_id", "organization_id")
        return all(row[name] == ask.params[name] for name in columns if name in ask.params)

    return answer


def participants(ask: Ask) -> Body:
    """List the participants of a deal."""
    deal_id = found(ask, "deals")["id"]
    rows = ask.world.tables["participants"].groups("deal_id").get(deal_id, ())
    answer = paged(ask, rows, lambda row: v1_rows.participant(ask.world, row), named=False)
    return {**answer, "related_objects": _related(answer["data"] or [])}


def _related(rows: list[Row]) -> Row:
    related: Row = {"user": {}, "person": {}, "organization": {}}
    for row in rows:
        for kind, link in (
            ("user", row["added_by_user_id"]),
            ("person", row["person_id"]),
            ("organization", row["person"]["org_id"]),
        ):
            if link is not None:
                facts = {key: value for key, value in link.items() if key != "value"}
                related[kind][str(link["value"])] = {"id": link["value"], **facts}
    return related


def flow(ask: Ask) -> Body:
    """List the flow of a deal, newest first."""
    deal_id = found(ask, "deals")["id"]
    rows = v1_flow.flow(
        ask.world,
        deal_id,
        all_changes=ask.params.get("all_changes", False),
        items=ask.params.get("items"),
    )
    return {**paged(ask, rows, lambda row: row, named=False), "related_objects": {}}


def changelog(table: str) -> Callable[[Ask], Body]:
    """Make the handler for the field changes of a record, newest first.

    Its cursor is the base64 text of, for example, `id:544`.
    """

    def answer(ask: Ask) -> Body:
        changes = ask.world.histories[table].of(found(ask, table)["id"])
        start = _after(changes, ask.params.get("cursor"))
        end = start + ask.params.get("limit", DEFAULT_LIMIT)
        marker = None
        if end < len(changes):
            marker = b64encode(f"id:{changes[end - 1].id}".encode()).decode().rstrip("=")
        return {
            "success": True,
            "data": data_of(ask, [v1_flow.changelog_row(change) for change in changes[start:end]]),
            "additional_data": {"next_cursor": marker},
        }

    return answer


def _after(changes: Sequence[Change], cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        kind, _, number = b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        places = {change.id: place for place, change in enumerate(changes)}
        if kind == "id":
            return places[int(number)] + 1
    except (ValueError, KeyError):
        pass
    msg = "'cursor' is not valid"
    raise invalid(msg)


def whole(table: str) -> Callable[[Ask], Body]:
    """Make the handler for an unpaged list with at most one filter parameter."""

    def answer(ask: Ask) -> Body:
        rows = [row for row in ask.world.tables[table].rows.values() if wanted(ask, row)]
        return {"success": True, "data": data_of(ask, rows)}

    def wanted(ask: Ask, row: Row) -> bool:
        term = ask.params.get("term", "").lower()
        columns = ("type", "app")
        return all(row[name] == ask.params[name] for name in columns if name in ask.params) and (
            not term or term in f"{row['name']} {row['code']}".lower()
        )

    return answer


def roles(ask: Ask) -> Body:
    """List roles by offset."""
    return paged(ask, list(ask.world.tables["roles"].rows.values()), dict, named=False)


def me(ask: Ask) -> Body:
    """Return the user of the API token, and the company."""
    language = {"language_code": "en", "country_code": "US"}
    user = ask.world.row("users", 9001)
    return {"success": True, "data": {**user, **COMPANY, "language": language}}


def goals(ask: Ask) -> Body:
    """List goals of the API token's user, or of all users if the call has a type or assignee."""
    params = ask.params
    everybody = any(name.startswith(("type.name", "assignee")) for name in params)
    rows = [
        row
        for row in ask.world.tables["goals"].rows.values()
        if (everybody or row["owner_id"] == 9001)
        and row["is_active"] is params.get("is_active", True)
        and params.get("title", "").lower() in row["title"].lower()
        and all(_goal_has(row, name, params[name]) for name in GOAL_PATHS if name in params)
    ]
    return {
        "success": True,
        "statusCode": 20000,
        "statusText": "OK",
        "service": "statistics-goals-api",
        "data": {"goals": rows},
    }


def _goal_has(row: Row, name: str, value: Any) -> bool:
    held: Any = row
    for part in GOAL_PATHS[name]:
        held = held.get(part) if held else None
    if name == "period.start":
        return held is None or bool(held >= value)
    if name == "period.end":
        return held is None or bool(held <= value)
    return value in held if isinstance(held, list) else bool(held == value)
