"""What the derived tables have to say, told by the invented company itself: deal by deal, from its
own rows and its own record of what happened."""

from collections import defaultdict
from datetime import date, datetime, timezone
from statistics import median
from typing import Any

DAY_SECONDS = 86_400
Row = dict[str, Any]


def moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp[:19]).replace(tzinfo=timezone.utc)


def month(stamp: str | None) -> date | None:
    return date.fromisoformat(f"{stamp[:7]}-01") if stamp else None


def seen(world, table: str) -> dict[Any, Row]:
    """Rows that are alive and in view, by id."""
    held = world.tables[table]
    return {key: held.rows[key] for key in held.alive if world.sees(table, held.rows[key])}


def turns(world, deal: Row) -> list[tuple[str, str, Any]]:
    """When, which (stage or status), what: all that may begin or end a stay, in order."""
    changes = sorted(world.history.by_item[deal["id"]], key=lambda change: (change.time, change.id))
    told = [
        (change.time, change.field_key, change.old_value, change.new_value)
        for change in changes
        if change.field_key in {"stage_id", "status"}
    ]
    stage = next((old for _, field, old, _ in told if field == "stage_id"), deal["stage_id"])
    found = [(time, field, new) for time, field, _, new in told]
    if deal["status"] != "open" and not any(field == "status" for _, field, _ in found):
        found.append((deal["close_time"], "status", deal["status"]))
    found.sort(key=lambda turn: turn[0])
    if deal["is_archived"]:
        # What happens to a deal while it is archived belongs to no stay.
        archived_at = deal["archive_time"]
        found = [turn for turn in found if turn[0] <= archived_at]
        found.append((archived_at, "status", "archived"))
    return [(deal["add_time"], "stage_id", stage), *found]


def stays_of(world, deal: Row) -> list[Row]:
    """The deal's life, lived again."""
    stays: list[Row] = []
    stage, status, under_way = None, "open", False
    for time, field, value in turns(world, deal):
        before = stage
        stage, status = (value, status) if field == "stage_id" else (stage, value)
        if under_way and (status != "open" or stage != before):
            stays[-1] |= {"left": time, "by": "moved" if status == "open" else status}
            under_way = False
        if status == "open" and not under_way:
            under_way = True
            stays.append({"stage": stage, "entered": time, "left": None, "by": None})
    return stays


def seconds(stay: Row, now: datetime) -> int:
    end = moment(stay["left"]) if stay["left"] else now
    return int((end - moment(stay["entered"])).total_seconds())


def stage_history(world, now: datetime) -> set[tuple[Any, ...]]:
    stages = world.tables["stages"].rows
    return {
        (
            deal["id"],
            place,
            stay["stage"],
            stages[stay["stage"]]["name"],
            stages[stay["stage"]]["pipeline_id"],
            moment(stay["entered"]),
            moment(stay["left"]) if stay["left"] else None,
            stay["by"],
            stay["left"] is None,
            seconds(stay, now),
        )
        for deal in seen(world, "deals").values()
        for place, stay in enumerate(stays_of(world, deal), 1)
    }


def pipeline_of(world) -> dict[Any, tuple[Any, ...]]:
    """Stage, pipeline, owner, currency, value and weighted value of each deal in the pipeline."""
    stages, pipelines = world.tables["stages"].rows, world.tables["pipelines"].rows
    found = {}
    for key, row in seen(world, "deals").items():
        if row["status"] != "open" or row["is_archived"]:
            continue
        stage = stages[row["stage_id"]]
        chance = row["probability"]
        if chance is None and pipelines[stage["pipeline_id"]]["is_deal_probability_enabled"]:
            chance = stage["deal_probability"]
        value = row["value"] or 0
        found[key] = (
            *(row["stage_id"], stage["pipeline_id"], row["owner_id"], row["currency"], value),
            None if chance is None else value * chance / 100,
        )
    return found


