"""How the company keeps its size: what is born, what goes, and what life may touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.company import custom_fields, generators

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from pipedrive_assets.sandbox.company.tables import Row
    from pipedrive_assets.sandbox.company.world import World

GROWTH_A_YEAR = 0.1


def outgrown(world: World, table: str) -> bool:
    """The table holds more living rows than its plan for this day."""
    years = world.days_lived / 365
    return len(world.tables[table].alive) > world.sizes[table] * (1 + GROWTH_A_YEAR * years)


def untouched(world: World, rng: Random, table: str) -> Row | None:
    """A row to delete: not settled, and none that today changed, for its window would be empty."""
    for _ in range(5):
        row = world.tables[table].pick(rng)
        if row is None or row["id"] in world.tables[table].settled:
            continue
        if (row.get("update_time") or "")[:10] != world.today:
            return row
    return None


def remove(world: World, rng: Random, table: str) -> None:
    """Delete a row by chance, but never the last one."""
    if len(world.tables[table].alive) == 1:
        return
    row = untouched(world, rng, table)
    if row is not None:
        world.delete(table, row["id"])


def grow(world: World, rng: Random, table: str, values: Callable[[Random, World], Row]) -> None:
    """Add a row, or delete one from a table that has outgrown its plan."""
    if outgrown(world, table):
        remove(world, rng, table)
    else:
        world.add(table, **values(rng, world))


def custom_edit(world: World, rng: Random, entity: str) -> Row:
    """Another value for one custom field of an entity, or none."""
    fields = world.fields[entity]
    code = generators.one(rng, list(fields))
    blank = rng.random() < 0.2
    return {code: None if blank else custom_fields.value_of(rng, fields[code], world.pools())}
