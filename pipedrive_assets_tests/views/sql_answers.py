"""The answers to the questions of docs/sql.md, computed from the company's own rows.

Each function takes the company, the current time, and the leads that loads have seen with the deals
that they became. It returns rows with the columns of the query, in any order.
"""

from collections import Counter, defaultdict
from datetime import date, timedelta
from statistics import mean, median

import pytest

from pipedrive_assets.sandbox.http.field_definitions import CHOICES
from pipedrive_assets_tests.views import company_truth
from pipedrive_assets_tests.views.company_truth import DAY_SECONDS, moment, month, seen

STALE_DAYS = 30


def live_deals(world):
    return list(seen(world, "deals").values())


def percent(part, whole):
    return pytest.approx(100 * part / whole, abs=0.051)


def money(value):
    return pytest.approx(value, abs=0.006)


def names(world, table):
    return {key: row["name"] for key, row in world.tables[table].rows.items()}


def win_rate_by_owner(world, _, __):
    closed = Counter()
    for row in live_deals(world):
        if row["status"] in {"won", "lost"}:
            closed[row["owner_id"], row["status"]] += 1
    users, found = names(world, "users"), []
    for owner in {owner for owner, _ in closed}:
        won, lost = closed[owner, "won"], closed[owner, "lost"]
        found.append((owner, users[owner], won, lost, percent(won, won + lost)))
    return found


def days_per_stage(world, now, _):
    stages, pipelines = world.tables["stages"].rows, names(world, "pipelines")
    days = defaultdict(list)
    for deal in live_deals(world):
        for stay in company_truth.stays_of(world, deal):
            if stay["left"]:
                days[stay["stage"]].append(company_truth.seconds(stay, now) / DAY_SECONDS)
    return [
        (
            stage,
            pipelines[stages[stage]["pipeline_id"]],
            stages[stage]["name"],
            len(spent),
            pytest.approx(mean(spent), abs=0.051),
            pytest.approx(median(spent), abs=0.051),
        )
        for stage, spent in days.items()
    ]


def weighted_pipeline_by_month(world, _, __):
    sums = defaultdict(lambda: [0, 0, None])
    for (_, closing, currency), row in company_truth.open_deals(world).items():
        group = sums[closing, currency]
        group[0], group[1] = group[0] + row[0], group[1] + row[1]
        if row[2] is not None:
            group[2] = (group[2] or 0) + row[2]
    return [
        (*key, deals, money(value), None if weighted is None else money(weighted))
        for key, (deals, value, weighted) in sums.items()
    ]


def activities_per_person(world, _, __):
    persons, groups = seen(world, "persons"), defaultdict(list)
    for row in seen(world, "activities").values():
        if row["person_id"] in persons:
            groups[row["person_id"]].append(row)
    return [
        (
            person,
            persons[person]["name"],
            sum(row["done"] for row in rows),
            sum(not row["done"] for row in rows),
            max((day for row in rows if (day := done_on(row))), default=None),
        )
        for person, rows in groups.items()
    ]


def done_on(activity):
    day = (activity["marked_as_done_time"] or "")[:10] or activity["due_date"]
    return date.fromisoformat(day) if activity["done"] and day else None


def custom_field_breakdown(world, _, __):
    code = world.code("deals", "Priority")
    labels = {each["id"]: each["label"] for each in world.fields["deals"][code]["options"]}
    deals, counts = live_deals(world), defaultdict(lambda: [0, 0])
    for row in deals:
        chosen = (row["custom_fields"] or {}).get(code)
        label = "(empty)" if chosen is None else labels.get(chosen, str(chosen))
        counts[label][0] += 1
        counts[label][1] += row["status"] == "won"
    return [(label, *row, percent(row[0], len(deals))) for label, row in counts.items()]


def lost_reasons(world, _, __):
    sums = defaultdict(lambda: [0, 0])
    for row in live_deals(world):
        if row["status"] == "lost":
            reason = row["lost_reason"]
            label = reason["label"] if isinstance(reason, dict) else reason
            group = sums[(label or "").strip() or "(none)", row["currency"]]
            group[0], group[1] = group[0] + 1, group[1] + (row["value"] or 0)
    return [(*key, deals, money(value)) for key, (deals, value) in sums.items()]


