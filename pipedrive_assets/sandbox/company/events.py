"""Events for deals, persons, organizations, activities, products, notes and files.

Each event function changes the world at its current time with random numbers of the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.company import custom_fields, generators, words
from pipedrive_assets.sandbox.company.growth import custom_edit, grow, outgrown, remove

if TYPE_CHECKING:
    from random import Random

    from pipedrive_assets.sandbox.company.tables import Row
    from pipedrive_assets.sandbox.company.world import World


def _deal(world: World, rng: Random, status: str | None = "open") -> Row | None:
    """Pick a deal that is not archived; None as `status` accepts every status."""
    for _ in range(8):
        row = world.tables["deals"].pick(rng)
        if row is not None and not row["is_archived"] and status in {None, row["status"]}:
            return row
    return None


def edit_deal(world: World, rng: Random) -> None:
    """Edit a built-in column or a custom field of a deal."""
    row = _deal(world, rng, None) or world.tables["deals"].pick(rng)
    if row is None:
        world.add("deals", **generators.deal(rng, world))
        return
    what = int(rng.random() * 5)
    if what == 0:
        world.edit("deals", row["id"], value=custom_fields.money(rng))
    elif what == 1:
        title = f"{generators.one(rng, words.COMPANIES)} {generators.one(rng, words.DEAL_WORDS)}"
        world.edit("deals", row["id"], title=title)
    elif what == 2:
        world.edit("deals", row["id"], expected_close_date=custom_fields.day_of(rng))
    elif what == 3:
        world.edit("deals", row["id"], owner_id=generators.owner(rng))
    else:
        world.edit("deals", row["id"], custom_fields=custom_edit(world, rng, "deals"))


def move_stage(world: World, rng: Random) -> None:
    """Move an open deal to the next stage."""
    row = _deal(world, rng)
    if row is not None and row["stage_id"] not in {5, 11}:
        world.edit("deals", row["id"], stage_id=row["stage_id"] + 1)


def close_deal(world: World, rng: Random) -> None:
    """Mark an open deal as won or lost."""
    row = _deal(world, rng)
    if row is None:
        return
    if rng.random() < 0.4:
        world.edit("deals", row["id"], status="won")
        return
    reason: str | Row = generators.one(rng, words.LOST_REASONS)
    if rng.random() < 0.1:
        reason = {"id": 5, "label": reason}
    world.edit("deals", row["id"], status="lost", lost_reason=reason)


def reopen_deal(world: World, rng: Random) -> None:
    """Reopen a lost deal."""
    row = _deal(world, rng, "lost")
    if row is not None:
        world.edit("deals", row["id"], status="open")


def bulk_edit(world: World, rng: Random) -> None:
    """Edit several deals in the same second."""
    owner = generators.owner(rng)
    for _ in range(4):
        row = _deal(world, rng, None)
        if row is not None:
            world.edit("deals", row["id"], bulk=True, owner_id=owner)


def archive_deal(world: World, rng: Random) -> None:
    """Archive a deal, or unarchive an archived one."""
    row = world.tables["deals"].pick(rng)
    if row is None or row["id"] in world.tables["deals"].settled:
        return
    if row["is_archived"]:
        world.unarchive("deals", row["id"])
    elif rng.random() < 0.25:
        world.archive("deals", row["id"])


def delete_deal(world: World, rng: Random) -> None:
    """Delete a deal: always if there are more deals than planned, otherwise rarely."""
    if outgrown(world, "deals") or rng.random() < 0.05:
        remove(world, rng, "deals")


def new_deal(world: World, rng: Random) -> None:
    """Add a deal, usually with a new person, sometimes with a new organization."""
    values = generators.deal(rng, world)
    if rng.random() < 0.6:
        org = values["org_id"]
        if rng.random() < 0.5:
            org = world.add("organizations", **generators.organization(rng, world))
        person = {**_newcomer(rng, world), "org_id": org}
        values |= {"org_id": org, "person_id": world.add("persons", **person)}
    deal_id = world.add("deals", **values)
    for _ in range(int(rng.random() * 3)):
        product_id = generators.key_in(rng, world, "products")
        if product_id is not None:
            world.add_product(deal_id, product_id)


def edit_person(world: World, rng: Random) -> None:
    """Edit the phones or a custom field of a person."""
    row = world.tables["persons"].pick(rng)
    if row is None:
        world.add("persons", **generators.person(rng, world))
    elif rng.random() < 0.5:
        phones = generators.contacts(rng, row["name"], "phones")
        world.edit("persons", row["id"], phones=phones)
    else:
        world.edit("persons", row["id"], custom_fields=custom_edit(world, rng, "persons"))


def new_person(world: World, rng: Random) -> None:
    """Add a person, or delete one if there are more than planned."""
    if outgrown(world, "persons"):
        remove(world, rng, "persons")
        return
    world.add("persons", **_newcomer(rng, world))


def _newcomer(rng: Random, world: World) -> Row:
    never_edited = {"update_time": None} if rng.random() < 0.1 else {}
    return {**generators.person(rng, world), **never_edited}


def edit_organization(world: World, rng: Random) -> None:
    """Edit the employee count or a custom field of an organization."""
    row = world.tables["organizations"].pick(rng)
    if row is None:
        world.add("organizations", **generators.organization(rng, world))
    elif rng.random() < 0.5:
        world.edit("organizations", row["id"], employee_count=int(rng.random() * 900))
    else:
        values = custom_edit(world, rng, "organizations")
        world.edit("organizations", row["id"], custom_fields=values)


def new_organization(world: World, rng: Random) -> None:
    """Add an organization, or delete one if there are more than planned."""
    grow(world, rng, "organizations", generators.organization)


def edit_activity(world: World, rng: Random) -> None:
    """Mark an activity as done, or edit the note of a done one."""
    row = world.tables["activities"].pick(rng)
    if row is None:
        world.add("activities", **generators.activity(rng, world))
    elif row["done"]:
        world.edit("activities", row["id"], note=generators.one(rng, words.NOTES[:4]))
    else:
        world.edit("activities", row["id"], done=True, marked_as_done_time=world.stamp)


def new_activity(world: World, rng: Random) -> None:
    """Add an activity, or delete one if there are more than planned."""
    grow(world, rng, "activities", generators.activity)


def edit_product(world: World, rng: Random) -> None:
    """Edit the first price or a custom field of a product."""
    row = world.tables["products"].pick(rng)
    if row is None:
        world.add("products", **generators.product(rng, world, 0))
    elif rng.random() < 0.5 and row["prices"]:
        first, *others = row["prices"]
        price = {**first, "price": round(rng.random() * 900, 2)}
        world.edit("products", row["id"], prices=[price, *others])
    else:
        world.edit("products", row["id"], custom_fields=custom_edit(world, rng, "products"))


def new_product(world: World, rng: Random) -> None:
    """Add a product, or delete one if there are more than planned."""
    number = world.tables["products"].last
    grow(world, rng, "products", lambda rng, world: generators.product(rng, world, number))


def write_note(world: World, rng: Random) -> None:
    """Edit a note, add one, or delete one if there are more than planned."""
    row = world.tables["notes"].pick(rng)
    if row is not None and rng.random() < 0.3:
        world.edit("notes", row["id"], content=generators.one(rng, words.NOTES))
    else:
        grow(world, rng, "notes", generators.note)


def attach_file(world: World, rng: Random) -> None:
    """Add a file, or delete one if there are more than planned."""
    grow(world, rng, "files", generators.file)
