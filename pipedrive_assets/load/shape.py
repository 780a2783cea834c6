"""Turns records of Pipedrive into rows as they are loaded."""

from collections.abc import Sequence
from typing import Any

from pipedrive_assets.load.erase.redact import Redaction
from pipedrive_assets.load.frozen import Frozen
from pipedrive_assets.registry import Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.custom_fields.map_fields import split_custom_fields
from pipedrive_assets.rows.fingerprint import fingerprint
from pipedrive_assets.rows.hashing import hash_columns
from pipedrive_assets.rows.normalize import normalize_rows

Row = dict[str, Any]


def shape_rows(
    entity: Entity,
    rows: Sequence[tuple[int | None, Row]],
    custom: FieldSet | None,
    frozen: Frozen | None,
    redaction: Redaction,
) -> tuple[list[Row | None], int]:
    """Return rows as they are loaded.

    Args:
        entity: The table's entity.
        rows: Rows as Pipedrive returned them, each with the id of its parent.
        custom: The custom fields of the entity; None if it has none.
        frozen: What the table may contain; None: anything.
        redaction: Removes erased persons.

    Returns:
        A row for each row, None for the record of an erased person; and the number of values that
        could not be coerced to the type of their column.
    """
    mapped: list[Row] = []
    custom_failures = 0
    if custom:
        splits = [split_custom_fields(row, custom.plan) for _, row in rows]
        rows = [(parent, own) for (parent, _), (own, _, _) in zip(rows, splits, strict=True)]
        mapped = [fields for _, fields, _ in splits]
        custom_failures = sum(failures for _, _, failures in splits)
    normalized, coercion_failures = normalize_rows(entity, rows, mapped)
    if frozen:
        for row in normalized:
            if frozen.clean(row):
                row["_row_hash"] = fingerprint(row)
    shaped = [redaction.clean(entity, row, custom) for row in normalized]
    if entity.hashed:
        # After the redaction, which recognizes erased persons by their values.
        for kept in filter(None, shaped):
            hash_columns(entity, kept)
            kept["_row_hash"] = fingerprint(kept)
    return shaped, coercion_failures + custom_failures
