"""What happens in the long tail of tables: who follows what, mail, calls, comments, setup."""

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
    """The events of a day with their seconds, by chances of their own: whatever else happens in
    the company is as if these did not.
    """
    rng = Random(f"{seed}:{day}:side")
    happening = rng.choices(EVENTS, k=EVENTS_A_DAY)
    return [(1 + int(rng.random() * 86_000), partial(_beside, event, rng)) for event in happening]


def _beside(event: Event, rng: Random, world: World, _rng: Random) -> None:
    event(world, rng)


def _grow(world: World, rng: Random, table: str, make: Callable[[], Row | None]) -> None:
    """A row more, or one less where there are too many."""
    row = world.tables[table].pick(rng)
    if row is not None and outgrown(world, table):
        world.delete(table, row["id"])
    elif values := make():
        world.add(table, **values)


def follow(world: World, rng: Random) -> None:
    """A user follows a person, an organization or a product, or no longer does."""
    table = generators.one(rng, list(generators_optional.FOLLOWED))
    _grow(world, rng, table, lambda: generators_optional.follower(rng, world, table))


def relate(world: World, rng: Random) -> None:
    """Two organizations are put in relation, or no longer are."""
    _grow(world, rng, "relationships", lambda: generators_optional.relationship(rng, world))


def vary(world: World, rng: Random) -> None:
    """A product gets a variation, or loses one."""
    _grow(world, rng, "variations", lambda: generators_optional.variation(rng, world))


def comment(world: World, rng: Random) -> None:
    """Somebody comments on a note, or rewrites or deletes a comment."""
    row = world.tables["comments"].pick(rng)
    if row is not None and rng.random() < 0.3:
        world.edit("comments", row["id"], content=f"{row['content'][:40]} (edited)")
    else:
        _grow(world, rng, "comments", lambda: generators_optional.comment(rng, world))


def call(world: World, rng: Random) -> None:
    """The api token's user calls somebody; now and then a call is deleted."""
    _grow(world, rng, "call_logs", lambda: generators_optional.call_log(rng, world, world.stamp))


def mail(world: World, rng: Random) -> None:
    """A conversation begins, goes on, is archived or deleted."""
    row, what = world.tables["mail_threads"].pick(rng), rng.random()
    if row is None or what < 0.3:
        thread_id = world.add("mail_threads", **generators_optional.thread(rng, world, world.stamp))
        generators_optional.add_message(rng, world, thread_id)
    elif outgrown(world, "mail_threads"):
        world.delete("mail_threads", row["id"])
    elif what < 0.8:
        generators_optional.add_message(rng, world, row["id"])
    else:
        world.edit("mail_threads", row["id"], folders=["archive"], archived_flag=1)


def plan_project(world: World, rng: Random) -> None:
    """A project gets another title, or moves on to another phase."""
    row = world.tables["projects"].pick(rng)
    if row is None:
        return
    if rng.random() < 0.5:
        title = f"Project {row['id']} {generators.one(rng, words.DEAL_WORDS)}"
        world.edit("projects", row["id"], title=title)
    else:
        world.edit("projects", row["id"], phase_id=1 + row["phase_id"] % 3, board_id=1)


def administrate(world: World, rng: Random) -> None:
    """A webhook is stopped, a template renamed, or a user gets another role."""
    what = generators.one(rng, ("webhooks", "project_templates", "users"))
    row = world.tables[what].pick(rng)
    if row is None:
        return
    if what == "webhooks":
        world.edit(what, row["id"], is_active=1 - row["is_active"], last_http_status=500)
    elif what == "users":
        world.edit(what, row["id"], role_id=1 + row["role_id"] % 3)
    else:
        world.edit(what, row["id"], title=f"Template {row['id']} as of {world.today}")


EVENTS: tuple[Event, ...] = (follow, relate, vary, comment, call, mail, plan_project, administrate)
