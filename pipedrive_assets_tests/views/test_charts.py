"""What the charts show: months, weeks, stages and currencies."""

import re
from datetime import date

import pytest
import vl_convert

from pipedrive_assets.views.report.charts import CHARTS

BY_NAME = {chart.name: chart for chart in CHARTS}
OPEN = next(chart for chart in CHARTS if chart.name == "open_pipeline")
WON = next(chart for chart in CHARTS if chart.name == "deals_won")


def open_deals(month, deals=2):
    return ("EUR", month, deals, "Sales", "Qualified", 1, 100.0, 1, 1)


def open_deals_in(currency, deals, stage=(1, "Qualified"), pipeline=(1, "Sales")):
    month = date(2026, 11, 1)
    return (currency, month, deals, pipeline[1], stage[1], 1, 100.0, pipeline[0], stage[0])


def axis(spec):
    return spec["spec"]["encoding"]["x"]["scale"]["domain"]


def drawn(spec):
    """In which month each row is drawn."""
    return [row["month"] for row in spec["data"]["values"]]


def test_each_open_deal_is_drawn_when_one_is_expected_far_off():
    months = [None, date(1999, 1, 1), date(2026, 11, 1), date(2027, 1, 1), date(2205, 3, 1)]
    spec = OPEN.spec([open_deals(months[0]), *map(open_deals, months[1:])])

    assert ["no date", "earlier", "2026-11", "2027-01", "later"] == drawn(spec)
    expected = ["earlier", "2026-11", "2026-12", "2027-01", "later", "no date"]
    assert expected == axis(spec)


def test_months_of_most_open_deals_are_drawn():
    past = [open_deals(date(2020, month, 1), 1) for month in range(1, 9)]
    spec = OPEN.spec([*past, open_deals(date(2026, 11, 1), 20)])

    assert ["earlier", "2026-11"] == axis(spec)


def test_open_deals_without_any_date_are_drawn():
    assert ["no date"] == axis(OPEN.spec([open_deals(None)]))


def test_the_last_eighteen_months_won_are_drawn():
    months = [date(2024, 1, 1), date(2025, 12, 1), date(2026, 11, 1)]
    spec = WON.spec([("EUR", month, 1, 5.0) for month in months])

    assert 18 == len(axis(spec))
    assert "2025-06" == axis(spec)[0]
    assert "2026-11" == axis(spec)[-1]


def test_months_up_to_now_are_drawn_when_nothing_was_won():
    spec = WON.spec([("EUR", date(2026, 9, 1), 1, 5.0)], date(2026, 11, 20))

    assert ["2026-09", "2026-10", "2026-11"] == axis(spec)


def test_a_currency_in_which_nothing_was_won_of_late_has_no_panel_and_is_named():
    rows = [("CHF", date(2020, 1, 1), 99, 5.0), ("EUR", date(2026, 9, 1), 1, 5.0)]

    spec = WON.spec(rows, date(2026, 11, 20))

    assert {"EUR"} == {row["currency"] for row in spec["data"]["values"]}
    assert "CHF (99 deals)" in WON.note(rows, date(2026, 11, 20))


def test_deals_won_long_ago_alone_still_draw_a_panel():
    svg = vl_convert.vegalite_to_svg(
        WON.spec([("EUR", date(2020, 1, 1), 3, 5.0)], date(2026, 11, 20))
    )

    assert ">EUR</text>" in svg
    assert ">2026-11</text>" in svg


def test_currencies_that_are_not_drawn_are_named():
    rows = [open_deals_in(name, 9 - place) for place, name in enumerate("ABCDE")]
    rows.append(open_deals_in(None, 1))

    assert set("ABCD") == {row["currency"] for row in OPEN.spec(rows)["data"]["values"]}
    note = OPEN.note(rows, None)
    assert re.search(r"E \(5 deals\).*\(1 deal\)", note)
    assert not re.search(r"\b[A-D] \(", note)
    assert "" == OPEN.note(rows[:4], None)


def test_stages_of_the_same_name_stay_apart():
    rows = [
        open_deals_in("EUR", 3, (1, "Qualified"), (1, "Sales")),
        open_deals_in("EUR", 3, (6, "Qualified"), (2, "Renewals")),
        open_deals_in("EUR", 3, (7, "Signed"), (2, "Renewals")),
        open_deals_in("EUR", 3, (8, "Qualified"), (3, "Sales")),
        open_deals_in("EUR", 3, (9, "Qualified"), (3, "Sales")),
    ]

    spec = OPEN.spec(rows)

    drawn_stages = [row["stage"] for row in spec["data"]["values"]]
    assert [
        "Qualified (Sales (1))",
        "Qualified (Renewals)",
        "Signed",
        "Qualified (Sales (3)) (8)",
        "Qualified (Sales (3)) (9)",
    ] == drawn_stages
    assert set(drawn_stages) == set(spec["spec"]["encoding"]["color"]["scale"]["domain"])


@pytest.mark.parametrize("name", ["pipeline_conversion", "days_in_stage"])
def test_pipelines_and_stages_of_the_same_name_have_bars_of_their_own(name):
    values = (20, 9) if name == "pipeline_conversion" else (3.5,)
    places = [(1, 1), (1, 2), (7, 9)]
    rows = [("Sales", "Qualified", stage, *values, pipeline, stage) for pipeline, stage in places]

    found = BY_NAME[name].spec(rows)["data"]["values"]

    assert [
        ("Sales (1)", "Qualified (1)"),
        ("Sales (1)", "Qualified (2)"),
        ("Sales (7)", "Qualified"),
    ] == [(row["pipeline"], row["stage"]) for row in found]


def test_users_of_the_same_name_have_bars_of_their_own():
    rows = [("Anna", 5, 1, 1), ("Anna", 3, 1, 2), ("Bo", 1, 1, 3)]

    found = BY_NAME["activities_by_user"].spec(rows)["data"]["values"]

    assert ["Anna (1)", "Anna (2)", "Bo"] == [row["user"] for row in found]


def test_more_stages_than_colors_are_drawn_as_one():
    rows = [open_deals_in("EUR", 50 - n, (n, f"Stage {n}")) for n in range(30)]

    color = OPEN.spec(rows)["spec"]["encoding"]["color"]["scale"]

    assert 20 == len(color["domain"])
    assert "other stages" == color["domain"][-1]


def test_weeks_in_which_nothing_was_done_are_drawn():
    rows = [(date(2026, 10, 5), "Call", 4), (date(2026, 11, 2), "Call", 2)]

    spec = BY_NAME["activities_by_week"].spec(rows, date(2026, 11, 20))

    domain = spec["encoding"]["x"]["scale"]["domain"]
    assert 12 == len(domain)
    assert ["11-02", "11-09", "11-16"] == domain[-3:]
    svg = vl_convert.vegalite_to_svg(BY_NAME["activities_by_week"].spec(rows, date(2026, 11, 20)))
    assert all(f">{week}</text>" in svg for week in domain)


def test_every_month_has_a_label_and_many_are_aslant():
    months = [date(2025 + n // 12, n % 12 + 1, 1) for n in range(18)]
    rows = [open_deals(month) for month in (None, date(1999, 1, 1), *months, date(2099, 1, 1))]

    spec = {**OPEN.spec(rows)}

    svg = vl_convert.vegalite_to_svg(spec)
    assert all(f">{name}</text>" in svg for name in axis(spec))
    assert -45 == spec["spec"]["encoding"]["x"]["axis"]["labelAngle"]
    few = OPEN.spec(rows[2:6])["spec"]["encoding"]["x"]["axis"]
    assert "labelAngle" not in few
