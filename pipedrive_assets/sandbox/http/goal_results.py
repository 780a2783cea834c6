"""The result of a goal, computed from the company's deals and activities."""

from collections.abc import Callable

from pipedrive_assets.sandbox.company.tables import Row
from pipedrive_assets.sandbox.exchange import Body, Refusal
from pipedrive_assets.sandbox.http.v2_lists import Ask, found

Dated = Callable[[Row], str | None]

COUNTED: dict[str, tuple[str, Dated]] = {
    "deals_won": ("deals", lambda row: row["won_time"] if row["status"] == "won" else None),
    "deals_progressed": ("deals", lambda row: row["stage_change_time"]),
    "deals_started": ("deals", lambda row: row["add_time"]),
    "activities_completed": (
        "activities",
        lambda row: row["marked_as_done_time"] if row["done"] else None,
    ),
    "activities_added": ("activities", lambda row: row["add_time"]),
}
"""Table, and time of what counts, by type of goal."""


def result(ask: Ask) -> Body:
    """Return the progress of a goal in a period.

    Args:
        ask: The call.

    Returns:
        The body.

    Raises:
        Refusal: 400 if the period is not within the duration of the goal.
    """
    goal = found(ask, "goals")
    start, end = ask.params["period.start"], ask.params["period.end"]
    first, last = goal["duration"]["start"], goal["duration"]["end"]
    if start < first or (last and end > last) or end < start:
        raise Refusal(400, "The period is not within the duration of the goal")
    table, dated = COUNTED[goal["type"]["name"]]
    rows = [
        row
        for row in ask.world.tables[table].rows.values()
        if _belongs(goal, row) and start <= (dated(row) or "")[:10] <= end
    ]
    return {
        "success": True,
        "statusCode": 20000,
        "statusText": "OK",
        "service": "statistics-goals-api",
        "data": {"goal": goal, "progress": _progress(ask, goal["expected_outcome"], rows)},
    }


def _belongs(goal: Row, row: Row) -> bool:
    pipelines = goal["type"]["params"]["pipeline_id"]
    in_pipeline = not pipelines or row.get("pipeline_id", pipelines[0]) in pipelines
    assignee = goal["assignee"]
    is_theirs = assignee["type"] != "person" or row["owner_id"] == assignee["id"]
    return in_pipeline and is_theirs and not row["is_deleted"]


def _progress(ask: Ask, outcome: Row, rows: list[Row]) -> float:
    if outcome["tracking_metric"] != "sum":
        return len(rows)
    code = ask.world.row("currencies", outcome["currency_id"])["code"]
    return sum(row["value"] or 0 for row in rows if row["currency"] == code)
