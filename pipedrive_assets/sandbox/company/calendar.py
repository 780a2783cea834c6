"""Which events happen in the company on a day, and at which second.

Five events happen every day, so that each of the five big tables has a row in every daily window.
The other events are random. If a table has more rows than planned (10 % more per year), an event
deletes a row instead of adding one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.company import events, events_rare

if TYPE_CHECKING:
    from pipedrive_assets.sandbox.company.world import World

RETENTION_DAYS = 30
Event = Callable[["World", Random], None]
DAILY: tuple[Event, ...] = (
    events.edit_deal,
    events.edit_person,
    events.edit_organization,
    events.edit_activity,
    events.edit_product,
)
CHANCES: tuple[tuple[Event, float], ...] = (
    (events.edit_deal, 4),
    (events.move_stage, 6),
    (events.close_deal, 3),
    (events.reopen_deal, 2),
    (events.bulk_edit, 0.6),
    (events.archive_deal, 1),
    (events.delete_deal, 3),
    (events.new_person, 1.5),
    (events.new_organization, 0.8),
    (events.edit_activity, 3),
    (events.new_activity, 5),
    (events.new_product, 0.2),
    (events.write_note, 3),
    (events.attach_file, 1.5),
    (events_rare.change_lines, 3),
    (events_rare.change_participants, 2),
    (events_rare.change_followers, 0.8),
    (events_rare.change_terms, 0.6),
    (events_rare.edit_lead, 2),
    (events_rare.new_lead, 1.5),
    (events_rare.archive_lead, 0.7),
    (events_rare.convert_lead, 0.2),
    (events_rare.merge_persons, 0.15),
    (events_rare.merge_organizations, 0.1),
    (events_rare.change_fields, 0.08),
    (events_rare.change_options, 0.12),
    (events_rare.edit_reference, 0.2),
)
EVENTS = tuple(event for event, _ in CHANCES)
WEIGHTS = tuple(accumulate(weight for _, weight in CHANCES))


def agenda(rng: Random, aside: Iterable[tuple[int, Event]] = ()) -> list[tuple[int, Event]]:
    """Draw the events of a day.

    Args:
        rng: Random numbers of the day.
        aside: Further events, with their seconds.

    Returns:
        Events with their second of the day, latest first; the world pops them from the end.
    """
    happening = [*DAILY, *rng.choices(EVENTS, cum_weights=WEIGHTS, k=3 + int(rng.random() * 6))]
    if rng.random() < 1 / 3:
        happening.append(events.new_deal)
    rng.shuffle(happening)
    seconds = sorted((int(rng.random() * 86_400) for _ in happening), reverse=True)
    both = [*zip(seconds, happening, strict=True), *aside]
    return [*sorted(both, key=lambda each: -each[0]), (0, sweep)]


def sweep(world: World, _: Random) -> None:
    """Purge rows that were deleted more than 30 days ago; runs once a day."""
    limit = date.fromisoformat(world.today) - timedelta(days=RETENTION_DAYS)
    for name in ("deals", "persons", "organizations", "activities", "products"):
        world.purge(name, *world.tables[name].expired(f"{limit.isoformat()}T00:00:00Z"))
