"""Built-in fields, which the fields endpoints list before the custom ones."""

from pipedrive_assets.sandbox.company.blank_rows import BLANKS
from pipedrive_assets.sandbox.company.tables import Row
from pipedrive_assets.sandbox.http.include_fields import OPTIONAL
from pipedrive_assets.sandbox.http.v2_rows import LABELS

TYPES = {
    "id": "int",
    "title": "varchar",
    "name": "varchar",
    "value": "monetary",
    "owner_id": "user",
    "creator_user_id": "user",
    "person_id": "people",
    "org_id": "org",
    "deal_id": "deal",
    "lead_id": "lead",
    "stage_id": "stage",
    "pipeline_id": "int",
    "status": "status",
    "lost_reason": "varchar_options",
    "label_ids": "set",
    "channel": "enum",
    "industry": "enum",
    "category": "enum",
    "priority": "enum",
    "outcome": "enum",
    "visible_to": "visible_to",
    "postal_address": "address",
    "address": "address",
    "location": "address",
    "emails": "varchar",
    "phones": "phone",
    "notes": "text",
    "note": "text",
    "description": "text",
    "picture_id": "picture",
    "billing_frequency": "billing_frequency",
    "prices": "json",
    "birthday": "date",
    "due_date": "date",
    "expected_close_date": "date",
}
CHOICES: dict[str, tuple[tuple[int | str, str], ...]] = {
    "status": (("open", "Open"), ("won", "Won"), ("lost", "Lost"), ("deleted", "Deleted")),
    "channel": ((52, "Billboards"), (53, "Radio 📻")),
    "industry": ((1, "Retail"), (2, "Education"), (3, "Öffentlicher Dienst")),
    "category": ((31, "Writing"), (32, "Furniture")),
    "priority": ((262, "Low"), (263, "High")),
    "outcome": ((271, "Answered"), (272, "Voicemail")),
    "visible_to": ((1, "Owner"), (3, "Entire company")),
    "lost_reason": ((1, "Too expensive"), (2, "No answer")),
}
COLOURS = ("red", "yellow", "green")
TITLES = {"org_id": "Organization", "person_id": "Contact person", "value": "Value"}
SKIPPED = frozenset({"custom_fields", "first_won_time", "source_lead_id"})
SUBFIELDS = {"value": (("value", "Amount of Value", "double"), ("currency", "Currency", "varchar"))}


def built_in(entity: str) -> list[Row]:
    """List the built-in fields of a table."""
    keys = [key for key in BLANKS.get(entity, ("id", "title", "status")) if key not in SKIPPED]
    extra = [key for key in OPTIONAL.get(entity, ()) if key not in keys]
    return [
        _field(entity, key, is_optional=key in OPTIONAL.get(entity, ())) for key in (*keys, *extra)
    ]


def _field(entity: str, key: str, *, is_optional: bool) -> Row:
    options = [{"id": each, "label": label} for each, label in CHOICES.get(key, ())]
    if key == "label_ids":
        options = [
            {"id": each, "label": label, "color": COLOURS[each % len(COLOURS)]}
            for each, label in LABELS.get(entity, {}).items()
        ]
    parts = SUBFIELDS.get(key)
    return {
        "field_name": TITLES.get(key, key.removesuffix("_id").replace("_", " ").capitalize()),
        "field_code": key,
        "description": None,
        "field_type": TYPES.get(key) or _guess(key),
        "options": options or None,
        "subfields": parts
        and [{"field_code": c, "field_name": name, "field_type": t} for c, name, t in parts],
        "is_custom_field": False,
        "is_optional_response_field": is_optional,
        "is_writable": True,
    }


def _guess(key: str) -> str:
    if key.startswith("is_") or key in {"done", "busy"}:
        return "boolean"
    if key.endswith(("_count", "_id", "_by")):
        return "int"
    if key.endswith("_time"):
        return "date"
    return "varchar"


EXTRAS: dict[str, Row] = {
    "ui_visibility": {"add_visible_flag": True, "details_visible_flag": True},
    "important_fields": {"enabled": False, "stage_ids": []},
    "required_fields": {"enabled": False, "stage_ids": [], "statuses": {}},
}
