"""Rows of optional tables at the epoch.

They use separate random numbers, so that the other rows of a world do not depend on them.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.company import generators, generators_optional

if TYPE_CHECKING:
    from pipedrive_assets.sandbox.company.world import World


MOST = 300
"""Most rows per table: in large worlds only the main tables are large."""


def fill(world: World, deals: int) -> None:
    """Fill the optional tables in proportion to the number of deals."""
    rng, some = Random(f"{world.seed}:side"), min(MOST, max(3, deals // 10))
    for table in generators_optional.FOLLOWED:
        for _ in range(some):
            if values := generators_optional.follower(rng, world, table):
                world.add(table, **values)
    for _ in range(some):
        if values := generators_optional.relationship(rng, world):
            world.add("relationships", **values)
        if values := generators_optional.variation(rng, world):
            world.add("variations", **values)
        if values := generators_optional.comment(rng, world):
            world.add("comments", **values)
        world.add("call_logs", **generators_optional.call_log(rng, world, world.stamp))
        _conversation(world, rng)
    for number in range(1, 4):
        world.add("webhooks", **generators_optional.webhook(rng, number))
        world.add("project_templates", title=f"Template {number} 📋", projects_board_id=number % 2)


def _conversation(world: World, rng: Random) -> None:
    thread_id = world.add("mail_threads", **generators_optional.thread(rng, world, world.stamp))
    for _ in range(generators.one(rng, (1, 1, 3))):
        generators_optional.add_message(rng, world, thread_id)
