"""An account with very wide deals, for the line `wide` of the benchmark."""

from random import Random

from pipedrive_assets.sandbox import World
from pipedrive_assets.sandbox.company.custom_fields import LABELS, option, value_of

FIELDS = 300
OPTIONS = 5_000
LONG_TEXT = 60_000
"""Characters of a long value."""

LONG_EVERY = 50
"""One deal in so many has a long value."""


def widen(world: World) -> None:
    """Give all deals 300 custom fields: one with 5,000 options, one with values of 60 kB.

    Args:
        world: The account; the change times of its deals stay.
    """
    fields = world.fields["deals"]
    kinds = [kind for _, kind in LABELS if kind not in {"enum", "set"}]
    for number in range(FIELDS - len(fields) - 2):
        world.add_field("deals", f"Wide {number}", kinds[number % len(kinds)])
    choice = world.add_field("deals", "Wide choice", "set")
    long_text = world.add_field("deals", "Wide text", "text")
    fields[choice]["options"] = [
        option(100_000 + number, f"Option {number}", world.stamp) for number in range(OPTIONS)
    ]
    options = [each["id"] for each in fields[choice]["options"]]
    rng, pools = Random(3), world.pools()
    for place, row in enumerate(world.tables["deals"].rows.values()):
        values = {
            code: value_of(rng, field, pools)
            for code, field in fields.items()
            if code not in {choice, long_text}
        }
        values[choice] = rng.sample(options, 3)
        if place % LONG_EVERY == 0:
            values[long_text] = "words " * (LONG_TEXT // len("words "))
        row["custom_fields"] = values
