"""Which entities a project loads: PIPEDRIVE_TABLES, read in this one place."""

from pipedrive_assets.entities import BY_NAME, DEFAULT_ENTITIES, ENTITIES, Entity
from pipedrive_assets.errors import ConfigurationError

SETTING = "PIPEDRIVE_TABLES"
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
