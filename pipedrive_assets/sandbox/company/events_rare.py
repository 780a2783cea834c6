"""Events for records attached to deals, for leads, merges, custom fields, stages and users.

Each event function changes the world at its current time with random numbers of the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.company import custom_fields, generators, words
from pipedrive_assets.sandbox.company.growth import grow, outgrown, untouched

if TYPE_CHECKING:
    from random import Random

    from pipedrive_assets.sandbox.company.tables import Key
    from pipedrive_assets.sandbox.company.world import World


def change_lines(world: World, rng: Random) -> None:
    """Add a product to a deal, or remove one."""
    line = world.tables["deal_products"].pick(rng)
    if line is not None and (outgrown(world, "deal_products") or rng.random() < 0.2):
        world.remove_product(line["id"])
        return
    deal_id = generators.key_in(rng, world, "deals")
    product_id = generators.key_in(rng, world, "products")
    if deal_id is not None and product_id is not None:
        world.add_product(deal_id, product_id, quantity=generators.one(rng, (1, 3, 0.25)))


def change_participants(world: World, rng: Random) -> None:
    """Add a participant to a deal, or remove one."""
    row = world.tables["participants"].pick(rng)
    if row is not None and outgrown(world, "participants"):
        if world.row("deals", row["deal_id"])["person_id"] != row["person_id"]:
            world.remove_participant(row["deal_id"], row["person_id"])
        return
    deal_id = generators.key_in(rng, world, "deals")
    person_id = generators.key_in(rng, world, "persons")
    if deal_id is not None and person_id is not None:
        world.add_participant(deal_id, person_id)


def change_followers(world: World, rng: Random) -> None:
    """Add a follower to a deal, or remove one."""
    row = world.tables["followers"].pick(rng)
    if row is not None and outgrown(world, "followers"):
        world.delete("followers", row["id"])
        return
    deal_id, user_id = generators.key_in(rng, world, "deals"), generators.owner(rng)
    followed = world.tables["followers"].where("deal_id", deal_id)
    if deal_id is not None and all(each["user_id"] != user_id for each in followed):
        world.add("followers", deal_id=deal_id, user_id=user_id)


def change_terms(world: World, rng: Random) -> None:
    """Add an installment or a discount to a deal, or delete one."""
    table = generators.one(rng, ("installments", "discounts"))
    row = world.tables[table].pick(rng)
    if row is not None and outgrown(world, table):
        world.delete(table, row["id"])
        world.edit("deals", row["deal_id"])
        return
    deal_id = generators.key_in(rng, world, "deals")
    if deal_id is None or (table == "installments" and not _has_lines(world, deal_id)):
        return
    world.add(table, deal_id=deal_id, amount=custom_fields.money(rng), description="Agreed 🤝")
    world.edit("deals", deal_id)


def _has_lines(world: World, deal_id: Key) -> bool:
    """Whether a deal has product lines, which installments require."""
    return bool(world.tables["deal_products"].groups("deal_id").get(deal_id))


def edit_lead(world: World, rng: Random) -> None:
    """Edit the title of a lead."""
    row = world.tables["leads"].pick(rng)
    if row is not None:
        title = f"{generators.one(rng, words.LEAD_TITLES)} {generators.one(rng, words.COMPANIES)}"
        world.edit("leads", row["id"], title=title, was_seen=True)


def new_lead(world: World, rng: Random) -> None:
    """Add a lead, or delete one if there are more than planned."""
    grow(world, rng, "leads", generators.lead)


def archive_lead(world: World, rng: Random) -> None:
    """Archive a lead, or unarchive an archived one."""
    row = world.tables["leads"].pick(rng)
    if row is None or row["id"] in world.tables["leads"].settled:
        return
    if row["is_archived"]:
        world.unarchive("leads", row["id"])
    elif rng.random() < 0.4:
        world.archive("leads", row["id"])


def convert_lead(world: World, rng: Random) -> None:
    """Convert a lead to a deal, which deletes the lead."""
    row = untouched(world, rng, "leads")
    if row is None or row["is_archived"]:
        return
    world.delete("leads", row["id"])
    world.add(
        "deals",
        title=row["title"],
        person_id=row["person_id"],
        org_id=row["organization_id"],
        source_lead_id=row["id"],
        owner_id=row["owner_id"],
        custom_fields=row["custom_fields"],
    )


def _merge(world: World, rng: Random, table: str) -> None:
    loser, winner = untouched(world, rng, table), world.tables[table].pick(rng)
    if loser is not None and winner is not None and loser["id"] != winner["id"]:
        world.merge(table, loser["id"], winner["id"])


def merge_persons(world: World, rng: Random) -> None:
    """Merge two persons."""
    _merge(world, rng, "persons")


def merge_organizations(world: World, rng: Random) -> None:
    """Merge two organizations."""
    _merge(world, rng, "organizations")


def change_fields(world: World, rng: Random) -> None:
    """Add, rename or delete a custom field."""
    entity = generators.one(rng, custom_fields.ENTITIES)
    code = generators.one(rng, list(world.fields[entity]))
    what = int(rng.random() * 3)
    if what == 0:
        world.rename_field(entity, code, f"{world.fields[entity][code]['field_name'][:150]} (new)")
    elif what == 1 and len(world.fields[entity]) > len(custom_fields.LABELS):
        world.remove_field(entity, list(world.fields[entity])[-1])
    elif len(world.fields[entity]) < len(custom_fields.LABELS) + 3:
        world.add_field(entity, generators.one(rng, ("Region", "Score", "Tier 🥇")), "varchar")


def change_options(world: World, rng: Random) -> None:
    """Add, rename or delete an option of a custom field."""
    entity = generators.one(rng, custom_fields.ENTITIES)
    code = generators.one(rng, ("enum", "set"))
    field = next(each for each in world.fields[entity].values() if each["field_type"] == code)
    options, code = field["options"], field["field_code"]
    what = int(rng.random() * 3)
    if what == 0 and options:
        world.rename_option(entity, code, options[0]["id"], f"Renamed on {world.today}")
    elif what == 1 and len(options) > 4:
        world.remove_option(entity, code, options[-1]["id"])
    elif len(options) < 8:
        world.add_option(entity, code, generators.one(rng, ("Extra", "Später", "???")))


def edit_reference(world: World, rng: Random) -> None:
    """Rename a stage, or update the last login of a user."""
    if rng.random() < 0.5:
        stage = world.tables["stages"].pick(rng)
        if stage is not None:
            world.edit("stages", stage["id"], name=_other_name(stage["name"]))
        return
    user = world.tables["users"].pick(rng)
    if user is not None:
        stamp = f"{world.stamp[:10]} {world.stamp[11:19]}"
        world.edit("users", user["id"], last_login=stamp, modified=stamp)


def _other_name(name: str) -> str:
    """Append a check mark to a name, or remove it."""
    return name.removesuffix(" ✓") if name.endswith(" ✓") else f"{name} ✓"
