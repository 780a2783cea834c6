"""How rows of different tables hang together, and what follows for one when another changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.company import deals
from pipedrive_assets.sandbox.company.history import RECORDED, SKIPPED

if TYPE_CHECKING:
    from pipedrive_assets.sandbox.company.tables import Key, Row
    from pipedrive_assets.sandbox.company.world import World

# Columns that point to persons, organizations and products, by table.
POINTERS = {
    "persons": (
        ("deals", "person_id"),
        ("activities", "person_id"),
        ("leads", "person_id"),
        ("notes", "person_id"),
        ("files", "person_id"),
    ),
    "organizations": (
        ("deals", "org_id"),
        ("persons", "org_id"),
        ("activities", "org_id"),
        ("leads", "organization_id"),
        ("notes", "org_id"),
        ("files", "org_id"),
    ),
    "leads": (("activities", "lead_id"), ("notes", "lead_id"), ("files", "lead_id")),
}
MOVED = {
    **POINTERS,
    "deals": (
        ("activities", "deal_id"),
        ("notes", "deal_id"),
        ("files", "deal_id"),
        ("deal_products", "deal_id"),
    ),
}
"""Columns that point to the winner after a merge."""
CHILDREN = ("participants", "deal_products", "followers", "installments", "discounts")
DEPENDENTS = {
    "deals": (("participant_moves", "deal_id"), ("follower_moves", "deal_id")),
    "persons": (("person_followers", "person_id"),),
    "organizations": (
        ("organization_followers", "org_id"),
        ("relationships", "owner_org_id"),
        ("relationships", "linked_org_id"),
    ),
    "products": (("product_followers", "product_id"), ("variations", "product_id")),
    "notes": (("comments", "note_id"),),
    "mail_threads": (("mail_messages", "mail_thread_id"),),
}
"""What cannot outlive a row, by table."""


def complete(world: World, table: str, row: Row, given: Row) -> None:
    """Fill in what a new row implies."""
    if table == "deals":
        _complete_deal(world, row, given)
    elif table == "activities":
        _complete_activity(row, given)
    elif table in {"participants", "followers"}:
        moved(world, row, "added", row["add_time"])
    elif table == "persons" and not row["first_name"]:
        row["first_name"], _, last = row["name"].partition(" ")
        row["last_name"] = last or None


def _complete_deal(world: World, row: Row, given: Row) -> None:
    stage = world.row("stages", row["stage_id"])
    row["pipeline_id"] = stage["pipeline_id"]
    row["title"] = row["title"] or f"Deal {row['id']}"
    if row["status"] in {"won", "lost"} and "close_time" not in given:
        reason = row["lost_reason"]
        deals.settle_status(row, row["update_time"] or row["add_time"])
        row["lost_reason"] = reason
    if row["person_id"] is not None:
        join(world, row["id"], row["person_id"], row["add_time"])
    world.history.record(
        row["id"],
        "add_time",
        None,
        row["add_time"],
        user_id=row["creator_user_id"],
        time=row["add_time"],
    )


def _complete_activity(row: Row, given: Row) -> None:
    if row["done"] and "marked_as_done_time" not in given:
        row["marked_as_done_time"] = row["update_time"] or row["add_time"]
    if row["person_id"] is not None and "participants" not in given:
        row["participants"] = [{"person_id": row["person_id"], "primary": True}]


def deal_changed(world: World, row: Row, before: Row, *, bulk: bool) -> None:
    """Settle a deal after an edit and write its history."""
    if "status" in before and before["status"] != row["status"]:
        deals.settle_status(row, world.stamp)
    if "stage_id" in before and before["stage_id"] != row["stage_id"]:
        deals.settle_stage(row, world.row("stages", row["stage_id"]), world.stamp)
    if (
        row["person_id"] is not None
        and before.get("person_id", row["person_id"]) != row["person_id"]
    ):
        join(world, row["id"], row["person_id"])
    old_custom = before.pop("custom_fields", None)
    for column, old in before.items():
        if old != row[column] and column not in SKIPPED:
            _record(world, row, column, (old, row[column]), bulk=bulk)
    if old_custom is not None:
        for code, new in row["custom_fields"].items():
            if old_custom.get(code) != new:
                _record(world, row, code, (old_custom.get(code), new), bulk=bulk, custom=True)


def record_deletion(world: World, row: Row) -> None:
    """Write into its history that a deal is deleted."""
    _record(world, row, "status", (row["status"], "deleted"))


def _record(  # noqa: PLR0913 -- one argument per fact of a change
    world: World,
    row: Row,
    column: str,
    values: tuple[Any, Any],
    *,
    bulk: bool = False,
    custom: bool = False,
) -> None:
    world.history.record(
        row["id"],
        column,
        values[0],
        values[1],
        user_id=row["owner_id"],
        time=world.stamp,
        is_bulk=bulk,
        custom=custom,
    )


def join(world: World, deal_id: Key, person_id: Key, add_time: str | None = None) -> Key:
    """The participant row of a person in a deal, made where there is none."""
    table = world.tables["participants"]
    if add_time is None:
        for row in table.where("deal_id", deal_id):
            if row["person_id"] == person_id:
                found: Key = row["id"]
                return found
    return world.add(
        "participants",
        deal_id=deal_id,
        person_id=person_id,
        add_time=add_time or world.stamp,
        user_id=world.row("deals", deal_id)["owner_id"],
    )


def add_line(world: World, deal_id: Key, product_id: Key, line: Row, *, touch: bool) -> Key:
    """A product line on a deal, priced from the product."""
    product = world.row("products", product_id)
    price = product["prices"][0] if product["prices"] else {"price": 0, "currency": "EUR"}
    values = {
        "name": product["name"],
        "item_price": price["price"],
        "currency": price["currency"],
        "tax": product["tax"],
        **line,
    }
    key = world.add("deal_products", deal_id=deal_id, product_id=product_id, **values)
    row = world.row("deal_products", key)
    row["sum"] = deals.line_sum(row)
    if touch:
        revalue(world, deal_id)
    return key


def revalue(world: World, deal_id: Key) -> None:
    """Let a deal's value follow its product lines."""
    lines = world.tables["deal_products"].where("deal_id", deal_id)
    world.edit("deals", deal_id, value=round(sum(line["sum"] for line in lines), 2))


