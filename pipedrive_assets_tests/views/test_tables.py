"""The derived tables against the company's own truth, over a month of its life."""

from collections import Counter, defaultdict
from datetime import timedelta, timezone

import pytest

from pipedrive_assets.views.derived import derive
from pipedrive_assets.views.sql import DERIVED_BY_NAME, DERIVED_TABLES
from pipedrive_assets_tests.conftest import Office
from pipedrive_assets_tests.views import company_truth

pytestmark = pytest.mark.slow

INPUTS = ("deals", "deals_flow", "stages", "pipelines", "activities", "users", "activity_types")


def win(world, deal):
    world.edit("deals", deal, status="won")


def come_back(world, _):
    """A won deal is opened again, lost, and opened again in the next stage."""
    rows = world.tables["deals"].rows.values()
    won = next(row for row in rows if row["status"] == "won" and row["stage_id"] not in {5, 11})
    world.edit("deals", won["id"], status="open")
    world.advance(world.instant + timedelta(hours=5))
    world.edit("deals", won["id"], status="lost")
    world.advance(world.instant + timedelta(hours=1))
    world.edit("deals", won["id"], status="open", stage_id=won["stage_id"] + 1)


def change_pipeline_twice_in_a_second(world, deal):
    world.edit("deals", deal, stage_id=8)
    world.edit("deals", deal, stage_id=2)


def change_pipeline(world, deal):
    world.edit("deals", deal, stage_id=9)


def go_back(world, deal):
    world.edit("deals", deal, stage_id=1)


def archive(world, deal):
    world.archive("deals", deal)


def win_while_archived(world, deal):
    world.archive("deals", deal)
    world.advance(world.instant + timedelta(hours=5))
    world.edit("deals", deal, status="won")


def move_while_archived(world, deal):
    world.archive("deals", deal)
    world.advance(world.instant + timedelta(hours=5))
    world.edit("deals", deal, stage_id=4)


def reopen_while_archived(world, deal):
    world.edit("deals", deal, status="lost")
    world.archive("deals", deal)
    world.advance(world.instant + timedelta(hours=5))
    world.edit("deals", deal, status="open")


def delete(world, deal):
    world.delete("deals", deal)


def hide(world, deal):
    world.hide("deals", deal)


def import_won(world, _):
    """A deal that was never open here: its history tells no change of status."""
    times = {"add_time": "2026-01-05T08:00:00Z", "won_time": world.stamp}
    return world.add("deals", status="won", close_time=world.stamp, value=None, **times)


def change_currency(world, deal):
    """The value stays, in another currency; an hour later it is another one."""
    other = "USD" if world.row("deals", deal)["currency"] != "USD" else "EUR"
    world.edit("deals", deal, currency=other)
    world.advance(world.instant + timedelta(hours=1))
    world.edit("deals", deal, value=4321.5)


def hand_over(world, deal):
    owner = world.row("deals", deal)["owner_id"]
    world.edit("deals", deal, owner_id=next(i for i in world.ids("users") if i != owner))


def reappraise(world, deal):
    world.edit("deals", deal, probability=35, value=100)


def reconsider(world, deal):
    world.edit("deals", deal, probability=65)


def merge(world, deal):
    rows = (world.row("deals", key) for key in world.ids("deals"))
    winner = next(r["id"] for r in rows if r["status"] == "open" and r["id"] != deal)
    world.merge("deals", deal, winner)


def contradict(world, deal):
    """The row has a value that the history does not."""
    row = world.row("deals", deal)
    row.update(value=777.0, update_time=world.stamp)
    world.tables["deals"].touch()


def rename(world, deal):
    world.edit("stages", 3, name=f"Stage {deal}")


HAPPENINGS = (
    win, come_back, change_pipeline_twice_in_a_second, change_pipeline, go_back, archive, delete,
    hide, import_won, rename, win_while_archived, move_while_archived, reopen_while_archived,
    change_currency, hand_over, reappraise, reconsider, merge, contradict,
)  # fmt: skip


