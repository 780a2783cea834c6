"""The Vega-Lite specifications of the charts."""

from collections.abc import Hashable, Sequence
from datetime import date
from typing import Any

from pipedrive_assets.views.report.labels import (
    NO_CURRENCY,
    OTHER_STAGES,
    apart,
    not_drawn,
    stage_labels,
)
from pipedrive_assets.views.report.months import fullest_months, last_months, last_weeks

Row = tuple[Any, ...]
Spec = dict[str, Any]

WIDTH = 640
MOST_CURRENCIES = 4
MOST_COLORS = 20
LEVEL_LABELS = 10
"""How many month labels fit next to each other; more labels are drawn at an angle."""

EARLIER, LATER, NO_DATE = "earlier", "later", "no date"


def _values(rows: Sequence[Row], *names: str) -> Spec:
    return {"values": [dict(zip(names, map(_plain, row), strict=True)) for row in rows]}


def _plain(value: Any) -> Any:
    """Convert a value to a JSON type; databases return sums as decimals."""
    if isinstance(value, date):
        return f"{value:%Y-%m}"
    return value if value is None or isinstance(value, str) else float(value)


def _largest(rows: Sequence[Row], place: int, weight: int) -> list[Any]:
    """Return the values of a column, sorted by the sum of another column, largest first."""
    weights: dict[Any, float] = {}
    for row in rows:
        weights[row[place]] = weights.get(row[place], 0) + float(row[weight] or 0)
    return sorted(weights, key=lambda value: (-weights[value], str(value)))


def _by_currency(currencies: Sequence[Any], domain: Sequence[str], bars: Spec, data: Spec) -> Spec:
    """Return one panel per currency, each with its own scale: currencies are not comparable."""
    angle = {"labelAngle": -45} if len(domain) > LEVEL_LABELS else {}
    x = {
        "field": "month",
        "type": "ordinal",
        "title": None,
        "scale": {"domain": [*domain]},
        "axis": {"labelOverlap": False, **angle},
    }
    encoding = {"x": x, "y": {"field": "value", "type": "quantitative", "title": None}, **bars}
    names = [name or NO_CURRENCY for name in currencies]
    row = {"field": "currency", "type": "nominal", "title": None, "sort": names}
    return {
        "data": data,
        "transform": [{"filter": {"field": "month", "oneOf": [*domain]}}],
        "facet": {"row": row},
        "spec": {"width": WIDTH, "height": 130, "mark": "bar", "encoding": encoding},
        "resolve": {"scale": {"y": "independent"}},
    }


def open_pipeline(rows: Sequence[Row], _until: date | None) -> Spec:
    """Return the specification for the value of open deals by currency, month and stage."""
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
    currencies = _largest(rows, 0, 2)[:MOST_CURRENCIES]
    shown = [row for row in rows if row[0] in currencies]
    labels = _stages(shown)
    data = _values(
        [
            (row[0] or NO_CURRENCY, place(row[1]), row[2], labels[row[8]], row[5], row[6])
            for row in shown
        ],
        "currency", "month", "deals", "stage", "order", "value",
    )  # fmt: skip
    return _by_currency(currencies, domain, {"color": _colors(shown, labels)}, data)


def _stages(rows: Sequence[Row]) -> dict[Any, str]:
    """Return the label of each stage by its id; the smallest share one label if colors run out."""
    labels = stage_labels([(row[8], row[7], row[3], row[4]) for row in rows])
    if len(labels) <= MOST_COLORS:
        return labels
    largest = _largest(rows, 8, 2)[: MOST_COLORS - 1]
    return {key: name if key in largest else OTHER_STAGES for key, name in labels.items()}


def _colors(rows: Sequence[Row], labels: dict[Any, str]) -> Spec:
    """Return a color for each stage, in the order of the pipelines and of their stages."""
    order = sorted(rows, key=lambda row: (str(row[3]), str(row[7]), row[5] is None, row[5] or 0))
    names = list(dict.fromkeys(labels[row[8]] for row in order))
    names.sort(key=lambda name: name == OTHER_STAGES)
    scheme = "tableau10" if len(names) <= 10 else "tableau20"
    scale = {"domain": names, "scheme": scheme}
    return {"field": "stage", "type": "nominal", "title": None, "scale": scale}


def _undrawn(rows: Sequence[Row], drawn: Sequence[Any]) -> str:
    deals: dict[Any, float] = {}
    for row in rows:
        deals[row[0]] = deals.get(row[0], 0) + float(row[2] or 0)
    return not_drawn({name: deals[name] for name in _largest(rows, 0, 2)}, drawn)


