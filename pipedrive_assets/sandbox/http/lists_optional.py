"""Replies of the endpoints for optional tables.

Functions that return a handler take what differs between endpoints; a handler takes the call.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.company.reference_rows import COMPANY
from pipedrive_assets.sandbox.exchange import Body, Refusal
from pipedrive_assets.sandbox.http import v1_flow, v1_rows
from pipedrive_assets.sandbox.http.counters import mails_of
from pipedrive_assets.sandbox.http.paging import keyset_page
from pipedrive_assets.sandbox.http.v1_lists import data_of, paged
from pipedrive_assets.sandbox.http.v1_rows import old_time, organization_link
from pipedrive_assets.sandbox.http.v2_lists import Ask, body, children, found

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipedrive_assets.sandbox.company.tables import Row

V1_MOVES = "participant_moves"


def followers(parent: str, table: str, column: str) -> Callable[[Ask], Body]:
    """Make the handler for the followers of a record.

    Args:
        parent: Table of the record.
        table: Table of its followers.
        column: Foreign key of the followers to the record.

    Returns:
        The handler.
    """

    def answer(ask: Ask) -> Body:
        key = found(ask, parent)["id"]
        return children(ask, table, lambda row: bool(row[column] == key), paged=True)

    return answer


def moves(table: str, parent: str = "deals", column: str = "deal_id") -> Callable[[Ask], Body]:
    """Make the handler for added and removed participants or followers of a record, newest first.

    Times are in the format of the endpoint's API version.

    Args:
        table: Table of the changes.
        parent: Table of the record.
        column: Foreign key of the changes to the record.

    Returns:
        The handler.
    """

    def answer(ask: Ask) -> Body:
        key = found(ask, parent)["id"]
        params = {**ask.params, "sort_direction": "desc"}
        page = keyset_page(
            ask.world.tables[table].ordered("id"), lambda row: row[column] == key, params
        )
        return body(page, view)

    def view(row: Row) -> Row:
        shown = {name: value for name, value in row.items() if name not in {"id", column}}
        return {**shown, "time": old_time(row["time"])} if table == V1_MOVES else shown

    return answer


def project_changelog(ask: Ask) -> Body:
    """List the changes of a project, newest first; simultaneous changes share a row."""
    changes = ask.world.histories["projects"].of(found(ask, "projects")["id"])
    rows: dict[str, Row] = {}
    for change in changes:
        row = rows.setdefault(change.time, {"id": change.id, "old": {}, "new": {}})
        row["old"][change.field_key] = change.old_value
        row["new"][change.field_key] = change.new_value
        row["change"] = change
    ordered = [((True, row["id"], row["id"]), row) for row in reversed(rows.values())]
    page = keyset_page(ordered, lambda _: True, {**ask.params, "sort_direction": "desc"})
    return body(page, _project_change)


def _project_change(row: Row) -> Row:
    change = v1_flow.changelog_row(row["change"])
    kept = ("actor_user_id", "change_source", "change_source_user_agent")
    return {
        **{name: change[name] for name in kept},
        "time": row["change"].time,
        "old_values": row["old"],
        "new_values": row["new"],
    }


def whole_v2(table: str) -> Callable[[Ask], Body]:
    """Make the handler for all rows of a table, paged by cursor."""

    def answer(ask: Ask) -> Body:
        page = keyset_page(ask.world.tables[table].ordered("id"), lambda _: True, ask.params)
        return body(page, dict)

    return answer


def variations(ask: Ask) -> Body:
    """List the variations of a product."""
    product_id = found(ask, "products")["id"]
    page = keyset_page(
        ask.world.tables["variations"].ordered("id"),
        lambda row: row["product_id"] == product_id,
        ask.params,
    )
    return body(page, _variation)


def _variation(row: Row) -> Row:
    prices = [{"product_variation_id": row["id"], **price} for price in row["prices"]]
    return {**row, "prices": prices}


def comments(ask: Ask) -> Body:
    """List the comments on a note."""
    note_id = found(ask, "notes")["id"]
    rows = ask.world.tables["comments"].where("note_id", note_id)
    return paged(ask, rows, _comment, named=True)


def _comment(row: Row) -> Row:
    shown = {name: value for name, value in row.items() if name not in {"id", "note_id"}}
    return {
        "uuid": row["id"],
        **shown,
        "company_id": COMPANY["company_id"],
        "object_id": str(row["note_id"]),
        "object_type": "note",
    }


def relationships(ask: Ask) -> Body:
    """List the relationships of an organization from its point of view.

    Args:
        ask: The call.

    Returns:
        The body of the reply.

    Raises:
        Refusal: 404 if the organization does not exist.
    """
    key = ask.params["org_id"]
    if key not in ask.world.tables["organizations"].rows:
        raise Refusal(404, "Organization not found")
    rows = [
        _relationship(ask, row, key)
        for row in ask.world.tables["relationships"].rows.values()
        if key in {row["owner_org_id"], row["linked_org_id"]}
    ]
    pagination = {"start": 0, "limit": 100, "more_items_in_collection": False}
    return {
        "success": True,
        "data": data_of(ask, rows),
        "additional_data": {"pagination": pagination},
        "related_objects": {},
    }


def _relationship(ask: Ask, row: Row, key: Any) -> Row:
    is_owner = row["owner_org_id"] == key
    other = row["linked_org_id"] if is_owner else row["owner_org_id"]
    sides = {"parent": ("daughter", "parent"), "related": ("related", "related")}[row["type"]]
    known = ask.world.tables["organizations"].rows.get(other)
    kept = {name: row[name] for name in ("id", "type")}
    return {
        "related_organization_name": known and known["name"],
        "calculated_type": sides[0] if is_owner else sides[1],
        "calculated_related_org_id": other,
        **kept,
        "rel_owner_org_id": _side(ask, row["owner_org_id"]),
        "rel_linked_org_id": _side(ask, row["linked_org_id"]),
        "add_time": old_time(row["add_time"]),
        "update_time": old_time(row["update_time"]),
        "active_flag": "true",
    }


def _side(ask: Ask, key: Any) -> Row:
    link = organization_link(ask.world, key) or {}
    return {name: value for name, value in link.items() if name != "label_ids"}


def filter_record(ask: Ask) -> Body:
    """Return a saved filter with its conditions, which depend on its last change."""
    row = found(ask, "filters")
    condition = {
        "object": row["type"].removesuffix("s"),
        "field_id": str(12_000 + row["id"]),
        "operator": "=",
        "value": row["update_time"],
        "extra_value": None,
        "json_value_flag": False,
    }
    if ask.params.get("include_field_code"):
        condition["field_code"] = "status"
    groups = [{"glue": "and", "conditions": [condition]}, {"glue": "or", "conditions": []}]
    return {"success": True, "data": {**row, "conditions": {"glue": "and", "conditions": groups}}}


def call_logs(ask: Ask) -> Body:
    """List the calls of the API token's user; empty columns are omitted, as in the example."""
    rows = list(ask.world.tables["call_logs"].rows.values())
    return paged(ask, rows, _call, named=True)


