"""A lead: custom fields that lie flat in the row, gathered in one column."""

import re
from collections.abc import Mapping
from typing import Any

CUSTOM_KEY = re.compile(r"[0-9a-f]{40}(_\w+)?", re.ASCII)
"""A custom field's key, or that of one of its parts (official docs, custom fields in API v1)."""


def lead_row(row: Mapping[str, Any], _parent_id: int | None) -> dict[str, Any]:
    """Make the row; `custom_fields` is null where no custom field is set."""
    custom = {name: value for name, value in row.items() if CUSTOM_KEY.fullmatch(name)}
    own = {name: value for name, value in row.items() if name not in custom}
    return {**own, "custom_fields": custom or None}