def lead_conversion(world, _, seen_by_loads):
    (leads, made), live = seen_by_loads, seen(world, "deals")
    owners = {key: row["owner_id"] for key, row in (made | leads).items()}
    users, found = names(world, "users"), []
    for owner in set(owners.values()):
        own = [key for key in owners if owners[key] == owner]
        converted = [key for key in own if key in made]
        won = sum(made[key]["id"] in live and made[key]["status"] == "won" for key in converted)
        rate = percent(len(converted), len(own))
        found.append((owner, users[owner], len(own), len(converted), rate, won))
    return found


def revenue_by_product(world, _, __):
    deals, products = seen(world, "deals"), world.tables["products"].rows
    groups = defaultdict(list)
    for line in world.tables["deal_products"].rows.values():
        deal = deals.get(line["deal_id"])
        if deal and deal["status"] == "won" and line["is_enabled"]:
            product = products.get(line["product_id"])
            name = product["name"] if product else line["name"]
            groups[line["product_id"], name, line["currency"]].append(line)
    return [
        (
            *key,
            len({line["deal_id"] for line in lines}),
            pytest.approx(sum(line["quantity"] for line in lines)),
            money(sum(line["sum"] for line in lines)),
        )
        for key, lines in groups.items()
    ]


def stale_deals(world, now, _):
    activities, found = defaultdict(list), []
    for row in seen(world, "activities").values():
        activities[row["deal_id"]].append(row)
    users, stages = names(world, "users"), names(world, "stages")
    for deal in live_deals(world):
        own = activities[deal["id"]]
        if deal["status"] != "open" or deal["is_archived"] or any(not row["done"] for row in own):
            continue
        moved = moment(deal["stage_change_time"] or deal["add_time"]).date()
        done = [date.fromisoformat(row["due_date"]) for row in own if row["due_date"]]
        last = max([moved, *done])
        if (days := (now.date() - last) / timedelta(days=1)) > STALE_DAYS:
            named = (users[deal["owner_id"]], stages[deal["stage_id"]])
            amount = (deal["value"], deal["currency"])
            found.append((deal["id"], deal["title"], *named, *amount, last, days))
    return found


def deals_by_source(world, _, __):
    channels, groups = dict(CHOICES["channel"]), defaultdict(list)
    for row in live_deals(world):
        groups[row["origin"], channels.get(row["channel"])].append(row)
    return [
        (
            *key,
            len(rows),
            sum(row["source_lead_id"] is not None for row in rows),
            sum(row["status"] == "won" for row in rows),
        )
        for key, rows in groups.items()
    ]


def new_against_lost(world, _, __):
    deals = live_deals(world)
    new = Counter(month(row["add_time"]) for row in deals)
    lost = Counter(month(row["lost_time"]) for row in deals if row["status"] == "lost")
    months = (new.keys() | lost.keys()) - {None}
    return [(each, new[each], lost[each], new[each] - lost[each]) for each in months]


def forecast_against_won(world, _, __):
    sums = defaultdict(lambda: [0, 0])
    for row in live_deals(world):
        if row["status"] in {"won", "lost"}:
            group = sums[month(row["close_time"]), row["currency"]]
            group[0] += (row["value"] or 0) if row["status"] == "won" else 0
    for (_, closing, currency), row in company_truth.open_deals(world).items():
        if closing:
            sums[closing, currency][1] += row[2] or 0
    return [
        (*key, money(won), money(forecast), money(won + forecast))
        for key, (won, forecast) in sums.items()
    ]


ANSWERS = {
    "Win rate by owner": win_rate_by_owner,
    "Days per stage": days_per_stage,
    "Weighted pipeline by month": weighted_pipeline_by_month,
    "Activities per person": activities_per_person,
    "Custom field breakdown": custom_field_breakdown,
    "Lost reasons": lost_reasons,
    "Lead conversion": lead_conversion,
    "Revenue by product": revenue_by_product,
    "Stale deals": stale_deals,
    "Deals by source": deals_by_source,
    "New against lost": new_against_lost,
    "Forecast against won": forecast_against_won,
}
KEY_COLUMNS = {
    "Weighted pipeline by month": 2,
    "Lost reasons": 2,
    "Revenue by product": 3,
    "Deals by source": 2,
    "Forecast against won": 2,
}
"""How many columns identify a row of the answer, where more than one."""