def live_until_midnight(office):
    """The rest of a day, and what is then in the pipeline."""
    world = office.world
    world.advance(world.instant.replace(hour=23, minute=59, second=59))
    office.midnights[world.instant.date()] = company_truth.pipeline_of(world)


def live_a_month(office):
    """Life, and each day something that life rarely does to an open deal."""
    world = office.world
    office.midnights, office.doubted = {}, set()
    for day in range(38):
        live_until_midnight(office)
        office.advance(hours=12)
        rows = (world.row("deals", key) for key in world.ids("deals"))
        is_open = [r["id"] for r in rows if r["status"] == "open" and not r["is_archived"]]
        happening, deal = HAPPENINGS[day % len(HAPPENINGS)], is_open[day % len(is_open)]
        made = happening(world, deal)
        if happening in {hide, contradict, import_won}:
            office.doubted.add(made or deal)
        if day % 19 == 18:
            office.load(*INPUTS)
            office.reconcile("deals", "activities", max_share=0.9)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    office = Office(tmp_path_factory.mktemp("month"), deals=40)
    office.load(*INPUTS)
    live_a_month(office)
    found = {each.table.name: each for each in derive(office.warehouse, DERIVED_TABLES)}
    yield office, found
    office.warehouse.close()


def rows_of(held, name, *columns):
    derived = held[1][name]
    places = [list(derived.table.columns).index(column) for column in columns]
    return [tuple(_utc(row[place]) for place in places) for row in derived.content]


def _utc(value):
    return value.astimezone(timezone.utc) if hasattr(value, "astimezone") else value


def by(rows, keys):
    """Rows as a mapping, no key twice."""
    found = {row[:keys]: row[keys:] for row in rows}
    assert len(found) == len(rows)
    return found


def close(expected):
    """The same, but for the last digits of sums."""
    return {
        key: pytest.approx(row, rel=1e-9) if None not in row else row
        for key, row in expected.items()
    }


def test_the_stays_of_every_deal_are_those_it_lived(held):
    rows = rows_of(
        held,
        "deal_stage_history",
        "deal_id",
        "sequence",
        "stage_id",
        "stage_name",
        "pipeline_id",
        "entered_at",
        "left_at",
        "ended_by",
        "is_current",
        "seconds",
    )

    expected = company_truth.stage_history(held[0].world, held[0].sandbox.now)
    assert expected == set(rows)
    assert len(expected) == len(rows)
    assert {"moved", "won", "lost", "archived", None} == {row[7] for row in rows}


def test_days_are_seconds_in_days(held):
    rows = rows_of(held, "deal_stage_history", "seconds", "days")

    assert [pytest.approx(seconds / 86_400) for seconds, _ in rows] == [days for _, days in rows]


def test_conversion_counts_each_deal_once_per_stage(held):
    rows = by(
        rows_of(
            held,
            "pipeline_conversion",
            "stage_id",
            "entered_month",
            "deals_entered",
            "deals_went_on",
            "deals_won",
            "deals_lost",
            "deals_open",
            "average_days",
        ),
        2,
    )

    assert close(company_truth.conversion(held[0].world, held[0].sandbox.now)) == rows


def test_rates_of_conversion_are_shares_of_the_deals_entered(held):
    rows = rows_of(
        held,
        "pipeline_conversion",
        "deals_entered",
        "deals_went_on",
        "deals_won",
        "conversion_rate",
        "win_rate",
    )

    assert [(went / entered, won / entered) for entered, went, won, _, _ in rows] == [
        row[3:] for row in rows
    ]


def test_velocity_is_that_of_the_deals_closed_in_a_month(held):
    rows = by(
        rows_of(
            held,
            "deal_velocity",
            "pipeline_id",
            "currency",
            "closed_month",
            "deals_won",
            "deals_lost",
            "won_value",
            "average_days_to_win",
            "median_days_to_win",
            "velocity_per_day",
        ),
        3,
    )

    assert close(company_truth.velocity(held[0].world)) == rows


