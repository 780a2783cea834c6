"""Random values for new rows of optional tables, both at the epoch and in later events."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.company import generators, words

if TYPE_CHECKING:
    from random import Random

    from pipedrive_assets.sandbox.company.tables import Key, Row
    from pipedrive_assets.sandbox.company.world import World

FOLLOWED = {
    "person_followers": ("persons", "person_id"),
    "organization_followers": ("organizations", "org_id"),
    "product_followers": ("products", "product_id"),
}
"""Follower tables, with the followed table and the foreign key to it."""

OUTCOMES = ("connected", "no_answer", "left_message", "left_voicemail", "wrong_number", "busy")
WEBHOOK_PASSWORD = "s3cret-of-the-receiver"  # noqa: S105 -- invented; lets tests find leaks


def follower(rng: Random, world: World, table: str) -> Row | None:
    """Draw a user who starts to follow a record.

    Args:
        rng: Random numbers.
        world: The company.
        table: Follower table.

    Returns:
        Values by column, or None if the user already follows the record.
    """
    followed, column = FOLLOWED[table]
    key, user_id = generators.key_in(rng, world, followed), generators.owner(rng)
    if key is None or any(
        row["user_id"] == user_id for row in world.tables[table].where(column, key)
    ):
        return None
    return {column: key, "user_id": user_id}


def relationship(rng: Random, world: World) -> Row | None:
    """Draw a relationship between two organizations; None if both are the same."""
    owner, linked = (generators.key_in(rng, world, "organizations") for _ in range(2))
    if owner is None or owner == linked:
        return None
    kind = generators.one(rng, ("parent", "related"))
    return {"owner_org_id": owner, "linked_org_id": linked, "type": kind}


def variation(rng: Random, world: World) -> Row | None:
    """Draw a product variation with its prices; None without products."""
    product_id = generators.key_in(rng, world, "products")
    if product_id is None:
        return None
    prices = [
        {
            "price": round(rng.random() * 900, 2),
            "currency": currency,
            "cost": 2,
            "direct_cost": None,
            "notes": "",
        }
        for currency in generators.one(rng, (("EUR",), ("EUR", "USD")))
    ]
    name = generators.one(rng, ("small", "large", "XXL", "röd 🔴"))
    return {"product_id": product_id, "name": name, "prices": prices}


def comment(rng: Random, world: World) -> Row | None:
    """Draw a comment on a note; None without notes."""
    note_id, user_id = generators.key_in(rng, world, "notes"), generators.owner(rng)
    if note_id is None:
        return None
    text = generators.one(rng, ("Good!", "<p>Really?</p>", "Ask Aino 🙏"))
    return {"note_id": note_id, "content": text, "user_id": user_id, "updater_id": user_id}


def call_log(rng: Random, world: World, stamp: str) -> Row:
    """Draw a call of the API token's user, usually about a deal.

    Args:
        rng: Random numbers.
        world: The company.
        stamp: Time of the call, UTC.

    Returns:
        Values by column. The id has letters and digits.
    """
    deal_id = generators.key_in(rng, world, "deals") if rng.random() < 0.7 else None
    deal = world.row("deals", deal_id) if deal_id else {"person_id": None, "org_id": None}
    seconds = int(rng.random() * 900)
    return {
        "id": f"CA{sha256(f'{stamp} {rng.random()}'.encode()).hexdigest()[:26]}",
        "deal_id": deal_id,
        "person_id": deal["person_id"],
        "org_id": deal["org_id"],
        "subject": generators.one(rng, words.SUBJECTS),
        "duration": str(seconds),
        "outcome": generators.one(rng, OUTCOMES),
        "to_phone_number": f"+372 5{int(rng.random() * 1e6)}",
        "has_recording": seconds > 600,
        "start_time": _precise(stamp),
        "end_time": _precise(stamp),
        "note": generators.one(rng, (None, "Call again 📞")),
    }


def _precise(stamp: str) -> str:
    """Add milliseconds to a time, as mail threads and calls have them."""
    return f"{stamp[:-1]}.000Z"


def thread(rng: Random, world: World, stamp: str) -> Row:
    """Draw a mail thread with a person, in one or two folders.

    Args:
        rng: Random numbers.
        world: The company.
        stamp: Time of the first message, UTC.

    Returns:
        Values by column.
    """
    person_id = generators.key_in(rng, world, "persons")
    deal_id = generators.key_in(rng, world, "deals") if rng.random() < 0.5 else None
    folders = generators.one(rng, (["inbox"], ["inbox", "sent"], ["sent"], ["archive"], ["drafts"]))
    party = _party(world, person_id)
    return {
        "subject": f"{generators.one(rng, words.SUBJECTS)} ✉️",
        "folders": list(folders),
        "parties": {"to": [_party(world, None)], "from": [party]},
        "drafts_parties": [party] if "drafts" in folders else [],
        "archived_flag": int("archive" in folders),
        "has_draft_flag": int("drafts" in folders),
        "has_sent_flag": int("sent" in folders),
        "deal_id": deal_id,
        "deal_status": world.row("deals", deal_id)["status"] if deal_id else None,
        "first_message_timestamp": _precise(stamp),
    }


def _party(world: World, person_id: Key | None) -> Row:
    person = world.row("persons", person_id) if person_id is not None else None
    name = person["name"] if person else "Sam Sandberg"
    mails = [each["value"] for each in person["emails"] if each["value"]] if person else []
    return {
        "id": int(person_id or 0) + 1,
        "name": name,
        "latest_sent": False,
        "email_address": mails[0] if mails else "user1@sandbox.example",
        "message_time": 1_574_677_850_000,
        "linked_person_id": person_id,
        "linked_person_name": name if person else None,
        "linked_organization_id": person["org_id"] if person else None,
        "mail_message_party_id": 5318,
    }


def add_message(rng: Random, world: World, thread_id: Any) -> None:
    """Add a message to a mail thread and update the thread.

    Args:
        rng: Random numbers.
        world: The company.
        thread_id: Id of the mail thread.
    """
    row, moment = world.row("mail_threads", thread_id), _precise(world.stamp)
    snippet = generators.one(rng, ("Thank you for the offer", "Could you send it again?", "Ok 👍"))
    key = world.add(
        "mail_messages",
        mail_thread_id=thread_id,
        to=row["parties"]["to"],
        subject=row["subject"],
        snippet=snippet,
        message_time=moment,
        body_url=f"https://mail.sandbox.example/{thread_id}?Signature=opens-it",
        **{"from": row["parties"]["from"]},
    )
    world.edit(
        "mail_threads",
        thread_id,
        snippet=snippet,
        message_count=row["message_count"] + 1,
        version=int(key),
        last_message_timestamp=moment,
        last_message_received_timestamp=moment,
    )


def webhook(rng: Random, number: int) -> Row:
    """Draw a webhook; those with even numbers have a password."""
    has_password = number % 2 == 0
    return {
        "name": f"Webhook {number} 🪝",
        "event_action": generators.one(rng, ("*", "create", "delete")),
        "event_object": generators.one(rng, ("deal", "person", "*")),
        "subscription_url": f"https://hook:{WEBHOOK_PASSWORD}@hooks.example/{number}",
        "http_auth_user": "hook" if has_password else None,
        "http_auth_password": WEBHOOK_PASSWORD if has_password else None,
        "last_delivery_time": None if has_password else "2025-08-30T08:25:27.000Z",
        "last_http_status": None if has_password else 200,
    }
