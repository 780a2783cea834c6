"""Custom fields of the invented company and random values for them.

Value formats per type: official documentation of custom fields in API v2. Some labels are
difficult on purpose: duplicates, labels that differ in case only, labels of built-in fields,
labels that equal the subfield of another field, leading digits, quotes, emoji, 200 characters.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from random import Random
from typing import Any

from pipedrive_assets.sandbox.company.tables import Key, Row
from pipedrive_assets.sandbox.company.words import CITIES, COLORS, STREETS

Pools = Mapping[str, Sequence[Key]]

ENTITIES = ("deals", "persons", "organizations", "products")
FIELD_OWNERS = (*ENTITIES, "activities")
"""Tables with custom fields at the epoch; events change only the fields of ENTITIES."""

LABELS = (
    ("Campaign", "varchar"),
    ("Ticket number", "varchar_auto"),
    ("Remarks", "text"),
    ("Hotline", "phone"),
    ("Score", "double"),
    ("Budget", "monetary"),
    ("Priority", "enum"),
    ("Interests", "set"),
    ("Account manager", "user"),
    ("Partner", "org"),
    ("Champion", "people"),
    ("Kick-off", "date"),
    ("Trial", "daterange"),
    ("Best time to call", "time"),
    ("Office hours", "timerange"),
    ("Delivery address", "address"),
    ("Score", "varchar"),
    ("SCORE", "double"),
    ("ID", "varchar"),
    ("Title", "text"),
    ("Name", "varchar"),
    ("🔥", "varchar"),
    ("2nd contact", "varchar"),
    ("O'Brien's \"special\" price; a\\b", "double"),
    ("Budget currency", "varchar"),
    ("Trial_until", "date"),
    ("An unreasonably long label " * 8, "varchar"),
)
CHOICES = ("Low", "Medium", "High", "Très élevé", "N/A", "100 %")
SUBFIELDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "monetary": (("currency", "Currency of {}", "varchar"),),
    "daterange": (("until", "End of {}", "date"),),
    "time": (("timezone_id", "Timezone of {}", "int"),),
    "timerange": (("until", "End of {}", "time"), ("timezone_id", "Timezone of {}", "int")),
    "address": tuple(
        (part, f"{part} of {{}}", "varchar")
        for part in (
            "subpremise",
            "street_number",
            "route",
            "sublocality",
            "locality",
            "admin_area_level_1",
            "admin_area_level_2",
            "country",
            "postal_code",
            "formatted_address",
        )
    ),
}


def code_of(seed: int, entity: str, number: int) -> str:
    """Compute the 40-character code of a custom field; it never changes.

    Args:
        seed: Seed of the world.
        entity: Table of the field.
        number: Number of the field within its table.

    Returns:
        40 hexadecimal digits.
    """
    return sha256(f"{seed}:{entity}:{number}".encode()).hexdigest()[:40]


def option(number: int, label: str, stamp: str) -> Row:
    """Build one option of an enum or set field.

    Args:
        number: Id of the option.
        label: Label of the option.
        stamp: Time of its creation, UTC.

    Returns:
        The option as the v2 fields endpoints return it.
    """
    color = COLORS[number % len(COLORS)] if number % 3 else None
    return {
        "id": number,
        "label": label,
        "color": color,
        "update_time": stamp if number % 2 else None,
        "add_time": stamp,
    }


def subfields(code: str, label: str, field_type: str) -> list[Row] | None:
    """List the subfields of a custom field.

    Args:
        code: Code of the field.
        label: Label of the field.
        field_type: Type of the field.

    Returns:
        The subfields, or None if the type has none.
    """
    parts = SUBFIELDS.get(field_type)
    if parts is None:
        return None
    return [
        {"field_code": f"{code}_{part}", "field_name": name.format(label), "field_type": kind}
        for part, name, kind in parts
    ]


def custom_field(code: str, label: str, field_type: str, options: list[Row] | None) -> Row:
    """Build a custom field as the v2 fields endpoints return it.

    Args:
        code: Code of the field.
        label: Label; it is cut after 200 characters.
        field_type: Type of the field.
        options: Options of an enum or set field.

    Returns:
        The field definition.
    """
    label = label.strip()[:200]
    return {
        "field_name": label,
        "field_code": code,
        "description": None,
        "field_type": field_type,
        "options": options,
        "subfields": subfields(code, label, field_type),
        "is_custom_field": True,
        "is_optional_response_field": False,
        "is_writable": True,
    }


def initial_fields(seed: int, entity: str, stamp: str) -> dict[str, Row]:
    """Build the custom fields of a table at the epoch.

    Args:
        seed: Seed of the world.
        entity: Table of the fields.
        stamp: Time at which the options were created, UTC.

    Returns:
        Field definitions by code.
    """
    fields = {}
    for number, (label, field_type) in enumerate(LABELS):
        code = code_of(seed, entity, number)
        first = 100 * (1 + FIELD_OWNERS.index(entity)) + 10 * (number % 9)
        options = (
            [option(first + place, text, stamp) for place, text in enumerate(CHOICES)]
            if field_type in {"enum", "set"}
            else None
        )
        fields[code] = custom_field(code, label, field_type, options)
    return fields


def pad(number: int) -> str:
    """Format a number with two digits."""
    return f"{number:02d}"


def day_of(rng: Random, year: int = 2026) -> str:
    """Draw an ISO date in a year."""
    return f"{year}-{pad(1 + int(rng.random() * 12))}-{pad(1 + int(rng.random() * 28))}"


def clock_of(rng: Random, first: int = 8) -> str:
    """Draw a time in steps of 15 minutes, in the four hours from `first`."""
    return f"{pad(first + int(rng.random() * 4))}:{pad(15 * int(rng.random() * 4))}:00"


def money(rng: Random) -> float:
    """Draw an amount with two decimals; amounts below 20,000 are whole numbers."""
    amount = round(rng.random() * 50_000, 2)
    return float(int(amount)) if amount < 20_000 else amount


def address(rng: Random) -> Row:
    """Draw a postal address in parts, some of them null or empty."""
    locality, area, country, code = CITIES[int(rng.random() * len(CITIES))]
    route = STREETS[int(rng.random() * len(STREETS))]
    number = str(1 + int(rng.random() * 90))
    return {
        "value": f"{route} {number}, {code} {locality}, {country}",
        "country": country,
        "admin_area_level_1": area,
        "admin_area_level_2": "",
        "locality": locality,
        "sublocality": None,
        "route": route,
        "street_number": number,
        "subpremise": None,
        "postal_code": code,
        "formatted_address": f"{route} {number}, {code} {locality}, {country}",
    }


def _choice(rng: Random, field: Row) -> int | None:
    options = field["options"]
    return options[int(rng.random() * len(options))]["id"] if options else None


def _choices(rng: Random, field: Row) -> list[int]:
    return [each["id"] for each in field["options"] if rng.random() < 0.4]


def _zone(value: Row) -> Row:
    return {**value, "timezone_id": 318, "timezone_name": "Europe/London"}


def _member(rng: Random, keys: Sequence[Key]) -> Key | None:
    return keys[int(rng.random() * len(keys))] if keys else None


TEXTS = ("spring 📣", "", 'said "maybe"', "l'été", "x" * 255, "plain", "  spaces  ", "{}", "null")
MAKERS: dict[str, Callable[[Random, Row, Pools], Any]] = {
    "varchar": lambda rng, _, __: TEXTS[int(rng.random() * len(TEXTS))],
    "varchar_auto": lambda rng, _, __: f"T-{int(rng.random() * 1e6)}",
    "text": lambda rng, _, __: TEXTS[int(rng.random() * len(TEXTS))] * 3,
    "phone": lambda rng, _, __: f"+372 {int(rng.random() * 1e7)}",
    "double": lambda rng, _, __: round(rng.random() * 100, int(rng.random() * 3)),
    "monetary": lambda rng, _, __: {"value": money(rng), "currency": "EUR"},
    "enum": lambda rng, field, _: _choice(rng, field),
    "set": lambda rng, field, _: _choices(rng, field),
    "user": lambda rng, _, pools: _member(rng, pools["users"]),
    "org": lambda rng, _, pools: _member(rng, pools["organizations"]),
    "people": lambda rng, _, pools: _member(rng, pools["persons"]),
    "date": lambda rng, _, __: day_of(rng),
    "daterange": lambda rng, _, __: {"value": day_of(rng), "until": day_of(rng, 2027)},
    "time": lambda rng, _, __: _zone({"value": clock_of(rng)}),
    "timerange": lambda rng, _, __: _zone({"value": clock_of(rng), "until": clock_of(rng, 13)}),
    "address": lambda rng, _, __: address(rng),
}


def value_of(rng: Random, field: Row, pools: Pools) -> Any:
    """Draw a value for a custom field in the format of its type.

    Args:
        rng: Random numbers.
        field: The field definition.
        pools: Ids that user, organization and person fields can refer to.

    Returns:
        The value.
    """
    return MAKERS[field["field_type"]](rng, field, pools)


def some_values(rng: Random, fields: Mapping[str, Row], pools: Pools, share: float) -> Row:
    """Draw values for some custom fields.

    Args:
        rng: Random numbers.
        fields: Field definitions by code.
        pools: Ids that user, organization and person fields can refer to.
        share: Probability that a field has a value.

    Returns:
        Values by code; unset fields are absent.
    """
    values = {}
    for code, field in fields.items():
        if rng.random() < share:
            values[code] = value_of(rng, field, pools)
    return values