def test_activities_are_counted_when_due_and_when_done(held):
    rows = by(
        rows_of(
            held,
            "sales_activity",
            "day",
            "owner_id",
            "type",
            "activities_due",
            "activities_not_done",
            "activities_done",
            "deals_worked_on",
        ),
        3,
    )

    assert company_truth.activity(held[0].world) == rows


def test_open_deals_are_summed_by_stage_month_and_currency(held):
    rows = by(
        rows_of(
            held,
            "open_pipeline",
            "stage_id",
            "expected_close_month",
            "currency",
            "deals",
            "value",
            "weighted_value",
            "deals_weighted",
        ),
        3,
    )

    assert close(company_truth.open_deals(held[0].world)) == rows
    assert {"EUR", "USD", "JPY"} == {key[2] for key in rows}


def test_activities_are_counted_once_where_two_types_have_the_same_key(tmp_path):
    office = Office(tmp_path, deals=10)
    newest = max(office.world.ids("activity_types"))
    office.world.edit("activity_types", newest, key_string="call", name="Phone call")
    office.load("activities", "activity_types", "users")

    (found,) = derive(office.warehouse, [DERIVED_BY_NAME["sales_activity"]])
    names = list(found.table.columns)
    rows = [dict(zip(names, row, strict=True)) for row in found.content]
    office.warehouse.close()

    expected = company_truth.activity(office.world)
    assert expected.keys() == {(row["day"], row["owner_id"], row["type"]) for row in rows}
    assert len(expected) == len(rows)
    assert {"Phone call"} == {row["type_name"] for row in rows if row["type"] == "call"}


def rows_as_dicts(office, name):
    (found,) = derive(office.warehouse, [DERIVED_BY_NAME[name]])
    return [dict(zip(found.table.columns, row, strict=True)) for row in found.content]


def test_no_time_is_negative(tmp_path):
    """Of a deal won before it was created, and one that moved while histories were read."""
    office = Office(tmp_path, deals=10)
    times = {"won_time": "2020-01-05T08:00:00Z", "close_time": "2020-01-05T08:00:00Z"}
    office.world.add("deals", status="won", value=10, currency="EUR", **times)
    office.load(*INPUTS)
    with office.warehouse.sql() as sql:
        sql.execute_sql(
            "UPDATE pipedrive_data._pipedrive_coverage SET complete_until = TIMESTAMPTZ "
            "'2019-01-01 00:00:00+00' WHERE entity = 'deals'"
        )

    stays = rows_as_dicts(office, "deal_stage_history")
    early = [
        row for row in rows_as_dicts(office, "deal_velocity") if row["closed_month"].year == 2020
    ]
    office.warehouse.close()

    assert {0} == {row["seconds"] for row in stays if row["is_current"]}
    assert all(row["seconds"] >= 0 and row["days"] >= 0 for row in stays)
    assert [(1, 0, 0, None)] == [
        (
            row["deals_won"],
            row["average_days_to_win"],
            row["median_days_to_win"],
            row["velocity_per_day"],
        )
        for row in early
    ]


# The pipeline on past days

PLACE = ("stage_id", "pipeline_id", "owner_id", "currency")
AMOUNTS = ("deals", "value", "weighted_value")


def states_by_day(held):
    """The open deals on the end of each day that was observed, with their places and amounts."""
    shown = ("deal_id", "day", "until_day", "status", *PLACE, "value", "weighted_value")
    rows = rows_of(held, "deal_states", *shown)
    return {
        day: {
            row[0]: row[4:]
            for row in rows
            if row[1] <= day and (row[2] is None or day < row[2]) and row[3] == "open"
        }
        for day in held[0].midnights
    }


def nearly(values):
    return tuple(pytest.approx(x, abs=1e-6) if isinstance(x, float) else x for x in values)


