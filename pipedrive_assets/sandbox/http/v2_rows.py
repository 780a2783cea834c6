"""Rows in the format of API v2, with the optional fields and labels that a call requests."""

from collections.abc import Callable, Mapping
from typing import Any

from pipedrive_assets.sandbox.company.tables import Row
from pipedrive_assets.sandbox.company.world import World
from pipedrive_assets.sandbox.http.counters import COUNTERS
from pipedrive_assets.sandbox.http.include_fields import OPTIONAL

LABELS = {
    "deals": {1: "Hot", 2: "Warm", 3: "Très important"},
    "persons": {1: "Customer", 2: "Partner", 3: "Newsletter, monthly"},
    "organizations": {1: "Customer", 2: "Competitor", 3: "Fournisseur"},
    "projects": {1: "Internal", 2: "External"},
}
HIDDEN = {
    "deals": ("first_won_time", "source_lead_id"),
    "activities": ("attendees",),
    "followers": ("id", "deal_id"),
    "person_followers": ("id", "person_id"),
    "organization_followers": ("id", "org_id"),
    "product_followers": ("id", "product_id"),
}


def viewer(world: World, table: str, params: Mapping[str, Any]) -> Callable[[Row], Row]:
    """Make the function that converts rows to the format of the reply.

    Args:
        world: The company.
        table: Table of the rows.
        params: Parameters of the call.

    Returns:
        A function from a row to the row in the reply.
    """
    hidden = HIDDEN.get(table, ())
    included = params.get("include_fields", ())
    codes = _codes(world, table, params)
    options = _option_labels(world, table) if params.get("include_option_labels") else {}

    def view(row: Row) -> Row:
        shown = {key: value for key, value in row.items() if key not in hidden}
        if "custom_fields" in shown and codes is not None:
            shown["custom_fields"] = _custom(row["custom_fields"], codes, options)
        if included:
            counted = COUNTERS[table](world, row)
            shown |= {name: counted[name] for name in included}
        if params.get("include_labels"):
            shown["labels"] = [
                {"id": each, "label": LABELS[table].get(each, "")} for each in row["label_ids"]
            ]
        return shown

    return view


def _codes(world: World, table: str, params: Mapping[str, Any]) -> list[str] | None:
    """Codes of the custom fields to return, in order; None if the table has no custom fields."""
    if table not in world.fields:
        return None
    asked = params.get("custom_fields")
    return [code for code in world.fields[table] if asked is None or code in asked]


def _custom(values: Row | None, codes: list[str], options: Mapping[str, Row]) -> Row | None:
    # An unset custom field is an explicit null, and sometimes the whole object is (seen live).
    if values is None:
        return None
    shown = {code: values.get(code) for code in codes}
    for code, labels in options.items():
        if shown.get(code) is not None:
            shown[code] = _labelled(shown[code], labels)
    return shown


def _labelled(value: Any, labels: Row) -> Any:
    if isinstance(value, list):
        return [{"id": each, "label": labels.get(each)} for each in value]
    return {"id": value, "label": labels.get(value)}


def _option_labels(world: World, table: str) -> Mapping[str, Row]:
    return {
        code: {each["id"]: each["label"] for each in field["options"]}
        for code, field in world.fields[table].items()
        if field["options"] is not None
    }


def optional(table: str) -> tuple[str, ...]:
    """Names that `include_fields` accepts."""
    return OPTIONAL[table]
