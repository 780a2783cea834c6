"""Counters and other fields that Pipedrive computes for a row from other tables.

They do not change the row's `update_time`, as in Pipedrive.
"""

from collections.abc import Callable
from typing import Any

from pipedrive_assets.sandbox.company.tables import Row
from pipedrive_assets.sandbox.company.world import World

DOMAIN = "sandbox-stationery@pipedrivemail.example"


def rows_of(world: World, table: str, column: str, key: object) -> list[Row]:
    """Rows that refer to a row.

    Args:
        world: The company.
        table: Table of the referring rows.
        column: Foreign key in that table.
        key: Key of the row they refer to.

    Returns:
        The rows, without deleted ones.
    """
    return list(world.tables[table].groups(column).get(key, ()))


def mails_of(world: World, column: str, key: object) -> list[Row]:
    """Emails linked to a record, newest first.

    Args:
        world: The company.
        column: `deal_id`, `person_id` or `org_id`.
        key: Key of the record.

    Returns:
        Rows of `mail_messages`.
    """
    threads = world.tables["mail_threads"]

    def build() -> dict[object, list[Row]]:
        found: dict[object, list[Row]] = {}
        for row in reversed(world.tables["mail_messages"].rows.values()):
            for linked in sorted(_linked(threads.rows[row["mail_thread_id"]], row, column)):
                found.setdefault(linked, []).append(row)
        return found

    by_key = world.tables["mail_messages"].view((column, threads.changes), build)
    return list(by_key.get(key, ()))


def _linked(thread: Row, row: Row, column: str) -> set[int]:
    if column == "deal_id":
        return {thread["deal_id"]} - {None}
    link = {"person_id": "linked_person_id", "org_id": "linked_organization_id"}[column]
    parties = [*row["from"], *row["to"], *row["cc"], *row["bcc"]]
    return {party.get(link) for party in parties} - {None}


def activity_counters(world: World, column: str, key: object) -> Row:
    """Count the activities of a row.

    Args:
        world: The company.
        column: Foreign key of activities to the row.
        key: Key of the row.

    Returns:
        Counters by name.
    """
    rows = rows_of(world, "activities", column, key)
    done = [row for row in rows if row["done"]]
    todo = [row for row in rows if not row["done"]]
    return {
        "next_activity_id": _edge(todo, min),
        "last_activity_id": _edge(done, max),
        "email_messages_count": len(mails_of(world, column, key)),
        "activities_count": len(rows),
        "done_activities_count": len(done),
        "undone_activities_count": len(todo),
    }


def _edge(rows: list[Row], edge: Callable[..., Any]) -> int | None:
    if not rows:
        return None
    found: int = edge((row["due_date"] or "", row["id"]) for row in rows)[1]
    return found


def deal_counters(world: World, row: Row) -> Row:
    """Compute all fields that `include_fields` offers for a deal."""
    key = row["id"]
    return {
        **activity_counters(world, "deal_id", key),
        "first_won_time": row["first_won_time"],
        "products_count": len(rows_of(world, "deal_products", "deal_id", key)),
        "files_count": len(rows_of(world, "files", "deal_id", key)),
        "notes_count": len(rows_of(world, "notes", "deal_id", key)),
        "followers_count": len(rows_of(world, "followers", "deal_id", key)),
        "participants_count": len(rows_of(world, "participants", "deal_id", key)),
        "last_incoming_mail_time": None,
        "last_outgoing_mail_time": None,
        "smart_bcc_email": f"deal{key}.{DOMAIN}",
        "source_lead_id": row["source_lead_id"],
    }


def _deal_counts(prefix: str, deals: list[Row]) -> Row:
    def count(*statuses: str) -> int:
        return sum(deal["status"] in statuses for deal in deals)

    return {
        f"{prefix}open_deals_count": count("open"),
        f"{prefix}closed_deals_count": count("won", "lost"),
        f"{prefix}won_deals_count": count("won"),
        f"{prefix}lost_deals_count": count("lost"),
    }


def person_counters(world: World, row: Row) -> Row:
    """Compute all fields that `include_fields` offers for a person."""
    key = row["id"]
    own = rows_of(world, "deals", "person_id", key)
    joined = [
        world.row("deals", part["deal_id"])
        for part in rows_of(world, "participants", "person_id", key)
        if world.row("deals", part["deal_id"])["person_id"] != key
    ]
    part = _deal_counts("participant_", joined)
    return {
        **activity_counters(world, "person_id", key),
        **_deal_counts("", own),
        **_deal_counts("related_", joined),
        "participant_open_deals_count": part["participant_open_deals_count"],
        "participant_closed_deals_count": part["participant_closed_deals_count"],
        "files_count": len(rows_of(world, "files", "person_id", key)),
        "notes_count": len(rows_of(world, "notes", "person_id", key)),
        "followers_count": len(rows_of(world, "person_followers", "person_id", key)),
        "last_incoming_mail_time": None,
        "last_outgoing_mail_time": None,
        "marketing_status": "no_consent",
        "doi_status": 1,
        "smart_bcc_email": f"person{key}.{DOMAIN}",
    }


def organization_counters(world: World, row: Row) -> Row:
    """Compute all fields that `include_fields` offers for an organization."""
    key = row["id"]
    return {
        **activity_counters(world, "org_id", key),
        **_deal_counts("", rows_of(world, "deals", "org_id", key)),
        **_deal_counts("related_", []),
        "people_count": len(rows_of(world, "persons", "org_id", key)),
        "files_count": len(rows_of(world, "files", "org_id", key)),
        "notes_count": len(rows_of(world, "notes", "org_id", key)),
        "followers_count": len(rows_of(world, "organization_followers", "org_id", key)),
        "smart_bcc_email": f"organization{key}.{DOMAIN}",
    }


COUNTERS: dict[str, Callable[[World, Row], Row]] = {
    "deals": deal_counters,
    "persons": person_counters,
    "organizations": organization_counters,
    "activities": lambda _, row: {"attendees": row["attendees"]},
}
