"""The flow of a deal: field changes, activities, notes, files, participants and emails."""

from collections.abc import Iterator
from typing import Any

from pipedrive_assets.sandbox.company.blank_rows import ADDRESS_PARTS
from pipedrive_assets.sandbox.company.history import Change
from pipedrive_assets.sandbox.company.reference_rows import COMPANY
from pipedrive_assets.sandbox.company.tables import Row
from pipedrive_assets.sandbox.company.words import AGENTS
from pipedrive_assets.sandbox.company.world import World
from pipedrive_assets.sandbox.http import v1_rows
from pipedrive_assets.sandbox.http.counters import DOMAIN, mails_of, rows_of
from pipedrive_assets.sandbox.http.v1_rows import old_time

ITEMS = (
    "call", "activity", "plannedActivity", "change", "note", "deal", "file", "dealChange",
    "personChange", "organizationChange", "follower", "dealFollower", "personFollower",
    "organizationFollower", "participant", "comment", "mailMessage", "mailMessageWithAttachment",
    "invoice", "document", "marketing_campaign_stat", "marketing_status_change",
)  # fmt: skip


def flow(
    world: World, deal_id: int, *, all_changes: bool, items: tuple[str, ...] | None
) -> list[Row]:
    """List the flow of a deal, newest first.

    Args:
        world: The company.
        deal_id: Id of the deal.
        all_changes: Whether to include changes of custom fields.
        items: Kinds of entries to return; None returns all.

    Returns:
        The entries.
    """
    entries = [
        entry
        for entry in _entries(world, deal_id, all_changes=all_changes)
        if items is None or entry["object"] in items or _is_alias(entry, items)
    ]
    return sorted(
        entries, key=lambda entry: (entry["timestamp"], entry["data"]["id"]), reverse=True
    )


def _is_alias(entry: Row, items: tuple[str, ...]) -> bool:
    return entry["object"] == "dealChange" and "change" in items


def _entries(world: World, deal_id: int, *, all_changes: bool) -> Iterator[Row]:
    for change in world.history.of(deal_id):
        if all_changes or not change.custom:
            yield _entry("dealChange", old_time(change.time), change_data(change))
    for row in rows_of(world, "activities", "deal_id", deal_id):
        time = old_time(row["marked_as_done_time"] or row["add_time"])
        yield _entry("activity", time, activity_data(world, row))
    for row in rows_of(world, "notes", "deal_id", deal_id):
        yield _entry("note", old_time(row["add_time"]), v1_rows.note(world, row))
    for row in rows_of(world, "files", "deal_id", deal_id):
        yield _entry("file", old_time(row["add_time"]), v1_rows.file(world, row))
    for row in rows_of(world, "participants", "deal_id", deal_id):
        yield _entry("participant", old_time(row["add_time"]), v1_rows.participant(world, row))
    for row in mails_of(world, "deal_id", deal_id):
        yield v1_rows.mail(row, has_body=False)


def _entry(kind: str, timestamp: str | None, data: Row) -> Row:
    return {"object": kind, "timestamp": timestamp, "data": data}


def change_data(change: Change) -> Row:
    """A field change; values keep their types, so both 50 and "50" occur."""
    formatted = change.new_value is not None and change.id % 5 == 0
    return {
        "id": change.id,
        "item_id": change.item_id,
        "user_id": change.user_id,
        "field_key": change.field_key,
        "old_value": value_in(change, change.old_value),
        "new_value": value_in(change, change.new_value),
        "is_bulk_update_flag": True if change.is_bulk else None,
        "log_time": old_time(change.time),
        "change_source": "app" if change.id % 4 else "api",
        "change_source_user_agent": AGENTS[change.id % 2],
        # Seen live: an object, or an empty list if there is no additional data.
        "additional_data": {"new_value_formatted": str(change.new_value)} if formatted else [],
    }


def value_in(change: Change, value: Any) -> Any:
    """Convert a value of a change: times to v1 format, objects to their main part."""
    if value is not None and change.field_key.endswith("_time"):
        return old_time(value)
    if isinstance(value, dict):
        return value.get("value", value.get("label"))
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value


def changelog_row(change: Change) -> Row:
    """A field change as the changelog returns it: all values are text, and it has no id."""
    return {
        "field_key": change.field_key,
        "old_value": _as_text(value_in(change, change.old_value)),
        "new_value": _as_text(value_in(change, change.new_value)),
        "actor_user_id": change.user_id,
        "time": old_time(change.time),
        "change_source": "app" if change.id % 4 else "api",
        "change_source_user_agent": AGENTS[change.id % 2],
        "is_bulk_update_flag": change.is_bulk,
    }


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


EMPTY = (
    "reference_type", "reference_id", "last_notification_time", "last_notification_user_id",
    "notification_language_id", "calendar_sync_include_context", "gcal_event_id",
    "google_calendar_id", "google_calendar_etag", "source_timezone", "rec_rule",
    "rec_rule_extension", "rec_master_activity_id", "series", "file",
)  # fmt: skip


def activity_data(world: World, row: Row) -> Row:
    """An activity in v1 format."""
    copied = (
        "id done type due_date due_time duration subject public_description org_id person_id"
        " deal_id lead_id project_id note conference_meeting_client conference_meeting_url"
        " conference_meeting_id"
    )
    return {
        **{key: row[key] for key in copied.split()},
        **dict.fromkeys(EMPTY),
        "company_id": COMPANY["company_id"],
        "user_id": row["owner_id"],
        "busy_flag": row["busy"],
        "add_time": old_time(row["add_time"]),
        "marked_as_done_time": old_time(row["marked_as_done_time"]) or "",
        "active_flag": not row["is_deleted"],
        "update_time": old_time(row["update_time"]),
        "update_user_id": row["owner_id"],
        "created_by_user_id": row["creator_user_id"],
        "assigned_to_user_id": row["owner_id"],
        **_place(row["location"]),
        "attendees": [_attendee(each) for each in row["attendees"]],
        "participants": [
            {"person_id": each["person_id"], "primary_flag": each["primary"]}
            for each in row["participants"]
        ],
        **_names(world, row),
    }


def _place(location: Row | None) -> Row:
    parts = location or {}
    shown = {f"location_{part}": parts.get(part) for part in ADDRESS_PARTS if part != "value"}
    formatted = {"location_formatted_address": parts.get("formatted_address")}
    return {"location": parts.get("value"), **shown, **formatted}


def _attendee(row: Row) -> Row:
    copied = {key: row[key] for key in ("name", "person_id", "status", "user_id")}
    return {"email_address": row["email"], "is_organizer": int(row["is_organizer"]), **copied}


def _names(world: World, row: Row) -> Row:
    def _name(table: str, key: Any, column: str = "name") -> Any:
        found = world.tables[table].rows.get(key)
        return found and found[column]

    return {
        "org_name": _name("organizations", row["org_id"]),
        "person_name": _name("persons", row["person_id"]),
        "deal_title": _name("deals", row["deal_id"], "title"),
        "owner_name": _name("users", row["owner_id"]),
        "person_dropbox_bcc": DOMAIN,
        "deal_dropbox_bcc": f"deal{row['deal_id']}.{DOMAIN}",
    }
