"""What the long tail of tables holds at the epoch. It draws its own chances, so that everything
else of a world is as if it were not there.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from . import births, side_births

if TYPE_CHECKING:
    from .world import World


MOST = 300
"""Rows of a table: large worlds are large in what a load is measured by."""


def fill(world: World, deals: int) -> None:
    """Fill the tables, in proportion to the deals."""
    rng, some = Random(f"{world.seed}:side"), min(MOST, max(3, deals // 10))
    for table in side_births.FOLLOWED:
        for _ in range(some):
            if values := side_births.follower(rng, world, table):
                world.add(table, **values)
    for _ in range(some):
        if values := side_births.relationship(rng, world):
            world.add("relationships", **values)
        if values := side_births.variation(rng, world):
            world.add("variations", **values)
        if values := side_births.comment(rng, world):
            world.add("comments", **values)
        world.add("call_logs", **side_births.call_log(rng, world, world.stamp))
        _conversation(world, rng)
    for number in range(1, 4):
        world.add("webhooks", **side_births.webhook(rng, number))
        world.add("project_templates", title=f"Template {number} 📋", projects_board_id=number % 2)


def _conversation(world: World, rng: Random) -> None:
    thread_id = world.add("mail_threads", **side_births.thread(rng, world, world.stamp))
    for _ in range(births.one(rng, (1, 1, 3))):
        side_births.add_message(rng, world, thread_id)
