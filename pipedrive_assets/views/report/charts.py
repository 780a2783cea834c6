"""The charts of the sales overview: the query and the Vega-Lite specification of each.

A Vega-Lite specification is plain data, so no drawing library is needed here.
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
"""The style of all charts. The schema's URL is only a name; nothing is downloaded. The padding on
the right is for browsers whose fonts are wider than the one that texts were measured with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart of the sales overview.

    Attributes:
        name: The name of the chart.
        title: Its title on the page.
        description: Its description on the page.
        table: The derived table that it reads.
        query: Its query; `{name}` is the placeholder of a derived table.
        columns: The headings of the query's columns on the page.
        draw: Makes the specification from the rows, which are complete up to a day (UTC).
        personal: Whether it names users. Such charts are not stored in Dagster's event log unless
            a setting asks for it.
        note: Returns a sentence on what the drawing omits; empty if nothing.
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
        """Return the Vega-Lite specification of the chart.

        Args:
            rows: The rows of the query.
            until: The day (UTC) up to which the rows are complete; None if unknown.

        Returns:
            The specification.
        """
        return {**LOOK, **self.draw(rows, until)}


CHARTS: tuple[Chart, ...] = (
    Chart(
        name="open_pipeline",
        title="Open deals by expected close month",
        description="Value of open deals by stage, for the four currencies with the most deals.",
        table="open_pipeline",
        query=(
            "SELECT currency, expected_close_month, sum(deals), pipeline_name, stage_name, "
            "min(stage_order), sum(value), pipeline_id, stage_id FROM {open_pipeline} "
            "GROUP BY currency, expected_close_month, pipeline_id, pipeline_name, stage_id, "
            "stage_name ORDER BY 1, 2, 4, 8, 6, 9"
        ),
        columns=(
            *("currency", "month", "deals", "pipeline", "stage", "position", "value"),
            *("pipeline id", "stage id"),
        ),
        draw=drawings.open_pipeline,
        note=drawings.open_note,
    ),
    Chart(
        name="pipeline_conversion",
        title="Conversion by stage",
        description="Deals that ever entered a stage, and the share that reached a later stage.",
        table="pipeline_conversion",
        query=(
            "SELECT pipeline_name, stage_name, min(stage_order), sum(deals_entered), "
            "sum(deals_went_on), pipeline_id, stage_id FROM {pipeline_conversion} "
            "GROUP BY pipeline_id, pipeline_name, stage_id, stage_name ORDER BY 1, 6, 3"
        ),
        columns=(
            *("pipeline", "stage", "position", "deals entered", "deals that advanced"),
            *("pipeline id", "stage id"),
        ),
        draw=drawings.conversion,
    ),
    Chart(
        name="days_in_stage",
        title="Days in each stage",
        description="Median number of days that deals stayed in a stage, for stays that ended.",
        table="deal_stage_history",
        query=(
            "SELECT pipeline_name, stage_name, min(stage_id), "
            "percentile_cont(0.5) WITHIN GROUP (ORDER BY days), pipeline_id, stage_id "
            "FROM {deal_stage_history} WHERE NOT is_current "
            "GROUP BY pipeline_id, pipeline_name, stage_id, stage_name ORDER BY 1, 5, 3"
        ),
        columns=("pipeline", "stage", "position", "median days", "pipeline id", "stage id"),
        draw=drawings.days_in_stage,
    ),
    Chart(
        name="deals_won",
        title="Deals won by month",
        description=(
            "Value of the deals won in each of the last 18 months, for the four currencies with "
            "the most deals."
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
        description="Activities marked as done in each of the last twelve weeks, by type.",
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
        description="Activities done in the four weeks up to the latest one, by user.",
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
