"""Random values for new rows, both at the epoch and in later events."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from pipedrive_assets.sandbox.company import custom_fields, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipedrive_assets.sandbox.company.tables import Key, Row
    from pipedrive_assets.sandbox.company.world import World


def one(rng: Random, items: Sequence[Any]) -> Any:
    """Draw an element of a sequence."""
    return items[int(rng.random() * len(items))]


def key_in(rng: Random, world: World, table: str) -> Any:
    """Draw the key of a row that is not deleted.

    Args:
        rng: Random numbers.
        world: The company.
        table: Table of the row.

    Returns:
        The key, or None if the table is empty.
    """
    alive = world.tables[table].alive
    return one(rng, alive) if alive else None


def owner(rng: Random) -> int:
    """Draw the id of an active user."""
    return 9001 + int(rng.random() * 5)


def labels(rng: Random) -> list[int]:
    """Draw label ids for a deal, person or organization; often none."""
    return [number for number in (1, 2, 3) if rng.random() < 0.2]


def contacts(rng: Random, name: str, kind: str) -> list[Row]:
    """Draw email addresses or phone numbers.

    Args:
        rng: Random numbers.
        name: Name of the person.
        kind: `emails` or `phones`.

    Returns:
        Up to three entries, some with an empty value.
    """
    count = one(rng, (0, 1, 1, 1, 2, 3))
    entries = []
    for place in range(count):
        mail = f"{name.lower()}{place}@example.com".replace(" ", ".").replace("'", "")
        value = mail if kind == "emails" else f"+372 5{int(rng.random() * 1e6)}"
        value = "" if rng.random() < 0.06 else value
        entries.append({"value": value, "primary": place == 0, "label": one(rng, ("work", "home"))})
    return entries


def person(rng: Random, world: World) -> Row:
    """Draw the values of a person, usually with an organization."""
    first, last = one(rng, words.FIRST_NAMES), one(rng, words.LAST_NAMES)
    last = last if rng.random() < 0.95 else None
    name = f"{first} {last}" if last else first
    return {
        "name": name,
        "first_name": first,
        "last_name": last,
        "owner_id": owner(rng),
        "org_id": key_in(rng, world, "organizations") if rng.random() < 0.8 else None,
        "emails": contacts(rng, name, "emails"),
        "phones": contacts(rng, name, "phones"),
        "label_ids": labels(rng),
        "picture_id": int(rng.random() * 1000) if rng.random() < 0.1 else None,
        "notes": one(rng, words.NOTES) if rng.random() < 0.1 else None,
        "birthday": custom_fields.day_of(rng, 1980) if rng.random() < 0.2 else None,
        "job_title": one(rng, words.JOBS),
        "postal_address": custom_fields.address(rng) if rng.random() < 0.2 else None,
        "im": [{"value": "", "primary": True, "label": "skype"}] if rng.random() < 0.1 else [],
        "custom_fields": custom(rng, world, "persons"),
    }


def organization(rng: Random, world: World) -> Row:
    """Draw the values of an organization."""
    name = f"{one(rng, words.COMPANIES)} {one(rng, words.COMPANY_FORMS)}"
    return {
        "name": name,
        "owner_id": owner(rng),
        "address": custom_fields.address(rng) if rng.random() < 0.7 else None,
        "label_ids": labels(rng),
        "website": "https://example.com/?q=ü&x=1" if rng.random() < 0.3 else None,
        "linkedin": "" if rng.random() < 0.1 else None,
        "industry": one(rng, (1, 2, 3, None)),
        "annual_revenue": int(rng.random() * 1e9) if rng.random() < 0.3 else None,
        "employee_count": int(rng.random() * 900) if rng.random() < 0.4 else None,
        "custom_fields": custom(rng, world, "organizations"),
    }


def product(rng: Random, world: World, number: int) -> Row:
    """Draw the values of a product with a price in one or two currencies.

    Args:
        rng: Random numbers.
        world: The company.
        number: Number of the product, from 0; it selects the name, for example.

    Returns:
        Values by column.
    """
    price = round(rng.random() * 900, 2)
    return {
        "name": words.PRODUCTS[number % len(words.PRODUCTS)],
        "code": f"P-{number:03d}" if number % 4 else None,
        "description": one(rng, words.NOTES) if number % 3 else None,
        "unit": one(rng, ("", "pcs", "kg")),
        "tax": one(rng, (0, 20, 5.5)),
        "category": one(rng, ("31", "32", None)),
        "is_linkable": number % 9 != 8,
        "owner_id": owner(rng),
        "billing_frequency": one(rng, ("one-time", "one-time", "monthly", "annually")),
        "prices": [
            {
                "product_id": number + 1,
                "price": price,
                "currency": currency,
                "cost": round(price / 2, 2),
                "direct_cost": None if number % 2 else 1,
                "notes": "",
            }
            for currency in ("EUR", "USD")[: 1 + number % 2]
        ],
        "custom_fields": custom(rng, world, "products"),
    }


def deal(rng: Random, world: World) -> Row:
    """Draw the values of an open deal in the first stage of a pipeline."""
    org = key_in(rng, world, "organizations") if rng.random() < 0.85 else None
    title = f"{one(rng, words.COMPANIES)} {one(rng, words.DEAL_WORDS)}"
    has_channel = rng.random() < 0.2
    return {
        "title": title if rng.random() > 0.01 else title * 60,
        "creator_user_id": owner(rng),
        "owner_id": owner(rng),
        "value": custom_fields.money(rng),
        "person_id": key_in(rng, world, "persons") if rng.random() < 0.88 else None,
        "org_id": org,
        "stage_id": 1 if rng.random() < 0.7 else 6,
        "currency": one(rng, ("EUR", "EUR", "USD", "JPY")),
        "probability": one(rng, (None, None, 10, 50, 90)),
        "expected_close_date": custom_fields.day_of(rng) if rng.random() < 0.5 else None,
        "label_ids": labels(rng),
        "channel": 52 if has_channel else None,
        "channel_id": "Jun23 Billboards" if has_channel else None,
        "custom_fields": custom(rng, world, "deals"),
    }


def activity(rng: Random, world: World) -> Row:
    """Draw the values of an activity, usually of a deal."""
    deal_id = key_in(rng, world, "deals") if rng.random() < 0.85 else None
    row = world.row("deals", deal_id) if deal_id else {"person_id": None, "org_id": None}
    meets = rng.random() < 0.15
    return {
        "subject": one(rng, words.SUBJECTS),
        "type": one(rng, ("call", "meeting", "task", "deadline", "email")),
        "owner_id": owner(rng),
        "creator_user_id": owner(rng),
        "deal_id": deal_id,
        "person_id": row["person_id"],
        "org_id": row["org_id"],
        "due_date": custom_fields.day_of(rng),
        "due_time": one(rng, ("", None, "15:00:00", "09:30:00")),
        "duration": one(rng, ("", None, "01:00:00")),
        "busy": meets,
        "location": custom_fields.address(rng) if meets else None,
        "conference_meeting_url": "https://meet.example.com/abc" if meets else None,
        "attendees": [_attendee(row["person_id"])] if meets else [],
        "priority": one(rng, (None, None, 263)),
        "outcome": (None, None, 271, 272)[len(world.tables["activities"].rows) % 4],
        "note": one(rng, words.NOTES[:6]) if rng.random() < 0.4 else None,
        # Separate random numbers, so that other values of the company do not depend on these.
        "custom_fields": custom(Random(len(world.tables["activities"].rows)), world, "activities"),
    }


def _attendee(person_id: Key | None) -> Row:
    return {
        "email": "someone@example.com",
        "name": "Someone",
        "status": "accepted",
        "is_organizer": True,
        "person_id": person_id,
        "user_id": None,
    }


def note(rng: Random, world: World) -> Row:
    """Draw the values of a note on a deal or a person."""
    table, column = one(rng, (("deals", "deal_id"), ("persons", "person_id"), ("deals", "deal_id")))
    user = owner(rng)
    return {
        "content": one(rng, words.NOTES),
        column: key_in(rng, world, table),
        "user_id": user,
        "last_update_user_id": user,
        "pinned_to_deal_flag": column == "deal_id" and rng.random() < 0.1,
    }


def file(rng: Random, world: World) -> Row:
    """Draw the values of a file on a deal or a person."""
    name = one(rng, words.FILES)
    column, table = one(rng, (("deal_id", "deals"), ("deal_id", "deals"), ("person_id", "persons")))
    return {
        "user_id": owner(rng),
        column: key_in(rng, world, table),
        "file_name": f"{int(rng.random() * 1e9):x}_{name}",
        "file_size": int(rng.random() * 1e7),
        "name": name,
        "remote_id": name,
        "description": one(rng, ("", "scan", None)),
    }


def lead(rng: Random, world: World) -> Row:
    """Draw the values of a lead, which has the custom fields of deals."""
    value = {"amount": custom_fields.money(rng), "currency": "EUR"} if rng.random() < 0.8 else None
    labelled = rng.random() < 0.4
    return {
        "title": f"{one(rng, words.LEAD_TITLES)} {one(rng, words.COMPANIES)}",
        "owner_id": owner(rng),
        "creator_id": owner(rng),
        "label_ids": [one(rng, list(world.tables["lead_labels"].rows))] if labelled else [],
        "person_id": key_in(rng, world, "persons") if rng.random() < 0.7 else None,
        "organization_id": key_in(rng, world, "organizations") if rng.random() < 0.5 else None,
        "value": value,
        "was_seen": rng.random() < 0.5,
        "expected_close_date": custom_fields.day_of(rng) if rng.random() < 0.2 else None,
        "cc_email": f"company+1+lead{int(rng.random() * 1e9)}@sandbox.example",
        "custom_fields": custom(rng, world, "deals"),
    }


def custom(rng: Random, world: World, entity: str) -> Row | None:
    """Draw custom field values.

    Args:
        rng: Random numbers.
        world: The company.
        entity: Table whose custom fields to use.

    Returns:
        Values by code; sometimes None, as Pipedrive returns null at times.
    """
    if rng.random() < 0.03:
        return None
    return custom_fields.some_values(rng, world.fields[entity], world.pools(), 0.2)
