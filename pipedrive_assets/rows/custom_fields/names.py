"""Unique column names for custom fields.

A name is the normalized label. If it is taken, as many digits of the field's hash are appended as
needed. Fields are named in a fixed order (by length of the name, then by hash), so the names do not
depend on the order in which Pipedrive lists the fields.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha1
from itertools import count
from typing import Final

from pipedrive_assets.rows.custom_fields.definitions import FieldDefinition
from pipedrive_assets.rows.custom_fields.layouts import layout_of

Normalize = Callable[[str], str]
"""Normalizes an identifier like dlt, without a length limit, so that names do not depend on the
destination.
"""

NAME_LENGTH: Final = 40
"""Maximum length of a name. PostgreSQL allows 63 characters; 23 are left for suffixes, and for
`organizations__` and `_labels` in names of child tables.
"""

HASH_DIGITS = (6, 8, 12, 16, 24)
"""Numbers of hash digits to append, tried in this order."""

RESERVED = frozenset(
    {"custom_fields", "_row_hash", "_deleted_at", "_deleted_reason", "rowid"}
    | {"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"}
)
"""Columns that exist in every table: of this project, DuckDB and PostgreSQL."""

NAMELESS = "field"
"""Prefix of the hash if the normalized label is empty, for example for an emoji."""

_DLT_PREFIX = "_dlt"
_underscores = re.compile("__+")
_has_letters = re.compile("[a-zA-Z0-9]").search
_is_hash = re.compile("[0-9a-f]{40}").fullmatch


def give_names(
    fields: Iterable[FieldDefinition], taken: Iterable[str], normalize: Normalize
) -> dict[str, str]:
    """Assign a column name to each field, so that no two columns have the same name.

    Args:
        fields: The fields without a name.
        taken: Names of existing columns.
        normalize: Turns a label into a column name.

    Returns:
        The column name of each field, by code.
    """
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
    """Yield the names used by built-in columns; for `address__country` also `address`."""
    for name in built_in:
        yield name
        yield name.partition("__")[0]


def _order(item: tuple[str, tuple[str, str]]) -> tuple[int, str, str]:
    code, (stem, _) = item
    return len(stem), stem, code


def _stem(label: str, normalize: Normalize) -> str:
    """Return the normalized label; empty if it has no letters or digits."""
    if not _has_letters(label):
        return ""
    try:
        name = normalize(label)
    except ValueError:  # the label cannot be normalized
        return ""
    name = _underscores.sub("_", name)
    # dlt treats columns with its prefix as internal and omits them from lists of columns.
    name = f"x{name}" if name.startswith(_DLT_PREFIX) else name
    return name[:NAME_LENGTH].rstrip("_")


def _candidates(stem: str, code: str) -> Iterator[str]:
    """Yield possible names of a field in order of preference, without end."""
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
    """Return the name in lower case, because DuckDB ignores the case of names."""
    return name.lower()