def end_terms(world: World, deal_id: Key) -> None:
    """Drop the instalments of a deal that has no product lines any more."""
    if not world.tables["deal_products"].where("deal_id", deal_id):
        for row in world.tables["installments"].where("deal_id", deal_id):
            world.tables["installments"].drop(row["id"])


def moved(world: World, row: Row, action: str, time: str) -> None:
    """Note that a person joined or left a deal, or a user began or ceased to follow it."""
    told = {"deal_id": row["deal_id"], "action": action, "time": time}
    if "person_id" in row:
        told |= {"person_id": row["person_id"], "actor_user_id": row["user_id"]}
        world.add("participant_moves", **told)
    else:
        world.add("follower_moves", follower_user_id=row["user_id"], **told)


def leave_deal(world: World, row: Row) -> None:
    """End a person's part in a deal."""
    world.tables["participants"].drop(row["id"])
    moved(world, row, "removed", world.stamp)


def record_changes(world: World, table: str, row: Row, before: Row) -> None:
    """Write the history of a person, an organization or a project after an edit."""
    custom = before.pop("custom_fields", None)
    changes = [
        (column, old, row[column], False)
        for column, old in before.items()
        if old != row[column] and column not in SKIPPED
    ]
    if custom is not None:
        changes += [
            (code, custom.get(code), new, True)
            for code, new in row["custom_fields"].items()
            if custom.get(code) != new
        ]
    for column, old, new, is_custom in changes:
        world.histories[table].record(
            *(row["id"], column, old, new),
            user_id=row["owner_id"],
            time=world.stamp,
            custom=is_custom,
        )


def unlink(world: World, table: str, key: Key) -> None:
    """Clear the pointers to a row that is being deleted; the rows that pointed count as edited."""
    if table == "followers":
        moved(world, world.row(table, key), "removed", world.stamp)
    for other, column in POINTERS.get(table, ()):
        for row in world.tables[other].where(column, key):
            change: Row = {column: None}
            world.edit(other, row["id"], **change)
    if table == "persons":
        for deal_id in _leave(world, key):
            _touch_deal(world, deal_id)


def _leave(world: World, person_id: Key) -> list[Key]:
    """End every part a person has in deals; returns the deals."""
    parts = world.tables["participants"].where("person_id", person_id)
    for row in parts:
        leave_deal(world, row)
    return [row["deal_id"] for row in parts]


def _touch_deal(world: World, deal_id: Key) -> None:
    if not world.row("deals", deal_id)["is_deleted"]:
        world.edit("deals", deal_id)


def move(world: World, table: str, loser: Key, winner: Key) -> None:
    """Let everything that points to the loser of a merge point to the winner."""
    for other, column in MOVED.get(table, ()):
        for row in world.tables[other].where(column, loser):
            change: Row = {column: winner}
            world.edit(other, row["id"], **change)
    if table == "persons":
        for deal_id in _leave(world, loser):
            join(world, deal_id, winner)
            _touch_deal(world, deal_id)


def delete_dependents(world: World, table: str, key: Key) -> None:
    """Drop what cannot outlive a row that is gone for good."""
    if table in RECORDED:
        world.histories[table].forget(int(key))
    for other, column in DEPENDENTS.get(table, ()):
        for row in world.tables[other].where(column, key):
            world.tables[other].drop(row["id"])
    if table == "products":
        for line in world.tables["deal_products"].where("product_id", key):
            line["product_id"] = None
            world.tables["deal_products"].touch()
    if table != "deals":
        return
    for child in (*CHILDREN, "notes", "files"):
        for row in world.tables[child].where("deal_id", key):
            world.tables[child].drop(row["id"])
    for row in world.tables["activities"].where("deal_id", key):
        world.edit("activities", row["id"], deal_id=None)