def test_deals_were_on_each_day_what_the_company_says(held):
    found, office = states_by_day(held), held[0]
    wrong = [
        (day, deal, expected.get(deal), found[day].get(deal))
        for day, expected in office.midnights.items()
        for deal in (expected.keys() | found[day].keys()) - office.doubted
        if nearly(expected.get(deal, ())) != found[day].get(deal, ())
    ]

    assert [] == wrong
    assert len(office.midnights) > 30


def test_a_contradiction_names_its_fields_and_moves_the_pipeline_to_the_row(held):
    columns = ("deal_id", "not_in_history", "until_day", "value")
    doubted = {row[0]: row[1:] for row in rows_of(held, "deal_states", *columns) if row[1]}
    counted = Counter()
    for movement, deals in rows_of(held, "pipeline_movements", "movement", "deals"):
        counted[movement] += abs(deals)

    assert {("value", 777.0)} == {(row[0], row[2]) for row in doubted.values()}
    assert doubted.keys() <= held[0].doubted
    assert 0 < counted["not_in_history"] <= 2 * len(doubted)


def test_snapshots_are_the_sums_of_the_deals(held):
    sums = defaultdict(lambda: [0, 0.0, 0.0])
    for day, deals in states_by_day(held).items():
        for *place, value, weighted in deals.values():
            for at, amount in enumerate((1, value, weighted or 0)):
                sums[(day, *place)][at] += amount
    rows = rows_of(held, "pipeline_snapshots", "day", *PLACE, *AMOUNTS)
    found = {row[:5]: (*row[5:7], row[7] or 0) for row in rows if row[0] in held[0].midnights}

    assert sums.keys() == found.keys()
    assert [] == [key for key in sums if nearly(found[key]) != tuple(sums[key])]


def test_today_s_snapshot_is_the_open_pipeline(held):
    rows = rows_of(held, "pipeline_snapshots", "day", "stage_id", "currency", *AMOUNTS)
    last, now, then = max(row[0] for row in rows), Counter(), Counter()
    for _, stage, currency, deals, value, _ in (row for row in rows if row[0] == last):
        then += Counter({(stage, currency, "deals"): deals, (stage, currency): round(value, 2)})
    shown = ("stage_id", "currency", "deals", "value")
    for stage, currency, deals, value in rows_of(held, "open_pipeline", *shown):
        now += Counter({(stage, currency, "deals"): deals, (stage, currency): round(value, 2)})

    assert {key: pytest.approx(value) for key, value in now.items()} == dict(then)


def test_movements_between_any_two_days_add_up(held):
    snapshots, movements = defaultdict(dict), defaultdict(list)
    for day, *rest in rows_of(held, "pipeline_snapshots", "day", *PLACE, *AMOUNTS):
        snapshots[day][tuple(rest[:4])] = [*rest[4:6], rest[6] or 0]
    for day, *rest in rows_of(held, "pipeline_movements", "day", *PLACE, *AMOUNTS):
        movements[day].append((tuple(rest[:4]), rest[4:]))
    days = sorted(snapshots)
    held_now = {place: [*amounts] for place, amounts in snapshots[days[0]].items()}
    wrong = []
    for day in days[1:]:
        for place, amounts in movements[day]:
            before = held_now.get(place, [0, 0.0, 0.0])
            held_now[place] = [one + other for one, other in zip(before, amounts, strict=True)]
        for place in held_now.keys() | snapshots[day].keys():
            there = snapshots[day].get(place, [0, 0.0, 0.0])
            if pytest.approx(there, abs=1e-4) != held_now.get(place, [0, 0.0, 0.0]):
                wrong.append((day, place, there, held_now.get(place)))

    assert [] == wrong
    assert len(days) > 100


def test_every_kind_of_movement_occurs(held):
    kinds = {row[0] for row in rows_of(held, "pipeline_movements", "movement")}

    assert {
        *("opened", "reopened", "won", "lost", "archived", "deleted", "moved_on", "moved_back"),
        *("moved_pipeline", "owner_changed", "currency_changed", "value_up", "value_down"),
        *("probability_changed", "not_in_history"),
    } == kinds
