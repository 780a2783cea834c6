"""Events that keep the size of tables near a plan, and the rows that events may delete."""

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
    """Whether a table has more rows, without deleted ones, than planned for this day."""
    years = world.days_lived / 365
    return len(world.tables[table].alive) > world.sizes[table] * (1 + GROWTH_A_YEAR * years)


def untouched(world: World, rng: Random, table: str) -> Row | None:
    """Pick a row that an event may delete.

    The row is not settled, and it was not changed today, so that today's window is not empty.

    Args:
        world: The company.
        rng: Random numbers.
        table: Table of the row.

    Returns:
        The row, or None if five attempts find none.
    """
    for _ in range(5):
        row = world.tables[table].pick(rng)
        if row is None or row["id"] in world.tables[table].settled:
            continue
        if (row.get("update_time") or "")[:10] != world.today:
            return row
    return None


def remove(world: World, rng: Random, table: str) -> None:
    """Delete a random row unless it is the last one.

    Args:
        world: The company.
        rng: Random numbers.
        table: Table of the row.
    """
    if len(world.tables[table].alive) == 1:
        return
    row = untouched(world, rng, table)
    if row is not None:
        world.delete(table, row["id"])


def grow(world: World, rng: Random, table: str, values: Callable[[Random, World], Row]) -> None:
    """Add a row, or delete one if the table has more than planned.

    Args:
        world: The company.
        rng: Random numbers.
        table: Table of the row.
        values: Function that draws the values of a new row.
    """
    if outgrown(world, table):
        remove(world, rng, table)
    else:
        world.add(table, **values(rng, world))


def custom_edit(world: World, rng: Random, entity: str) -> Row:
    """Draw a new value, or null, for one custom field.

    Args:
        world: The company.
        rng: Random numbers.
        entity: Table of the field.

    Returns:
        The value by the field's code.
    """
    fields = world.fields[entity]
    code = generators.one(rng, list(fields))
    blank = rng.random() < 0.2
    return {code: None if blank else custom_fields.value_of(rng, fields[code], world.pools())}
