"""Which entities a project loads, and without which columns: PIPEDRIVE_TABLES and
PIPEDRIVE_EXCLUDE_COLUMNS, read in this one place.
"""

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES, ENTITIES, Entity, children_of

SETTING = "PIPEDRIVE_TABLES"
EXCLUDE = "PIPEDRIVE_EXCLUDE_COLUMNS"
OWN_TABLES = ("custom_fields_mapping", "fields")
"""Tables that loading itself reads."""
DEFAULT = "default"


def select(text: str) -> tuple[Entity, ...]:
    """The entities that a comma list names, in the registry's order.

    `default` stands for all that are not optional, `+name` adds, `-name` takes away; a list that
    begins with a sign begins with `default`. Raises ConfigurationError.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    names: set[str] = set()
    if not words or words[0][0] in "+-":
        words.insert(0, DEFAULT)
    for word in words:
        if word == DEFAULT:
            names |= {entity.name for entity in DEFAULT_ENTITIES}
        elif word.startswith("-"):
            names.discard(_known(text, word[1:]))
        else:
            names.add(_known(text, word.removeprefix("+")))
    _check_parents(text, names)
    if not names:
        raise ConfigurationError(
            f"{SETTING}: {text!r} leaves no table. Set it to {DEFAULT}, or name what to load."
        )
    return tuple(entity for entity in ENTITIES if entity.name in names)


def _known(text: str, name: str) -> str:
    if name in BY_NAME:
        return name
    raise ConfigurationError(
        f"{SETTING}: {text!r} names {name!r}, which is no table. "
        f"Give {DEFAULT}, and +name or -name of: {', '.join(BY_NAME)}."
    )


def _check_parents(text: str, names: set[str]) -> None:
    for parent in {BY_NAME[name].parent for name in names} - {None, *names}:
        children = sorted(name for name in names if BY_NAME[name].parent == parent)
        raise ConfigurationError(
            f"{SETTING}: {text!r} leaves out {parent}, for each row of which {', '.join(children)} "
            f"would be read. Add +{parent}, or take away "
            f"{','.join(f'-{name}' for name in children)} as well."
        )


def excluded_columns(text: str) -> dict[str, frozenset[str]]:
    """By table, the columns that a comma list of `table.column` names.

    Raises ConfigurationError for what is no table, and for columns without which a table could
    not be loaded. Whether a table has the column is for its column file to say.
    """
    found: dict[str, set[str]] = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, column = word.partition(".")
        if name not in BY_NAME or not column:
            raise ConfigurationError(
                f"{EXCLUDE}: {word!r} is no table and column. Give such as "
                f"persons.phones; the tables are: {', '.join(BY_NAME)}."
            )
        if name in OWN_TABLES or column in _needed(BY_NAME[name]):
            raise ConfigurationError(
                f"{EXCLUDE}: {word!r} cannot be left out, because loading needs it. Take it off "
                f"the list; a whole table is left out by {SETTING}."
            )
        found.setdefault(name, set()).add(column)
    return {name: frozenset(columns) for name, columns in found.items()}


def _needed(entity: Entity) -> set[str]:
    """What identifies rows, orders their changes, or counts their children."""
    counters = {child.counter for child in children_of(entity.name)}
    ours = {"_row_hash", "_deleted_at", "_deleted_reason"}
    return {*entity.key, *ours, *(name for name in (entity.cursor, *counters) if name)}