def open_note(rows: Sequence[Row], _until: date | None) -> str:
    """Return a sentence on the currencies that `open_pipeline` omits; empty if none."""
    return _undrawn(rows, _largest(rows, 0, 2)[:MOST_CURRENCIES])


def _won_months(rows: Sequence[Row], until: date | None) -> tuple[list[str], list[Any]]:
    """Return the months to draw, and the currencies with the most deals won in them."""
    domain = last_months([row[1] for row in rows], until)
    recent = [row for row in rows if _plain(row[1]) in domain]
    return domain, _largest(recent or rows, 0, 2)[:MOST_CURRENCIES]


def won(rows: Sequence[Row], until: date | None) -> Spec:
    """Return the specification for the value of won deals by currency and month."""
    domain, currencies = _won_months(rows, until)
    shown = [row for row in rows if row[0] in currencies]
    # Also draw a panel for currencies without a won deal in these months.
    shown += [(currency, date.fromisoformat(f"{domain[-1]}-01"), 0, 0) for currency in currencies]
    data = _values(
        [(row[0] or NO_CURRENCY, *row[1:]) for row in shown], "currency", "month", "deals", "value"
    )
    return _by_currency(currencies, domain, {}, data)


def won_note(rows: Sequence[Row], until: date | None) -> str:
    """Return a sentence on the currencies that `won` omits; empty if none."""
    return _undrawn(rows, _won_months(rows, until)[1])


def _by_pipeline(rows: Sequence[Row]) -> list[Row]:
    """Replace the names of pipelines and stages by unique labels, and remove the ids.

    Rows start with the names of pipeline and stage and end with the ids of both.
    """
    pipelines = apart({row[-2]: row[0] for row in rows})
    stages: dict[Any, dict[Hashable, str]] = {}
    for row in rows:
        stages.setdefault(row[-2], {})[row[-1]] = row[1]
    labels = {pipeline: apart(names) for pipeline, names in stages.items()}
    return [(pipelines[row[-2]], labels[row[-2]][row[-1]], *row[2:-2]) for row in rows]


def conversion(rows: Sequence[Row], _until: date | None) -> Spec:
    """Return the specification for deals that entered a stage, overlaid by those that advanced."""
    data = _values(_by_pipeline(rows), "pipeline", "stage", "order", "entered", "went_on")
    y = {
        "field": "stage",
        "type": "nominal",
        "title": None,
        "sort": {"field": "order"},
        "axis": {"labelLimit": 260},
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


def days_in_stage(rows: Sequence[Row], _until: date | None) -> Spec:
    """Return the specification for the median duration of stays by pipeline and stage."""
    data = _values(_by_pipeline(rows), "pipeline", "stage", "place", "days")
    y = {"field": "stage", "type": "nominal", "title": None, "sort": {"field": "place"}}
    x = {"field": "days", "type": "quantitative", "title": "days, median of stays that ended"}
    return {
        "data": data,
        "facet": {"row": {"field": "pipeline", "type": "nominal", "title": None}},
        "spec": {
            "width": WIDTH - 120,
            "height": {"step": 24},
            "mark": "bar",
            "encoding": {"y": {**y, "axis": {"labelLimit": 260}}, "x": x},
        },
        "resolve": {"scale": {"y": "independent"}},
    }


def activity(rows: Sequence[Row], until: date | None) -> Spec:
    """Return the specification for activities by week, labeled with its Monday."""
    weeks = last_weeks([row[0] for row in rows], until)
    shown = [(f"{week:%m-%d}", kind, done) for week, kind, done in rows if week in weeks]
    domain = [f"{week:%m-%d}" for week in weeks]
    x = {"field": "week", "type": "ordinal", "title": "week of", "sort": None}
    return {
        "data": _values(shown, "week", "type", "done"),
        "width": WIDTH,
        "height": 200,
        "mark": "bar",
        "encoding": {
            "x": {**x, "scale": {"domain": domain}, "axis": {"labelOverlap": False}},
            "y": {"field": "done", "type": "quantitative", "title": None},
            "color": {"field": "type", "type": "nominal", "title": None},
        },
    }


def people(rows: Sequence[Row], _until: date | None) -> Spec:
    """Return the specification for activities done by user."""
    users = apart({row[-1]: str(row[0]) for row in rows})
    y = {"field": "user", "type": "nominal", "title": None, "sort": "-x"}
    return {
        "data": _values([(users[row[-1]], *row[1:-1]) for row in rows], "user", "done", "deals"),
        "width": WIDTH - 120,
        "height": {"step": 24},
        "mark": "bar",
        "encoding": {
            "y": {**y, "axis": {"labelLimit": 260}},
            "x": {"field": "done", "type": "quantitative", "title": "activities done"},
        },
    }