def conversion(world, now: datetime) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Entered, went on, won, lost, open and average days, by stage and month."""
    stages = world.tables["stages"].rows
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for deal in seen(world, "deals").values():
        stays = stays_of(world, deal)
        for stage_id in {stay["stage"] for stay in stays}:
            first = next(place for place, stay in enumerate(stays) if stay["stage"] == stage_id)
            stage = stages[stage_id]
            at_home = deal["pipeline_id"] == stage["pipeline_id"]
            later = any(
                stages[stay["stage"]]["pipeline_id"] == stage["pipeline_id"]
                and stages[stay["stage"]]["order_nr"] > stage["order_nr"]
                for stay in stays[first + 1 :]
            )
            won = at_home and deal["status"] == "won"
            lost = at_home and deal["status"] == "lost"
            is_open = at_home and deal["status"] == "open" and not deal["is_archived"]
            spent = sum(seconds(stay, now) for stay in stays if stay["stage"] == stage_id)
            key = (stage_id, month(stays[first]["entered"]))
            groups[key].append((1, later or won, won, lost, is_open, spent / DAY_SECONDS))
    return {
        key: (*map(sum, list(zip(*rows, strict=True))[:5]), sum(row[5] for row in rows) / len(rows))
        for key, rows in groups.items()
    }


def velocity(world) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Won, lost, value won, average and median days, by pipeline, currency and month."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for deal in seen(world, "deals").values():
        if deal["status"] in {"won", "lost"}:
            month_closed = month(deal["close_time"])
            groups[deal["pipeline_id"], deal["currency"], month_closed].append(deal)
    return {key: _pace(deals) for key, deals in groups.items()}


def _pace(deals: list[Row]) -> tuple[Any, ...]:
    won = [deal for deal in deals if deal["status"] == "won"]
    days = [
        (moment(deal["won_time"]) - moment(deal["add_time"])).total_seconds() / DAY_SECONDS
        for deal in won
    ]
    value = sum(deal["value"] or 0 for deal in won)
    if not won:
        return (0, len(deals), 0, None, None, None)
    average = sum(days) / len(days)
    # As the trade has it: opportunities x rate x size / length.
    pace = len(deals) * (len(won) / len(deals)) * (value / len(won)) / average
    return (len(won), len(deals) - len(won), value, average, median(days), pace)


def activity(world) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Due, not done, done and deals worked on, by day, owner and type."""
    counts: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    deals: dict[tuple[Any, ...], set[Any]] = defaultdict(set)
    for row in seen(world, "activities").values():
        if row["due_date"]:
            key = (date.fromisoformat(row["due_date"]), row["owner_id"], row["type"])
            counts[key][0] += 1
            counts[key][1] += not row["done"]
        done_on = (row["marked_as_done_time"] or "")[:10] or row["due_date"]
        if row["done"] and done_on:
            key = (date.fromisoformat(done_on), row["owner_id"], row["type"])
            counts[key][2] += 1
            deals[key] |= {row["deal_id"]} - {None}
    return {key: (*row, len(deals[key])) for key, row in counts.items()}


def open_deals(world) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Deals, value, weighted value and weighted deals, by stage, month and currency."""
    stages, pipelines = world.tables["stages"].rows, world.tables["pipelines"].rows
    sums: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, None, 0])
    for deal in seen(world, "deals").values():
        if deal["status"] != "open" or deal["is_archived"]:
            continue
        chance = None
        if deal["probability"] is not None:
            chance = deal["probability"]
        elif pipelines[deal["pipeline_id"]]["is_deal_probability_enabled"]:
            chance = stages[deal["stage_id"]]["deal_probability"]
        place = (deal["stage_id"], month(deal["expected_close_date"]), deal["currency"])
        row, value = sums[place], deal["value"]
        row[0], row[1] = row[0] + 1, row[1] + (value or 0)
        if value is not None and chance is not None:
            row[2], row[3] = (row[2] or 0) + value * chance / 100, row[3] + 1
    return {key: tuple(row) for key, row in sums.items()}
