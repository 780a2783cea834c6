"""Names of custom fields' columns: given once, never shared.

A name is the label as dlt would write it. Where that is taken, digits of the field's hash follow,
as many as it needs. Fields are named in an order of their own, shorter names first and then by
hash, so that the order in which Pipedrive lists them makes no difference.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha1
from itertools import count
from typing import Final

from pipedrive_assets.rows.custom_fields.definitions import FieldDefinition
from pipedrive_assets.rows.custom_fields.layouts import layout_of

Normalize = Callable[[str], str]
"""dlt's naming of one identifier, without a limit of length: names must not depend on where the
rows go.
"""

NAME_LENGTH: Final = 40
"""PostgreSQL takes 63 characters: 23 are left for suffixes, and in names of child tables for
`organizations__` before and `_labels` after.
"""

HASH_DIGITS = (6, 8, 12, 16, 24)
"""How much of the hash a name takes, at first and when that is taken too."""

RESERVED = frozenset(
    {"custom_fields", "_row_hash", "_deleted_at", "_deleted_reason", "rowid"}
    | {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"}
)
"""Columns that every table has: ours, DuckDB's, PostgreSQL's."""

NAMELESS = "field"
"""Goes before the hash when nothing of a label is left, as of an emoji."""

_DLT_PREFIX = "_dlt"
_underscores = re.compile("__+")
_has_letters = re.compile("[a-zA-Z0-9]").search
_is_hash = re.compile("[0-9a-f]{40}").fullmatch


def give_names(
    fields: Iterable[FieldDefinition], taken: Iterable[str], normalize: Normalize
) -> dict[str, str]:
    """Name fields, by code; none of their columns is one that is taken or another's."""
    occupied = {_folded(name) for name in taken} | RESERVED
    stems = {field.code: (_stem(field.name, normalize), field.type) for field in fields}
    names = {}
    for code, (stem, field_type) in sorted(stems.items(), key=_order):
        layout = layout_of(field_type)
        names[code] = next(
            name
            for name in _candidates(stem, code)
            if occupied.isdisjoint(map(_folded, layout.names(name)))
        )
        occupied.update(map(_folded, layout.names(names[code])))
    return names


def reserved_by(built_in: Iterable[str]) -> Iterator[str]:
    """The names that built-in columns take: of `address__country` the object's too."""
    for name in built_in:
        yield name
        yield name.partition("__")[0]


def _order(item: tuple[str, tuple[str, str]]) -> tuple[int, str, str]:
    code, (stem, _) = item
    return len(stem), stem, code


def _stem(label: str, normalize: Normalize) -> str:
    """The label as a name; empty where nothing of it is left."""
    if not _has_letters(label):
        return ""
    try:
        name = normalize(label)
    except ValueError:  # what the naming cannot take, it cannot name
        return ""
    name = _underscores.sub("_", name)
    # What begins so is dlt's own to dlt, and left out where it lists columns.
    name = f"x{name}" if name.startswith(_DLT_PREFIX) else name
    return name[:NAME_LENGTH].rstrip("_")


def _candidates(stem: str, code: str) -> Iterator[str]:
    """The names a field may have, best first; without end."""
    digits = code if _is_hash(code) else _digest(code)
    if stem:
        yield stem
    for length in HASH_DIGITS:
        yield _suffixed(stem, digits[:length])
    for number in count(2):
        yield _suffixed(stem, f"{digits[: HASH_DIGITS[-1]]}_{number}")


def _suffixed(stem: str, suffix: str) -> str:
    room = NAME_LENGTH - len(suffix) - 1
    return f"{stem[:room].rstrip('_') or NAMELESS}_{suffix}"


def _digest(code: str) -> str:
    return sha1(code.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _folded(name: str) -> str:
    """DuckDB and others take names that differ in case for one."""
    return name.lower()
