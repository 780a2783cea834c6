"""The charts of the sales overview: what each asks of a derived table, and how it draws the answer.

A drawing is a Vega-Lite specification: data, no code, and no library here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipedrive_assets.derived.months import fullest_months, last_months

Row = tuple[Any, ...]
Spec = dict[str, Any]

WIDTH = 640
MOST_CURRENCIES = 4
EARLIER, LATER, NO_DATE = "earlier", "later", "no date"
LOOK: Spec = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "background": "white",
    "padding": {"left": 10, "top": 5, "right": 60, "bottom": 5},
    "config": {
        "font": "Helvetica, Arial, sans-serif",
        "view": {"stroke": None},
        "axis": {"grid": True, "gridColor": "#eee", "domain": False, "ticks": False},
        "axisX": {"grid": False, "labelAngle": 0, "labelOverlap": True, "tickMinStep": 1},
        "header": {"labelOrient": "top", "labelAnchor": "start", "labelFontWeight": "bold"},
        "range": {"category": {"scheme": "tableau10"}},
        "bar": {"color": "#4c78a8"},
    },
}
"""The schema's address is a name; nothing is fetched. Browsers may have wider fonts than those that
texts were measured with, hence the room on the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A question (`{name}` stands for a table) and the drawing of its answer.

    `personal`: it names users; such pictures stay out of Dagster's event log unless asked for.
    """

    name: str
    title: str
    doc: str
    table: str
    query: str
    columns: tuple[str, ...]
    draw: Callable[[Sequence[Row]], Spec]
    personal: bool = False

    def spec(self, rows: Sequence[Row]) -> Spec:
        """The whole specification for these rows."""
        return {**LOOK, **self.draw(rows)}


def _values(rows: Sequence[Row], *names: str) -> Spec:
    return {"values": [dict(zip(names, map(_plain, row), strict=True)) for row in rows]}


def _plain(value: Any) -> Any:
    """A value as JSON has it; sums come as decimals."""
    if isinstance(value, date):
        return f"{value:%Y-%m}"
    return value if value is None or isinstance(value, str) else float(value)


def _largest(rows: Sequence[Row], place: int, weight: int) -> list[Any]:
    """The values of a column that weigh most, the heaviest first."""
    weights: dict[Any, float] = {}
    for row in rows:
        weights[row[place]] = weights.get(row[place], 0) + float(row[weight] or 0)
    return sorted(weights, key=lambda value: (-weights[value], str(value)))


def _by_currency(rows: Sequence[Row], domain: Sequence[str], bars: Spec, data: Spec) -> Spec:
    """Small multiples, each with a scale of its own: amounts of two currencies never compare."""
    x = {"field": "month", "type": "ordinal", "title": None, "scale": {"domain": [*domain]}}
    encoding = {"x": x, "y": {"field": "value", "type": "quantitative", "title": None}, **bars}
    row = {"field": "currency", "type": "nominal", "title": None, "sort": _largest(rows, 0, 2)}
    return {
        "data": data,
        "transform": [{"filter": {"field": "month", "oneOf": [*domain]}}],
        "facet": {"row": row},
        "spec": {"width": WIDTH, "height": 130, "mark": "bar", "encoding": encoding},
        "resolve": {"scale": {"y": "independent"}},
    }


def _open_pipeline(rows: Sequence[Row]) -> Spec:
    deals: dict[date, float] = {}
    for row in rows:
        if row[1]:
            deals[row[1]] = deals.get(row[1], 0) + float(row[2])
    months = fullest_months(deals)

    def place(month: date | None) -> str:
        if month is None:
            return NO_DATE
        name = str(_plain(month))
        return name if name in months else EARLIER if name < months[0] else LATER

    found = {place(row[1]) for row in rows}
    domain = [name for name in (EARLIER, *months, LATER, NO_DATE) if name in found | {*months}]
    shown = _top(rows)
    data = _values(
        [(row[0], place(row[1]), row[2], *row[3:]) for row in shown],
        "currency", "month", "deals", "stage", "order", "value",
    )  # fmt: skip
    order = sorted({(row[4] is None, row[4], row[3]) for row in shown}, key=str)
    color = {
        "field": "stage",
        "type": "nominal",
        "title": None,
        "sort": [stage for _, _, stage in order],
    }
    return _by_currency(shown, domain, {"color": color}, data)


def _top(rows: Sequence[Row]) -> list[Row]:
    """Rows in the currencies of most deals."""
    currencies = set(_largest(rows, 0, 2)[:MOST_CURRENCIES])
    return [row for row in rows if row[0] in currencies]


def _won(rows: Sequence[Row]) -> Spec:
    shown = _top(rows)
    data = _values(shown, "currency", "month", "deals", "value")
    return _by_currency(shown, last_months([row[1] for row in rows]), {}, data)


def _conversion(rows: Sequence[Row]) -> Spec:
    """Two bars on each other: all that entered, and what went on of it."""
    data = _values(rows, "pipeline", "stage", "order", "entered", "went_on")
    y = {
        "field": "stage",
        "type": "nominal",
        "title": None,
        "sort": {"field": "order"},
        "axis": {"labelLimit": 200},
    }
    share = {"calculate": "format(datum.went_on / datum.entered, '.0%')", "as": "share"}
    return {
        "data": data,
        "transform": [share],
        "facet": {"row": {"field": "pipeline", "type": "nominal", "title": None}},
        "spec": {
            "width": WIDTH - 120,
            "height": {"step": 24},
            "encoding": {"y": y},
            "layer": [_layer("entered", "#c6d5e8"), _layer("went_on", "#4c78a8"), _label()],
        },
        "resolve": {"scale": {"y": "independent"}},
    }


def _layer(field: str, color: str) -> Spec:
    x = {"field": field, "type": "quantitative", "title": "deals"}
    return {"mark": {"type": "bar", "color": color}, "encoding": {"x": x}}


def _label() -> Spec:
    x = {"field": "entered", "type": "quantitative"}
    mark = {"type": "text", "align": "left", "dx": 4, "color": "#555"}
    return {"mark": mark, "encoding": {"x": x, "text": {"field": "share", "type": "nominal"}}}


def _days(rows: Sequence[Row]) -> Spec:
    data = _values(rows, "pipeline", "stage", "place", "days")
    y = {"field": "stage", "type": "nominal", "title": None, "sort": {"field": "place"}}
    x = {"field": "days", "type": "quantitative", "title": "days, median of stays that ended"}
    return {
        "data": data,
        "facet": {"row": {"field": "pipeline", "type": "nominal", "title": None}},
        "spec": {
            "width": WIDTH - 120,
            "height": {"step": 24},
            "mark": "bar",
            "encoding": {"y": {**y, "axis": {"labelLimit": 200}}, "x": x},
        },
        "resolve": {"scale": {"y": "independent"}},
    }


def _activity(rows: Sequence[Row]) -> Spec:
    """By week; the label is the week's Monday."""
    weeks = sorted({row[0] for row in rows})[-12:]
    shown = [(f"{week:%m-%d}", kind, done) for week, kind, done in rows if week in weeks]
    x = {"field": "week", "type": "ordinal", "title": "week of", "sort": None}
    domain = [f"{week:%m-%d}" for week in weeks]
    return {
        "data": _values(shown, "week", "type", "done"),
        "width": WIDTH,
        "height": 200,
        "mark": "bar",
        "encoding": {
            "x": {**x, "scale": {"domain": domain}},
            "y": {"field": "done", "type": "quantitative", "title": None},
            "color": {"field": "type", "type": "nominal", "title": None},
        },
    }


