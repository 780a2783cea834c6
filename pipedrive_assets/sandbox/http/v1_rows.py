"""Rows in the format of API v1: flat custom fields, embedded names, times without a zone."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.sandbox.company.reference_rows import COMPANY
from pipedrive_assets.sandbox.company.tables import Row
from pipedrive_assets.sandbox.company.world import World
from pipedrive_assets.sandbox.http.counters import DOMAIN, person_counters, rows_of

PIN_FLAGS = ("lead", "deal", "organization", "person", "project", "task")


def old_time(stamp: str | None) -> str | None:
    """Format a time as most of API v1 does: `YYYY-MM-DD HH:MM:SS`, UTC."""
    return stamp and f"{stamp[:10]} {stamp[11:19]}"


def _old_times(row: Row) -> Row:
    times = {"add_time": old_time(row["add_time"]), "update_time": old_time(row["update_time"])}
    return {**row, **times}


def _named(world: World, table: str, key: object, name: str = "name") -> Row | None:
    row = world.tables[table].rows.get(key) if isinstance(key, (int, str)) else None
    return row and {name: row[name]}


def note(world: World, row: Row) -> Row:
    """A note with the names of the records it refers to."""
    user = world.row("users", row["user_id"])
    return {
        **_old_times(row),
        "deal": _named(world, "deals", row["deal_id"], "title"),
        "organization": _named(world, "organizations", row["org_id"]),
        "person": _named(world, "persons", row["person_id"]),
        "lead": _named(world, "leads", row["lead_id"], "title"),
        "project": _named(world, "projects", row["project_id"], "title"),
        "task": _named(world, "tasks", row["task_id"], "title"),
        "user": {key: user[key] for key in ("email", "icon_url", "is_you", "name")},
    }


def file(world: World, row: Row) -> Row:
    """A file with the names of the records it refers to; a missing record has an empty name."""
    names = {}
    for name, table, column, title in (
        ("deal_name", "deals", "deal_id", "title"),
        ("person_name", "persons", "person_id", "name"),
        ("people_name", "persons", "person_id", "name"),
        ("org_name", "organizations", "org_id", "name"),
        ("product_name", "products", "product_id", "name"),
        ("lead_name", "leads", "lead_id", "title"),
        ("project_name", "projects", "project_id", "title"),
    ):
        found = _named(world, table, row[column], title)
        names[name] = found[title] if found else ""
    domain = COMPANY["company_domain"]
    url = f"https://{domain}.pipedrive.com/v1/files/{row['id']}/download"
    return {**_old_times(row), **names, "url": url}


def lead(world: World, row: Row) -> Row:
    """A lead with its custom fields beside the columns; unset ones are absent."""
    shown = {key: value for key, value in row.items() if key != "custom_fields"}
    for code, value in (row["custom_fields"] or {}).items():
        if code in world.fields["deals"] and value is not None:
            shown |= flat(code, value)
    return shown


def flat(code: str, value: Any) -> Row:
    """Convert a custom value to v1 format: main part under its code, others with a suffix."""
    if isinstance(value, Mapping):
        parts = {f"{code}_{part}": each for part, each in value.items() if part != "value"}
        parts.pop(f"{code}_timezone_name", None)
        return {code: value["value"], **parts}
    if isinstance(value, list):
        return {code: ",".join(map(str, value))}
    if isinstance(value, int):
        return {code: str(value)}
    return {code: value}


def user_link(world: World, user_id: int) -> Row:
    """A user as v1 embeds it in other rows."""
    user = world.row("users", user_id)
    return {
        "id": user_id,
        "name": user["name"],
        "email": user["email"],
        "has_pic": 0,
        "pic_hash": None,
        "active_flag": user["active_flag"],
        "value": user_id,
    }


def person_link(row: Row) -> Row:
    """A person as v1 embeds it in other rows."""
    return {
        "active_flag": not row["is_deleted"],
        "name": row["name"],
        "email": row["emails"],
        "phone": row["phones"],
        "owner_id": row["owner_id"],
        "company_id": COMPANY["company_id"],
        "value": row["id"],
    }


def organization_link(world: World, key: Any) -> Row | None:
    """An organization as v1 embeds it in other rows."""
    row = world.tables["organizations"].rows.get(key)
    if row is None:
        return None
    return {
        "name": row["name"],
        "people_count": len(rows_of(world, "persons", "org_id", key)),
        "owner_id": row["owner_id"],
        "address": row["address"] and row["address"]["value"],
        "label_ids": row["label_ids"],
        "active_flag": not row["is_deleted"],
        "cc_email": DOMAIN,
        "value": key,
    }


def person(world: World, row: Row) -> Row:
    """A person with all columns in v1 format, as participants contain it."""
    counted = person_counters(world, row)
    org = organization_link(world, row["org_id"])
    for absent in ("marketing_status", "doi_status", "smart_bcc_email"):
        counted.pop(absent)
    return {
        "id": row["id"],
        "company_id": COMPANY["company_id"],
        "owner_id": user_link(world, row["owner_id"]),
        "org_id": org,
        "name": row["name"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        **counted,
        "active_flag": not row["is_deleted"],
        "phone": row["phones"],
        "email": row["emails"],
        "first_char": row["name"][:1].lower(),
        "update_time": old_time(row["update_time"]),
        "add_time": old_time(row["add_time"]),
        "visible_to": str(row["visible_to"]),
        "picture_id": None,
        "sync_needed": False,
        **_activity_dates(world, counted),
        "label": row["label_ids"][0] if row["label_ids"] else None,
        "label_ids": row["label_ids"],
        "org_name": org and org["name"],
        "owner_name": world.row("users", row["owner_id"])["name"],
        "cc_email": DOMAIN,
    }


def _activity_dates(world: World, counted: Row) -> Row:
    activities = world.tables["activities"].rows
    following = activities.get(counted["next_activity_id"], {})
    latest = activities.get(counted["last_activity_id"], {})
    return {
        "next_activity_date": following.get("due_date"),
        "next_activity_time": following.get("due_time") or None,
        "last_activity_date": latest.get("due_date"),
    }


def participant(world: World, row: Row) -> Row:
    """A participant of a deal with all columns of the person."""
    deal = world.row("deals", row["deal_id"])
    joined = world.row("persons", row["person_id"])
    return {
        "id": row["id"],
        "person_id": person_link(joined),
        "add_time": old_time(row["add_time"]),
        "active_flag": True,
        "related_item_data": {"deal_id": deal["id"], "title": deal["title"]},
        "person": person(world, joined),
        "added_by_user_id": user_link(world, row["user_id"]),
        "related_item_type": "deal",
        "related_item_id": deal["id"],
    }


PARTY = (
    *("id", "email_address", "name", "linked_person_id", "linked_person_name"),
    "mail_message_party_id",
)


def mail(row: Row, *, has_body: bool | None) -> Row:
    """Return an email as deals, persons, organizations and histories of deals show it."""
    sides = {
        side: [{key: party.get(key) for key in PARTY} for party in row[side]]
        for side in ("from", "to", "cc", "bcc")
    }
    data = {
        **row,
        **sides,
        "nylas_id": f"n{row['id']}",
        "s3_bucket": "sandbox-mail",
        "s3_bucket_path": f"mail/{row['id']}/body",
        "external_deleted_flag": False,
        "mua_message_id": f"{row['id']}@mail.sandbox.example",
        "template_id": None,
        "timestamp": row["message_time"],
        "item_type": "mailMessage",
        "company_id": COMPANY["company_id"],
    }
    if has_body:
        data["body"] = f"<p>{row['snippet']}</p>"
    return {"object": "mailMessage", "timestamp": old_time(row["add_time"]), "data": data}
