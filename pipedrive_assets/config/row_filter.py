"""Parses PIPEDRIVE_ROW_FILTER: conditions such as `deals.pipeline_id in (1, 2)`, separated by `;`.

Whether a table has such a column is checked where its columns are known.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pipedrive_assets.config.values import Unusable
from pipedrive_assets.registry import BY_NAME, ENTITIES, Kind
from pipedrive_assets.registry.row_filter import Condition, Operator, Value

FORM = (
    "Use conditions such as deals.pipeline_id in (1, 2); deals.status != 'lost', with =, !=, <, >, "
    "in, not in, is null or is not null."
)
_TOKEN = re.compile(
    r"\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)(?![\w.])|([A-Za-z_]\w*(?:\.\w+)?)|(!=|[=<>(),]))"
)
_CLAUSE = re.compile(r"(?:'(?:[^']|'')*'|[^;'])+|'")


def row_filters(
    given: str | Iterable[str] | Mapping[str, tuple[Condition, ...]],
) -> dict[str, tuple[Condition, ...]]:
    """Return the conditions by table; a row has to fulfil all conditions of its table.

    Args:
        given: Conditions, in text separated by semicolons, or conditions by table.

    Raises:
        Unusable: A condition has another form, or its table cannot have one.
    """
    if isinstance(given, Mapping):
        return dict(given)
    text = given if isinstance(given, str) else ";".join(given)
    found: dict[str, list[Condition]] = {}
    for clause in filter(None, (each.strip() for each in _CLAUSE.findall(text))):
        name, condition = _condition(clause)
        found.setdefault(name, []).append(condition)
    return {name: tuple(conditions) for name, conditions in found.items()}


def _condition(clause: str) -> tuple[str, Condition]:
    tokens = list(_tokens(clause))
    target, words = tokens[0], [str(each).lower() for each in tokens[1:]]
    name, _, column = str(target).partition(".")
    if not column or isinstance(target, _Text):
        raise _unusable(clause)
    _check_table(clause, name)
    operator = next((each for each in _OPERATORS if words[: len(each)] == each), None)
    if operator is None:
        raise _unusable(clause)
    values = _values(clause, " ".join(operator), tokens[1 + len(operator) :])
    return name, Condition(column=column, operator=_named(operator), values=values)


_OPERATORS = sorted((each.split() for each in get_args(Operator)), key=len, reverse=True)


def _named(words: list[str]) -> Operator:
    return next(each for each in get_args(Operator) if each.split() == words)


def _check_table(clause: str, name: str) -> None:
    names = [entity.name for entity in ENTITIES if entity.kind is Kind.WINDOWED]
    if name not in names:
        why = (
            f"{name} is read as a whole, or for each row of another table"
            if name in BY_NAME
            else f"{name!r} is not a table"
        )
        raise Unusable(f"{clause!r}: {why}. A filter can be for: {', '.join(names)}.")


def _values(clause: str, operator: str, tokens: list[Any]) -> tuple[Value, ...]:
    if operator in {"in", "not in"}:
        if len(tokens) < 3 or tokens[0] != "(" or tokens[-1] != ")":
            raise _unusable(clause)
        inner, commas = tokens[1:-1:2], tokens[2:-1:2]
        if any(each != "," or isinstance(each, _Text) for each in commas):
            raise _unusable(clause)
        if len(tokens) % 2 == 0:
            raise _unusable(clause)
        return tuple(_value(clause, each) for each in inner)
    if len(tokens) != (0 if operator.startswith("is") else 1):
        raise _unusable(clause)
    return tuple(_value(clause, each) for each in tokens)


def _value(clause: str, token: Any) -> Value:
    if isinstance(token, _Text):
        return str(token)
    if isinstance(token, int | float):
        return token
    if token.lower() in {"true", "false"}:
        return bool(token.lower() == "true")
    raise Unusable(
        f"{clause!r}: {token} is not a value. Use a number, true, false, or text in single quotes."
    )


class _Text(str):
    """A text in quotes, which is neither a name nor a sign."""

    __slots__ = ()


def _tokens(clause: str) -> Iterable[Any]:
    """Yield names and signs as str, quoted text as `_Text`, and numbers."""
    place = 0
    while place < len(clause):
        found = _TOKEN.match(clause, place)
        if found is None:
            raise _unusable(clause)
        place = found.end()
        text, number, name, sign = found.groups()
        if text:
            yield _Text(text[1:-1].replace("''", "'"))
        elif number:
            yield float(number) if "." in number else int(number)
        else:
            yield name or sign


def _unusable(clause: str) -> Unusable:
    return Unusable(f"{clause!r} is not a condition. {FORM}")