def _people(rows: Sequence[Row]) -> Spec:
    y = {"field": "user", "type": "nominal", "title": None, "sort": "-x"}
    return {
        "data": _values(rows, "user", "done", "deals"),
        "width": WIDTH - 120,
        "height": {"step": 24},
        "mark": "bar",
        "encoding": {
            "y": {**y, "axis": {"labelLimit": 200}},
            "x": {"field": "done", "type": "quantitative", "title": "activities done"},
        },
    }


CHARTS: tuple[Chart, ...] = (
    Chart(
        name="open_pipeline",
        title="Open deals by month of expected closing",
        doc="What open deals are worth, by stage, in each of the four currencies of most deals.",
        table="open_pipeline",
        query=(
            "SELECT currency, expected_close_month, sum(deals), stage_name, min(stage_order), "
            "sum(value) FROM {open_pipeline} GROUP BY currency, expected_close_month, "
            "pipeline_id, stage_id, stage_name ORDER BY 1, 2, 5, 4"
        ),
        columns=("currency", "month", "deals", "stage", "place", "value"),
        draw=_open_pipeline,
    ),
    Chart(
        name="pipeline_conversion",
        title="From stage to stage",
        doc="Deals that ever entered a stage, and the share of them that went on from it.",
        table="pipeline_conversion",
        query=(
            "SELECT pipeline_name, stage_name, min(stage_order), sum(deals_entered), "
            "sum(deals_went_on) FROM {pipeline_conversion} "
            "GROUP BY pipeline_id, pipeline_name, stage_id, stage_name ORDER BY 1, 3"
        ),
        columns=("pipeline", "stage", "place", "deals entered", "deals that went on"),
        draw=_conversion,
    ),
    Chart(
        name="days_in_stage",
        title="Days in each stage",
        doc="How long a deal stays in a stage: half of the stays that have ended were shorter.",
        table="deal_stage_history",
        query=(
            "SELECT pipeline_name, stage_name, min(stage_id), "
            "percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FROM {deal_stage_history} "
            "WHERE NOT is_current GROUP BY pipeline_name, stage_id, stage_name ORDER BY 1, 3"
        ),
        columns=("pipeline", "stage", "stage id", "median days"),
        draw=_days,
    ),
    Chart(
        name="deals_won",
        title="Won by month",
        doc=(
            "What the deals won in a month are worth, in each of the four currencies of most "
            "deals; the last 18 months."
        ),
        table="deal_velocity",
        query=(
            "SELECT currency, closed_month, sum(deals_won), sum(won_value) FROM {deal_velocity} "
            "WHERE deals_won > 0 GROUP BY currency, closed_month ORDER BY 1, 2"
        ),
        columns=("currency", "month", "deals", "value"),
        draw=_won,
    ),
    Chart(
        name="activities_by_week",
        title="Activities done by week",
        doc="The last twelve weeks in which anything was done.",
        table="sales_activity",
        query=(
            "SELECT CAST(date_trunc('week', day) AS DATE), type_name, sum(activities_done) "
            "FROM {sales_activity} WHERE activities_done > 0 GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        columns=("week of", "type", "done"),
        draw=_activity,
    ),
    Chart(
        name="activities_by_user",
        title="Activities done by user",
        doc="In the four weeks before the newest activity that was done.",
        table="sales_activity",
        query=(
            "SELECT owner_name, sum(activities_done), sum(deals_worked_on) FROM {sales_activity} "
            "WHERE activities_done > 0 AND day > (SELECT max(day) FROM {sales_activity} "
            "WHERE activities_done > 0) - INTERVAL '28' DAY GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        columns=("user", "done", "deal days"),
        draw=_people,
        personal=True,
    ),
)
