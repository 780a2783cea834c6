"""Rows of the main tables at the epoch, with the difficult rows that real accounts have.

Whether row `n` is difficult depends on `n` alone, so worlds of every size have such rows. Rows
with equal update times are next to each other, so that small pages separate them.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta, timezone
from random import Random
from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.company import custom_fields, generators, reference_rows, words
from pipedrive_assets.sandbox.company.tables import Key, Row, stamp_of

if TYPE_CHECKING:
    from pipedrive_assets.sandbox.company.world import World

END = datetime(2025, 9, 1, tzinfo=timezone.utc)
HISTORY_DAYS = 400
PROJECT_TABLES = ("projects", "tasks")
ORPHAN_OPTION = 99_999


def never_edited(n: int) -> bool:
    """Whether row n has no update time."""
    return n % 13 == 5


def tied(n: int) -> bool:
    """Whether row n has the same update time as its neighbours."""
    return n % 50 in {3, 4, 6, 7, 8}


def fill(world: World, deals: int) -> None:
    """Fill a new world with `deals` deals and a proportional number of other rows."""
    for name, rows in reference_rows.TABLES.items():
        for row in rows():
            world.tables[name].put(reference_rows.key_of(row), row)
    rng = Random(f"{world.seed}:stock")
    _contacts(world, rng, deals)
    for n in range(deals):
        _deal(world, rng, n, deals)
    world.tables["deals"].retired = deque(sorted(world.tables["deals"].retired))
    _around_deals(world, rng, deals)
    _leads(world, rng, max(4, deals * 3 // 10))
    _projects(world, max(3, deals // 25))


def times(rng: Random, n: int, total: int) -> tuple[str, str | None]:
    """Draw when a row was added and last edited, before the epoch.

    Args:
        rng: Random numbers.
        n: Number of the row, from 0.
        total: Number of rows in the table.

    Returns:
        Add time and update time, UTC; the update time is None for rows never edited.
    """
    age = (HISTORY_DAYS - 3) * (1 - n / total) + 2
    added = END - timedelta(days=age, seconds=int(rng.random() * 80_000))
    latest = END - timedelta(days=1, hours=12)
    edited: datetime = added + (latest - added) * rng.random()
    if never_edited(n):
        return stamp_of(added), None
    if tied(n):
        return stamp_of(added), stamp_of(END - timedelta(days=1, seconds=n // 50 + 1))
    return stamp_of(added), stamp_of(edited)


def _put(world: World, rng: Random, table: str, n: int, total: int, **values: object) -> Key:
    added, edited = times(rng, n, total)
    # Every 17th id is missing, as after a deletion.
    key = n + 1 + (n + 1) // 17 if table not in {"products", "leads"} else None
    given = {"id": key} if key else {}
    return world.add(table, **given, add_time=added, update_time=edited, **values)


def _contacts(world: World, rng: Random, deals: int) -> None:
    for n in range(20):
        _put(world, rng, "products", n, 20, **generators.product(rng, world, n))
    for n in range(total := max(4, deals // 2)):
        _put(world, rng, "organizations", n, total, **generators.organization(rng, world))
    for n in range(total := max(5, deals * 6 // 5)):
        _put(world, rng, "persons", n, total, **generators.person(rng, world))


def _deal(world: World, rng: Random, n: int, total: int) -> None:
    values = generators.deal(rng, world)
    if n % 29 == 7:
        values["custom_fields"] = None
    elif n % 37 == 11:
        orphan = world.code("deals", "Priority")
        values["custom_fields"] = {**(values["custom_fields"] or {}), orphan: ORPHAN_OPTION}
    first_stage = values["stage_id"]
    deal_id = int(_put(world, rng, "deals", n, total, **values))
    row = world.row("deals", deal_id)
    if not never_edited(n):
        _past(world, rng, row, n, first_stage)
    if n % 33 == 9 and not never_edited(n):
        _delete(world, rng, row, archived=n % 99 == 42)


def _past(world: World, rng: Random, row: Row, n: int, first_stage: int) -> None:
    """Move, close and archive an edited deal before the epoch."""
    edited = row["update_time"]
    moment = row["add_time"]
    for step in range(int(rng.random() * 4)):
        moment = between(rng, moment, edited)
        world.stamp = moment
        world.edit("deals", row["id"], stage_id=first_stage + step + 1, update_time=edited)
    world.stamp = edited
    if rng.random() < 0.45:
        _close(world, rng, row, n, edited)
    else:
        world.edit("deals", row["id"], value=custom_fields.money(rng), update_time=edited)
    if n % 10 == 4 or n % 99 == 42:
        values = {"is_archived": True, "archive_time": edited}
        world.edit("deals", row["id"], **values, update_time=edited)
    world.stamp = stamp_of(END)


def between(rng: Random, first: str, last: str) -> str:
    """Draw a time in the first half of an interval.

    Args:
        rng: Random numbers.
        first: Start of the interval, UTC.
        last: End of the interval, UTC.

    Returns:
        The time, UTC.
    """
    start, end = (datetime.fromisoformat(each[:19]) for each in (first, last))
    moment: datetime = start + (end - start) * rng.random() / 2
    return stamp_of(moment.replace(tzinfo=timezone.utc))


def _close(world: World, rng: Random, row: Row, n: int, edited: str) -> None:
    if rng.random() < 0.4:
        world.edit("deals", row["id"], status="won", update_time=edited)
        return
    reason: object = generators.one(rng, words.LOST_REASONS)
    # In real accounts one of 70 lost deals has an object here; text is documented.
    if n % 5 == 2:
        reason = {"id": 5, "label": str(reason)}
    world.edit("deals", row["id"], status="lost", lost_reason=reason, update_time=edited)


def _delete(world: World, rng: Random, row: Row, *, archived: bool) -> None:
    latest = END - timedelta(days=1)
    world.stamp = stamp_of(latest - timedelta(days=int(rng.random() * 25)))
    if archived:
        world.archive("deals", row["id"])
    world.delete("deals", row["id"])
    world.stamp = stamp_of(END)


def _around_deals(world: World, rng: Random, deals: int) -> None:
    for n in range(deals * 3):
        done = rng.random() < 0.6
        values = generators.activity(rng, world)
        _put(world, rng, "activities", n, deals * 3, done=done, **values)
    for n in range(total := max(4, deals // 2)):
        _put(world, rng, "notes", n, total, **generators.note(rng, world))
    for n in range(total := max(4, deals * 3 // 10)):
        _put(world, rng, "files", n, total, **generators.file(rng, world))
    for place, deal_id in enumerate(world.ids("deals")):
        _children(world, rng, place, int(deal_id))


def _children(world: World, rng: Random, place: int, deal_id: int) -> None:
    row = world.row("deals", deal_id)
    world.stamp = row["update_time"] or row["add_time"]
    for number in range((0, 1, 3)[place % 3]):
        product = generators.key_in(rng, world, "products")
        line = {"order_nr": number + 1, "quantity": generators.one(rng, (1, 2, 0.5))}
        key = world.add_product(deal_id, product, touch=False, **line)
        if place % 41 == 4:
            world.row("deal_products", key)["product_id"] = None
    if row["person_id"] is not None and place % 4 == 1:
        other = generators.key_in(rng, world, "persons")
        if other != row["person_id"]:
            world.add("participants", deal_id=deal_id, person_id=other, add_time=world.stamp)
    if place % 3 == 0:
        world.add("followers", deal_id=deal_id, user_id=generators.owner(rng))
    if place % 6 == 2:
        world.add("installments", deal_id=deal_id, amount=10.5, description="Delivery 🚚")
    if place % 8 == 3:
        world.add("discounts", deal_id=deal_id, amount=10, description="10 %")
    world.stamp = stamp_of(END)


def _leads(world: World, rng: Random, total: int) -> None:
    for n in range(total):
        values = generators.lead(rng, world)
        if n % 5 == 2:
            values["value"] = None
        added, edited = times(rng, n, total)
        world.add(
            "leads",
            add_time=f"{added[:-1]}.{n % 1000:03d}Z",
            update_time=edited and f"{edited[:-1]}.{n * 37 % 1000:03d}Z",
            is_archived=n % 4 == 1,
            **values,
        )


def _projects(world: World, total: int) -> None:
    stamp = "2025-06-01T08:14:40.852Z"
    for number in range(1, total + 1):
        project = _project(world, number, stamp)
        world.tables["projects"].put(number, project)
        for task in (2 * number - 1, 2 * number):
            world.tables["tasks"].put(task, _task(number, task, stamp))


def _project(world: World, number: int, stamp: str) -> Row:
    deals, persons = world.ids("deals"), world.ids("persons")
    return {
        "id": number,
        "title": f"Project {number} 📐",
        "description": None if number % 2 else "Description",
        "status": ("open", "completed", "canceled")[number % 3],
        "board_id": 1,
        "phase_id": 1 + number % 3,
        "owner_id": 9001,
        "start_date": "2025-06-01",
        "end_date": None if number % 3 == 0 else "2026-06-01",
        "deal_ids": deals[number : number + 1],
        "person_ids": persons[number : number + 2],
        "org_ids": [],
        "label_ids": [number],
        "health_status": None if number % 2 else 10,
        "add_time": stamp,
        "update_time": stamp,
        "status_change_time": stamp,
        "archive_time": stamp if number == 2 else None,
        "custom_fields": {},
    }


def _task(project: int, number: int, stamp: str) -> Row:
    done = number % 2 == 0
    return {
        "id": number,
        "title": f"Task {number}",
        "creator_id": 9001,
        "description": None if done else "Task description",
        "project_id": project,
        "is_done": done,
        "is_milestone": False,
        "due_date": "2026-10-11" if done else None,
        "start_date": None,
        "parent_task_id": None if number == 1 else 1,
        "assignee_ids": [9001, 9002][: number % 3],
        "priority": None,
        "add_time": stamp,
        "update_time": stamp,
        "marked_as_done_time": stamp if done else None,
    }
