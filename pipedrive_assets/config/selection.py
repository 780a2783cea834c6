"""Which tables a project loads, without which columns, how their schemas may change, and of which
the history is kept: PIPEDRIVE_TABLES, PIPEDRIVE_EXCLUDE_COLUMNS, PIPEDRIVE_SCHEMA_POLICY and
PIPEDRIVE_HISTORY.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import get_args

from pipedrive_assets.config.values import Unusable
from pipedrive_assets.registry import (
    BY_NAME,
    DEFAULT_ENTITIES,
    ENTITIES,
    Entity,
    SchemaPolicy,
    children_of,
)

OWN_TABLES = ("custom_fields_mapping", "fields")
"""Tables that loading itself reads."""
DEFAULT = "default"
EVOLVE: SchemaPolicy = "evolve"


def select(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of the selected tables in the registry's order.

    Args:
        given: Names, in text separated by commas. `default` means all tables that are not optional,
            `+name` adds one, `-name` removes one. If the first has a sign, `default` comes first.

    Raises:
        Unusable: A name is unknown, a parent table is missing, or no table is left.
    """
    text = given if isinstance(given, str) else ",".join(given)
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
        raise Unusable(f"{text!r} selects no table. Use {DEFAULT}, or name the tables to load.")
    return tuple(entity.name for entity in ENTITIES if entity.name in names)


def _known(text: str, name: str) -> str:
    if name in BY_NAME:
        return name
    raise Unusable(
        f"{text!r}: {not_a_table(name)} Use {DEFAULT}, and +name or -name of: {', '.join(BY_NAME)}."
    )


def _check_parents(text: str, names: set[str]) -> None:
    for parent in {BY_NAME[name].parent for name in names} - {None, *names}:
        children = sorted(name for name in names if BY_NAME[name].parent == parent)
        verb, them = ("is", "it") if len(children) == 1 else ("are", "them")
        raise Unusable(
            f"{text!r} leaves out {parent}, but {', '.join(children)} {verb} read per row of it. "
            f"Add +{parent}, or leave {them} out as well: "
            f"{','.join(f'-{name}' for name in children)}."
        )


def excluded_columns(
    given: str | Iterable[str] | Mapping[str, Iterable[str]],
) -> dict[str, frozenset[str]]:
    """Return the excluded columns by table; see `_columns`."""
    return _columns(given, "excluded")


def hashed_columns(
    given: str | Iterable[str] | Mapping[str, Iterable[str]],
) -> dict[str, frozenset[str]]:
    """Return the hashed columns by table; see `_columns`."""
    return _columns(given, "hashed")


def _columns(
    given: str | Iterable[str] | Mapping[str, Iterable[str]], verb: str
) -> dict[str, frozenset[str]]:
    """Return columns by table.

    Args:
        given: `table.column` names (in text separated by commas), or columns by table. Whether a
            table has such a column is checked where its columns are known.
        verb: What the setting does with the columns.

    Raises:
        Unusable: A name is not a table and column, or loading needs the column.
    """
    if isinstance(given, Mapping):
        given = [f"{name}.{column}" for name, columns in given.items() for column in columns]
    words = given.split(",") if isinstance(given, str) else given
    found: dict[str, set[str]] = {}
    for word in filter(None, (word.strip() for word in words)):
        name, _, column = word.partition(".")
        if not column:
            raise Unusable(f"{word!r} is not a table.column pair. Use names like persons.phones.")
        if name not in BY_NAME:
            raise Unusable(f"{word!r}: {not_a_table(name)} Use names like persons.phones.")
        if name in OWN_TABLES or column in _needed(BY_NAME[name]):
            raise Unusable(
                f"{word!r} cannot be {verb} because loading needs it. Remove it from the list. "
                "To leave out a whole table, use PIPEDRIVE_TABLES."
            )
        found.setdefault(name, set()).add(column)
    return {name: frozenset(columns) for name, columns in found.items()}


def schema_policies(given: str | Mapping[str, str]) -> dict[str, SchemaPolicy]:
    """Return the schema policy by table.

    Args:
        given: `table:policy` pairs, in text separated by commas; a policy without a table applies
            to all other tables.

    Raises:
        Unusable: A table or a policy does not exist.
    """
    pairs = given.items() if isinstance(given, Mapping) else _pairs(given)
    found: dict[str, SchemaPolicy] = {}
    default: SchemaPolicy = EVOLVE
    for name, word in pairs:
        policy = next((each for each in get_args(SchemaPolicy) if each == word.strip()), None)
        is_known = name.strip() in {"", *BY_NAME}
        if policy is None or not is_known:
            pair = f"{name}:{word}" if name else word
            wrong = " is not a schema policy." if is_known else f": {not_a_table(name.strip())}"
            raise Unusable(
                f"{pair!r}{wrong} Use evolve, alert or freeze, for example "
                "deals:freeze,persons:alert."
            )
        if name.strip():
            found[name.strip()] = policy
        else:
            default = policy
    return {name: found.get(name, default) for name in BY_NAME}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, policy = word.rpartition(":")
        yield name, policy


def history_tables(given: str | Iterable[str]) -> frozenset[str]:
    """Return the names of the tables whose versions are kept.

    Args:
        given: Names, in text separated by commas.

    Raises:
        Unusable: A name is unknown.
    """
    words = given.split(",") if isinstance(given, str) else given
    names = frozenset(filter(None, (word.strip() for word in words)))
    for name in sorted(names - BY_NAME.keys()):
        raise Unusable(
            f"{not_a_table(name)} Use names of tables such as deals,persons; docs/entities.md "
            "lists them."
        )
    return names


def not_a_table(name: str) -> str:
    """Return the sentence about a name that is not a table, with the table most like it."""
    near = get_close_matches(name, BY_NAME, n=1)
    return f"{name!r} is not a table.{f' Did you mean {near[0]}?' if near else ''}"


def _needed(entity: Entity) -> set[str]:
    """Return the columns that identify rows, order their changes, or count their children."""
    counters = {child.count_column for child in children_of(entity.name)}
    ours = {"_row_hash", "_deleted_at", "_deleted_reason"}
    return {*entity.key, *ours, *(name for name in (entity.cursor, *counters) if name)}
