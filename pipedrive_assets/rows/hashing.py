"""Replaces the values of the columns in PIPEDRIVE_HASH_COLUMNS by keyed hashes.

Equal values have equal hashes, so that joins and counts work. A value is stripped first, and an
e-mail address is converted to lower case. Null and empty text stay as they are.
"""

import hmac
from collections.abc import Collection, Mapping
from typing import Any

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.rows.custom_fields.layouts import COERCION_FAILED_SUFFIX
from pipedrive_assets.rows.exclusion import NESTED

_CHECKED = "pipedrive_assets checks its hash key with this text"


def hashed(key: bytes, value: str) -> str:
    """Return the HMAC-SHA256 of a value as 64 hexadecimal digits; empty text stays empty.

    Args:
        key: The secret key.
        value: The value.
    """
    text = value.strip()
    if not text:
        return text
    text = text.lower() if "@" in text else text
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def key_check(key: bytes) -> str:
    """Return a value by which another key is recognized, and from which no key can be computed."""
    return hmac.new(key, _CHECKED.encode(), "sha256").hexdigest()


def hash_columns(entity: Entity, row: dict[str, Any]) -> None:
    """Hash the columns of a normalized row in place, before its fingerprint is computed.

    Args:
        entity: The table, with its hashed columns and the key.
        row: The row.
    """
    for name in entity.hashed:
        _hash(entity, row, name, columns_of(entity.name).lists.get(name, {}))


def _hash(entity: Entity, row: dict[str, Any], name: str, items: Mapping[str, Column]) -> None:
    for key in (name, name + COERCION_FAILED_SUFFIX):
        value = row.get(key)
        if isinstance(value, list):
            row[key] = [_item(entity.hash_key, item, items) for item in value]
        elif isinstance(value, str):
            row[key] = hashed(entity.hash_key, value)
    outer, nested, leaf = name.partition(NESTED)
    if nested and isinstance(row.get(outer), dict):
        row[outer] = inner = dict(row[outer])
        _hash(entity, inner, leaf, {})


def _item(key: bytes, item: Any, columns: Mapping[str, Column]) -> Any:
    """Hash the text of an item, except columns that the column file does not tag as personal."""
    if isinstance(item, str):
        return hashed(key, item)
    if not isinstance(item, dict):
        return item
    public = {name for name, column in columns.items() if not column.personal}
    return {
        name: hashed(key, value) if isinstance(value, str) and name not in public else value
        for name, value in item.items()
    }


def hashed_places(entity: Entity, names: Collection[str]) -> list[tuple[str, str]]:
    """Return the table and column of each place in the warehouse that has values of columns.

    Args:
        entity: The table.
        names: Some of its hashed columns.
    """
    lists = columns_of(entity.name).lists
    places = []
    for name in sorted(names):
        if name in lists:
            personal = [item for item, column in lists[name].items() if column.personal]
            places += [(f"{entity.name}__{name}", item) for item in personal]
        else:
            places += [(entity.name, each) for each in (name, name + COERCION_FAILED_SUFFIX)]
    return places


def check_hashed(entity: Entity, custom: Mapping[str, Column] | None = None) -> None:
    """Check that the hashed columns of a table exist and are text.

    Args:
        entity: The table, with its hashed columns.
        custom: The columns of its custom fields; None if they are not known yet, so that any name
            can be a custom field.

    Raises:
        ConfigurationError: The table has no such column, or it is not text.
    """
    known = columns_of(entity.name)
    for name in sorted(entity.hashed):
        if any(column.personal for column in known.lists.get(name, {}).values()):
            continue
        column = known.columns.get(name) or (custom or {}).get(name)
        if column is None and custom is None and entity.fields and name not in known.lists:
            continue
        if column is None or column.type != "text":
            kind = "there is no such column" if column is None else f"it is {column.type}"
            raise ConfigurationError(
                f"PIPEDRIVE_HASH_COLUMNS: {entity.name}.{name} cannot be hashed: {kind}. Only text "
                "and lists of personal data can be. Nothing was written. Correct the name (see "
                "docs/entities.md), or use PIPEDRIVE_EXCLUDE_COLUMNS."
            )
