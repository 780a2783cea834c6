"""Changes that follow from a new or edited row: dependent columns, participants and history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.company import deals
from pipedrive_assets.sandbox.company.history import SKIPPED

if TYPE_CHECKING:
    from pipedrive_assets.sandbox.company.tables import Key, Row
    from pipedrive_assets.sandbox.company.world import World


MOVES = {
    "participants": ("participant_moves", "deal_id"),
    "followers": ("follower_moves", "deal_id"),
    "person_followers": ("person_follower_moves", "person_id"),
    "organization_followers": ("organization_follower_moves", "org_id"),
    "product_followers": ("product_follower_moves", "product_id"),
}
"""Tables of participants and followers, with the table of their changelog and its foreign key."""


def complete(world: World, table: str, row: Row, given: Row) -> None:
    """Derive the columns of a new row that depend on its other columns or on other rows.

    Args:
        world: The company.
        table: Table of the row.
        row: The new row; it is changed in place.
        given: Values that the caller passed; they are not replaced.
    """
    if table == "deals":
        _complete_deal(world, row, given)
    elif table == "activities":
        _complete_activity(row, given)
    elif table in MOVES:
        moved(world, table, row, "added", row["add_time"])
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
    """Update dependent columns of a deal after an edit, and record the changes.

    Args:
        world: The company.
        row: The deal after the edit.
        before: Old values of the columns in the edit.
        bulk: Whether the edit is part of a bulk edit.
    """
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
    """Record the deletion in a deal's history."""
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
    """Find or create the participant row of a person in a deal.

    Args:
        world: The company.
        deal_id: Id of the deal.
        person_id: Id of the person.
        add_time: Time of a new deal; it skips the search, as a new deal has no participants.

    Returns:
        Id of the participant row.
    """
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
    """Add a product to a deal, with the product's price by default.

    Args:
        world: The company.
        deal_id: Id of the deal.
        product_id: Id of the product.
        line: Values that replace the product's.
        touch: Whether to update the value of the deal.

    Returns:
        Id of the product line.
    """
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
    """Set a deal's value to the sum of its product lines."""
    lines = world.tables["deal_products"].where("deal_id", deal_id)
    world.edit("deals", deal_id, value=round(sum(line["sum"] for line in lines), 2))


def end_terms(world: World, deal_id: Key) -> None:
    """Delete the installments of a deal without product lines."""
    if not world.tables["deal_products"].where("deal_id", deal_id):
        for row in world.tables["installments"].where("deal_id", deal_id):
            world.tables["installments"].drop(row["id"])


def moved(world: World, table: str, row: Row, action: str, time: str) -> None:
    """Record that a participant or follower was added to a record or removed from it.

    Args:
        world: The company.
        table: Table of the participant or follower.
        row: Its row.
        action: `added` or `removed`.
        time: Time of the change, UTC.
    """
    moves, column = MOVES[table]
    values = {column: row[column], "action": action, "time": time}
    if table == "participants":
        world.add(moves, person_id=row["person_id"], actor_user_id=row["user_id"], **values)
    else:
        world.add(moves, follower_user_id=row["user_id"], **values)


def leave_deal(world: World, row: Row) -> None:
    """Remove a participant from a deal."""
    world.tables["participants"].drop(row["id"])
    moved(world, "participants", row, "removed", world.stamp)


def record_changes(world: World, table: str, row: Row, before: Row) -> None:
    """Record the changes of an edit to a person, an organization or a project.

    Args:
        world: The company.
        table: Table of the row.
        row: The row after the edit.
        before: Old values of the columns in the edit.
    """
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
