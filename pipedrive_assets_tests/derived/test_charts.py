"""Which months the charts show."""

from datetime import date

from pipedrive_assets.derived.charts import CHARTS

OPEN = next(chart for chart in CHARTS if chart.name == "open_pipeline")
WON = next(chart for chart in CHARTS if chart.name == "deals_won")


def open_deals(month, deals=2):
    return ("EUR", month, deals, "Qualified", 1, 100.0)


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
