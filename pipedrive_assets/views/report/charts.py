"""The charts of the sales overview: what each asks of a derived table, and how it draws the answer.

A drawing is a Vega-Lite specification: data, no code, and no library here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from pipedrive_assets.views.report import drawings
from pipedrive_assets.views.report.drawings import Row, Spec

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
        "legend": {"labelLimit": 360},
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
    `note` says of the rows what the drawing leaves out.
    """

    name: str
    title: str
    description: str
    table: str
    query: str
    columns: tuple[str, ...]
    draw: Callable[[Sequence[Row], date | None], Spec]
    personal: bool = False
    note: Callable[[Sequence[Row], date | None], str] = lambda _rows, _until: ""

    def spec(self, rows: Sequence[Row], until: date | None = None) -> Spec:
        """The whole specification for these rows, complete up to the day `until` (UTC)."""
        return {**LOOK, **self.draw(rows, until)}


CHARTS: tuple[Chart, ...] = (
    Chart(
        name="open_pipeline",
        title="Open deals by month of expected closing",
        description=(
            "What open deals are worth, by stage, in each of the four currencies of most deals."
        ),
        table="open_pipeline",
        query=(
            "SELECT currency, expected_close_month, sum(deals), pipeline_name, stage_name, "
            "min(stage_order), sum(value), pipeline_id, stage_id FROM {open_pipeline} "
            "GROUP BY currency, expected_close_month, pipeline_id, pipeline_name, stage_id, "
            "stage_name ORDER BY 1, 2, 4, 8, 6, 9"
        ),
        columns=(
            *("currency", "month", "deals", "pipeline", "stage", "place", "value"),
            *("pipeline id", "stage id"),
        ),
        draw=drawings.open_pipeline,
        note=drawings.open_note,
    ),
    Chart(
        name="pipeline_conversion",
        title="From stage to stage",
        description="Deals that ever entered a stage, and the share of them that went on from it.",
        table="pipeline_conversion",
        query=(
            "SELECT pipeline_name, stage_name, min(stage_order), sum(deals_entered), "
            "sum(deals_went_on), pipeline_id, stage_id FROM {pipeline_conversion} "
            "GROUP BY pipeline_id, pipeline_name, stage_id, stage_name ORDER BY 1, 6, 3"
        ),
        columns=(
            *("pipeline", "stage", "place", "deals entered", "deals that went on"),
            *("pipeline id", "stage id"),
        ),
        draw=drawings.conversion,
    ),
    Chart(
        name="days_in_stage",
        title="Days in each stage",
        description=(
            "How long a deal stays in a stage: half of the stays that have ended were shorter."
        ),
        table="deal_stage_history",
        query=(
            "SELECT pipeline_name, stage_name, min(stage_id), "
            "percentile_cont(0.5) WITHIN GROUP (ORDER BY days), pipeline_id, stage_id "
            "FROM {deal_stage_history} WHERE NOT is_current "
            "GROUP BY pipeline_id, pipeline_name, stage_id, stage_name ORDER BY 1, 5, 3"
        ),
        columns=("pipeline", "stage", "place", "median days", "pipeline id", "stage id"),
        draw=drawings.days_in_stage,
    ),
    Chart(
        name="deals_won",
        title="Won by month",
        description=(
            "What the deals won in a month are worth, in each of the four currencies of most "
            "deals; the last 18 months, those in which nothing was won too."
        ),
        table="deal_velocity",
        query=(
            "SELECT currency, closed_month, sum(deals_won), sum(won_value) FROM {deal_velocity} "
            "WHERE deals_won > 0 GROUP BY currency, closed_month ORDER BY 1, 2"
        ),
        columns=("currency", "month", "deals", "value"),
        draw=drawings.won,
        note=drawings.won_note,
    ),
    Chart(
        name="activities_by_week",
        title="Activities done by week",
        description="The last twelve weeks, those in which nothing was done too.",
        table="sales_activity",
        query=(
            "SELECT CAST(date_trunc('week', day) AS DATE), type_name, sum(activities_done) "
            "FROM {sales_activity} WHERE activities_done > 0 GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        columns=("week of", "type", "done"),
        draw=drawings.activity,
    ),
    Chart(
        name="activities_by_user",
        title="Activities done by user",
        description="In the four weeks before the newest activity that was done.",
        table="sales_activity",
        query=(
            "SELECT owner_name, sum(activities_done), sum(deals_worked_on), owner_id "
            "FROM {sales_activity} "
            "WHERE activities_done > 0 AND day > (SELECT max(day) FROM {sales_activity} "
            "WHERE activities_done > 0) - INTERVAL '28' DAY GROUP BY 1, 4 ORDER BY 2 DESC, 1, 4"
        ),
        columns=("user", "done", "deal days", "user id"),
        draw=drawings.people,
        personal=True,
    ),
)
