"""Events for optional tables: followers, mail, calls, comments, projects and account settings.

Each event function changes the world at its current time with random numbers of the day.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.company import generators, generators_optional, words
from pipedrive_assets.sandbox.company.growth import outgrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipedrive_assets.sandbox.company.tables import Row
    from pipedrive_assets.sandbox.company.world import World

Event = Any
EVENTS_A_DAY = 3


def agenda(seed: int, day: int) -> list[tuple[int, Event]]:
    """Draw the events of a day from separate random numbers.

    The other events of a day therefore do not depend on these.

    Args:
        seed: Seed of the world.
        day: Days since the epoch.

    Returns:
        Events with their second of the day.
    """
    rng = Random(f"{seed}:{day}:side")
    happening = rng.choices(EVENTS, k=EVENTS_A_DAY)
    return [(1 + int(rng.random() * 86_000), partial(_beside, event, rng)) for event in happening]


def _beside(event: Event, rng: Random, world: World, _rng: Random) -> None:
    event(world, rng)


def _grow(world: World, rng: Random, table: str, make: Callable[[], Row | None]) -> None:
    """Add a row, or delete one if there are more than planned."""
    row = world.tables[table].pick(rng)
    if row is not None and outgrown(world, table):
        world.delete(table, row["id"])
    elif values := make():
        world.add(table, **values)


def follow(world: World, rng: Random) -> None:
    """Add or remove a follower of a person, an organization or a product."""
    table = generators.one(rng, list(generators_optional.FOLLOWED))
    _grow(world, rng, table, lambda: generators_optional.follower(rng, world, table))


def relate(world: World, rng: Random) -> None:
    """Add or delete a relationship between two organizations."""
    _grow(world, rng, "relationships", lambda: generators_optional.relationship(rng, world))


def vary(world: World, rng: Random) -> None:
    """Add or delete a variation of a product."""
    _grow(world, rng, "variations", lambda: generators_optional.variation(rng, world))


def comment(world: World, rng: Random) -> None:
    """Add, edit or delete a comment on a note."""
    row = world.tables["comments"].pick(rng)
    if row is not None and rng.random() < 0.3:
        world.edit("comments", row["id"], content=f"{row['content'][:40]} (edited)")
    else:
        _grow(world, rng, "comments", lambda: generators_optional.comment(rng, world))


def call(world: World, rng: Random) -> None:
    """Add a call of the API token's user, or delete one if there are more than planned."""
    _grow(world, rng, "call_logs", lambda: generators_optional.call_log(rng, world, world.stamp))


def mail(world: World, rng: Random) -> None:
    """Add a mail thread or a message, or archive or delete a thread."""
    row, what = world.tables["mail_threads"].pick(rng), rng.random()
    if row is None or what < 0.3:
        thread_id = world.add("mail_threads", **generators_optional.thread(rng, world, world.stamp))
        generators_optional.add_message(rng, world, thread_id)
        _touch_linked(world, world.row("mail_threads", thread_id))
    elif outgrown(world, "mail_threads"):
        world.delete("mail_threads", row["id"])
        _touch_linked(world, row)
    elif what < 0.8:
        generators_optional.add_message(rng, world, row["id"])
        _touch_linked(world, row)
    else:
        world.edit("mail_threads", row["id"], folders=["archive"], archived_flag=1)


def _touch_linked(world: World, thread: Row) -> None:
    """Set the update_time of the records whose number of emails changes."""
    linked = {("deals", thread["deal_id"])}
    for party in thread["parties"]["from"]:
        linked.add(("persons", party["linked_person_id"]))
        linked.add(("organizations", party["linked_organization_id"]))
    for table, key in sorted((name, key) for name, key in linked if key is not None):
        row = world.tables[table].rows.get(key)
        if row is not None and not row["is_deleted"]:
            world.edit(table, key)


def plan_project(world: World, rng: Random) -> None:
    """Change the title or the phase of a project."""
    row = world.tables["projects"].pick(rng)
    if row is None:
        return
    if rng.random() < 0.5:
        title = f"Project {row['id']} {generators.one(rng, words.DEAL_WORDS)}"
        world.edit("projects", row["id"], title=title)
    else:
        world.edit("projects", row["id"], phase_id=1 + row["phase_id"] % 3, board_id=1)


def administrate(world: World, rng: Random) -> None:
    """Edit a webhook and a filter, rename a project template, or change a user's role."""
    what = generators.one(rng, ("webhooks", "project_templates", "users"))
    row = world.tables[what].pick(rng)
    if row is None:
        return
    if what == "webhooks":
        world.edit(what, row["id"], is_active=1 - row["is_active"], last_http_status=500)
        world.edit("filters", 1 + row["id"] % len(world.ids("filters")))
    elif what == "users":
        world.edit(what, row["id"], role_id=1 + row["role_id"] % 3)
    else:
        world.edit(what, row["id"], title=f"Template {row['id']} as of {world.today}")


EVENTS: tuple[Event, ...] = (follow, relate, vary, comment, call, mail, plan_project, administrate)
