"""Foreign keys between tables, and what happens to them when a row is deleted or merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.company import consequences
from pipedrive_assets.sandbox.company.history import RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipedrive_assets.sandbox.company.tables import Key, Row
    from pipedrive_assets.sandbox.company.world import World

# Foreign keys to persons, organizations and leads, by table.
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
"""Foreign keys that change to the winner of a merge, by table."""
CHILDREN = ("participants", "deal_products", "followers", "installments", "discounts")
DEPENDENTS = {
    "deals": (("participant_moves", "deal_id"), ("follower_moves", "deal_id")),
    "persons": (("person_followers", "person_id"), ("person_follower_moves", "person_id")),
    "organizations": (
        ("organization_followers", "org_id"),
        ("organization_follower_moves", "org_id"),
        ("relationships", "owner_org_id"),
        ("relationships", "linked_org_id"),
    ),
    "products": (
        ("product_followers", "product_id"),
        ("product_follower_moves", "product_id"),
        ("variations", "product_id"),
    ),
    "notes": (("comments", "note_id"),),
    "mail_threads": (("mail_messages", "mail_thread_id"),),
}
"""Tables and foreign keys of rows that are deleted together with a row, by its table."""


def unlink(world: World, table: str, key: Key) -> None:
    """Clear foreign keys to a row that is being deleted; this edits the rows that have them.

    Args:
        world: The company.
        table: Table of the row.
        key: Id of the row.
    """
    if table in consequences.MOVES and table != "participants":
        consequences.moved(world, table, world.row(table, key), "removed", world.stamp)
    for other, column in POINTERS.get(table, ()):
        for row in world.tables[other].where(column, key):
            change: Row = {column: None}
            world.edit(other, row["id"], **change)
    if table == "persons":
        for deal_id in _leave(world, key):
            _touch_deal(world, deal_id)


def _leave(world: World, person_id: Key) -> list[Key]:
    """Remove a person from all deals, and return the ids of the deals."""
    parts = world.tables["participants"].where("person_id", person_id)
    for row in parts:
        consequences.leave_deal(world, row)
    return [row["deal_id"] for row in parts]


def _touch_deal(world: World, deal_id: Key) -> None:
    if not world.row("deals", deal_id)["is_deleted"]:
        world.edit("deals", deal_id)


def move(world: World, table: str, loser: Key, winner: Key) -> None:
    """Change the foreign keys to the loser of a merge into foreign keys to the winner.

    Args:
        world: The company.
        table: Table of both rows.
        loser: Id of the row that disappears.
        winner: Id of the row that stays.
    """
    for other, column in MOVED.get(table, ()):
        for row in world.tables[other].where(column, loser):
            change: Row = {column: winner}
            world.edit(other, row["id"], **change)
    if table == "persons":
        for deal_id in _leave(world, loser):
            consequences.join(world, deal_id, winner)
            _touch_deal(world, deal_id)


def delete_dependents(world: World, table: str, *keys: Key) -> None:
    """Delete the rows that depend on purged rows, and clear other foreign keys to them.

    Args:
        world: The company.
        table: Table of the purged rows.
        *keys: Ids of the purged rows.
    """
    if table in RECORDED:
        for key in keys:
            world.histories[table].forget(int(key))
    for other, column in DEPENDENTS.get(table, ()):
        _drop(world, other, column, keys)
    if table == "products":
        for line in world.tables["deal_products"].where("product_id", *keys):
            line["product_id"] = None
            world.tables["deal_products"].touch()
    if table != "deals":
        return
    for child in (*CHILDREN, "notes", "files"):
        _drop(world, child, "deal_id", keys)
    for row in world.tables["activities"].where("deal_id", *keys):
        world.edit("activities", row["id"], deal_id=None)


def _drop(world: World, table: str, column: str, keys: Iterable[Key]) -> None:
    if rows := world.tables[table].where(column, *keys):
        world.tables[table].drop_all({row["id"] for row in rows})