def _call(row: Row) -> Row:
    empty = {"activity_id", "org_id", "deal_id", "lead_id", "from_phone_number"}
    if row["has_recording"]:
        return dict(row)
    return {name: value for name, value in row.items() if value is not None or name not in empty}


def threads(ask: Ask) -> Body:
    """List the mail threads in a folder, latest first; the reply has no page information."""
    rows = [
        row
        for row in ask.world.tables["mail_threads"].rows.values()
        if ask.params["folder"] in row["folders"]
    ]
    rows.sort(key=lambda row: (row["last_message_timestamp"], row["id"]), reverse=True)
    answer = paged(ask, rows, dict, named=False)
    del answer["additional_data"]
    return answer


def messages(ask: Ask) -> Body:
    """List the messages of a mail thread."""
    thread_id = found(ask, "mail_threads")["id"]
    rows = ask.world.tables["mail_messages"].where("mail_thread_id", thread_id)
    return {"success": True, "data": data_of(ask, rows)}


def mails(table: str, column: str) -> Callable[[Ask], Body]:
    """Make the handler for the emails linked to a deal, person or organization, newest first."""

    def answer(ask: Ask) -> Body:
        rows = mails_of(ask.world, column, found(ask, table)["id"])
        return paged(
            ask, rows, partial(v1_rows.mail, has_body=ask.params.get("include_body")), named=False
        )

    return answer


def webhooks(ask: Ask) -> Body:
    """List all webhooks of the company, with their passwords."""
    rows = list(ask.world.tables["webhooks"].rows.values())
    return {"status": "ok", "success": True, "data": data_of(ask, rows)}


def role_assignments(ask: Ask) -> Body:
    """List the users who have a role."""
    role = found(ask, "roles")
    rows = [
        {
            "user_id": user["id"],
            "role_id": role["id"],
            "parent_role_id": role["parent_role_id"],
            "name": role["name"],
            "active_flag": user["active_flag"],
            "type": "1",
        }
        for user in ask.world.tables["users"].rows.values()
        if user["role_id"] == role["id"]
    ]
    return paged(ask, rows, dict, named=False)


KINDS = ("deal", "lead", "org", "person", "product")


def role_settings(ask: Ask) -> Body:
    """Return the settings of a role, which depend on its number of users."""
    role = found(ask, "roles")
    users = ask.world.tables["users"].rows.values()
    visibility = 1 + 2 * (sum(user["role_id"] == role["id"] for user in users) % 2)
    data = {f"{kind}_default_visibility": visibility for kind in KINDS}
    if role["parent_role_id"] is None:
        data |= {f"{kind}_access_level": 1 for kind in KINDS if kind != "lead"}
    return {"success": True, "data": data}


def permission_set(ask: Ask) -> Body:
    """Return a permission set in a list, as in the official example.

    Its permissions depend on the roles of users.
    """
    row = found(ask, "permission_sets")
    sellers = sum(user["role_id"] == 1 for user in ask.world.tables["users"].rows.values())
    contents = ["can_add_products", "can_use_api", "can_share_filters"][: 2 + sellers % 2]
    return {"success": True, "data": [{**row, "contents": contents}]}


def permission_set_assignments(ask: Ask) -> Body:
    """List the users who have a permission set.

    Args:
        ask: The call.

    Returns:
        The body of the reply.

    Raises:
        Refusal: 404 if no user has the permission set.
    """
    held = found(ask, "permission_sets")
    rows = [
        {"user_id": user["id"], "permission_set_id": held["id"], "name": held["name"]}
        for user in ask.world.tables["users"].rows.values()
        if any(access["permission_set_id"] == held["id"] for access in user["access"])
    ]
    if not rows:
        raise Refusal(404, "Assignments not found")
    answer = paged(ask, rows, dict, named=False)
    del answer["additional_data"]
    return answer
