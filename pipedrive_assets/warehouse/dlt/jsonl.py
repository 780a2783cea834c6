"""Encodes rows as the JSON lines that dlt's normalizer would write.

dlt's normalizer checks the column and the type of each value, which takes most of the time of a
load. Rows are already normalized to the types of their columns here, so one look at the schema is
enough. Other rows take the slow way (`infer.py`): rows with a column or a list that the schema does
not have yet, with a value of another type, or with a list within a list.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from dlt.common.normalizers.json.helpers import get_nested_row_hash, normalize_identifier
from dlt.common.normalizers.utils import generate_dlt_id
from dlt.common.schema import Schema

from pipedrive_assets.rows.coercion import Coercer, coerce_date, coerce_timestamp
from pipedrive_assets.warehouse.dlt.infer import normalized

Row = Mapping[str, Any]

Trusted = Mapping[str, Iterable[str]]
"""By list ("" is the table itself): the columns whose texts have the type of the column."""

_OPTIONS = (
    orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_APPEND_NEWLINE
)
_JSON, _BRANCH, _MOMENT, _DAY = (type(name, (), {}) for name in ("Json", "Branch", "Moment", "Day"))
_PLAIN: dict[str, type] = {
    "text": str,
    "timestamp": str,
    "date": str,
    "bigint": int,
    "double": float,
    "bool": bool,
    "json": _JSON,
}
_UNTRUSTED = {"timestamp": _MOMENT, "date": _DAY}
_CHECKS: dict[type, Coercer] = {_MOMENT: coerce_timestamp, _DAY: coerce_date}
_ALSO = {(float, int), (_JSON, dict), (_JSON, list)}


class NeedsNormalizer(Exception):
    """A row that has what the schema lacks."""


class JsonlTable:
    """The columns of one table and the types of their values."""

    def __init__(self, schema: Schema, name: str, trusted: Trusted, part: str = "") -> None:
        """Read the columns from the schema.

        Args:
            schema: dlt's schema.
            name: The name of the table.
            trusted: The columns whose texts have the type of the column.
            part: The list that the table stores; "": the table is not a list table.

        Raises:
            NeedsNormalizer: The schema does not have the table.
        """
        found = schema.tables.get(name)
        if found is None:
            raise NeedsNormalizer(name)
        self.name, self._schema = name, schema
        self._types = {
            column: str(hints["data_type"])
            for column, hints in found["columns"].items()
            if "data_type" in hints
        }
        self._trust, self._trusted = trusted, set(trusted.get(part, ()))
        self._kinds: dict[str, type] = {}
        self._nested: dict[str, JsonlTable] = {}

    def has(self, *columns: str) -> bool:
        """Whether the table has all of these columns."""
        return self._types.keys() >= set(columns)

    def flat(self, row: Row, lists: dict[str, list[Any]] | None, prefix: str = "") -> Row:
        """Flatten a row to values by column.

        Args:
            row: The row or an object within it.
            lists: Receives the row's lists by name; None: lists are not allowed.
            prefix: The prefix of the column names, for an object within a row.

        Returns:
            The values by column, without null values.

        Raises:
            NeedsNormalizer: A value does not fit its column, or has none.
        """
        kinds, out = self._kinds, {}
        for key, value in row.items():
            if value is None:
                continue
            name = prefix + key
            kind, found = kinds.get(name) or self._kind(key, name), type(value)
            if found is kind or (kind, found) in _ALSO or _is_checked(kind, value):
                out[name] = value
            elif kind is _BRANCH and lists is not None and not prefix:
                self._branch(name, value, lists, out)
            else:
                raise NeedsNormalizer(name)
        return out

    def item(self, value: Any) -> Row:
        """Return an item of a list, an object or a single value, as a row of the list's table."""
        return self.flat(value if type(value) is dict else {"value": value}, None)

    def nested(self, name: str) -> "JsonlTable":
        """Return the table of a list.

        Args:
            name: The list.

        Returns:
            The table; it is created once.

        Raises:
            NeedsNormalizer: The schema does not have the table with all of dlt's columns.
        """
        if name not in self._nested:
            table = JsonlTable(self._schema, f"{self.name}__{name}", self._trust, name)
            if not table.has("_dlt_id", "_dlt_parent_id", "_dlt_list_idx", "_dlt_root_id"):
                raise NeedsNormalizer(name)
            self._nested[name] = table
        return self._nested[name]

    def _branch(self, name: str, value: Any, lists: dict[str, list[Any]], out: Row) -> None:
        if type(value) is list:
            lists[name] = value
        elif type(value) is dict:
            out.update(self.flat(value, None, f"{name}__"))  # type: ignore[attr-defined]
        else:
            raise NeedsNormalizer(name)

    def _kind(self, key: str, name: str) -> type:
        if normalize_identifier(self._schema, self._schema.naming, key) != key:
            raise NeedsNormalizer(name)
        column_type = self._types.get(name)
        if column_type is None:
            kind = _BRANCH
        elif column_type not in _PLAIN:
            raise NeedsNormalizer(name)
        elif column_type in _UNTRUSTED and name not in self._trusted:
            kind = _UNTRUSTED[column_type]
        else:
            kind = _PLAIN[column_type]
        self._kinds[name] = kind
        return kind


def _is_checked(kind: type, value: Any) -> bool:
    """Whether a text has the type of its column although the column is not normalized."""
    return kind in _CHECKS and bool(_CHECKS[kind](value) == value)


class JsonlEncoder:
    """Encodes the rows of a table and of its list tables.

    Attributes:
        written: The encoded rows by table.
    """

    def __init__(self, schema: Schema, name: str, trusted: Trusted, load_id: str) -> None:
        """Begin without rows.

        Args:
            schema: dlt's schema of the table; receives columns and tables that it lacks.
            name: The table.
            trusted: The columns whose texts have the type of the column.
            load_id: dlt's id of the load.
        """
        self._schema, self._name, self._trusted, self._load_id = schema, name, trusted, load_id
        self._root = JsonlTable(schema, name, trusted)
        self.written: dict[str, list[bytes]] = defaultdict(list)

    def add(self, rows: Iterable[Row]) -> None:
        """Encode rows and their lists.

        Args:
            rows: Normalized rows.
        """
        for row in rows:
            try:
                lines = list(self._lines(row))
            except (NeedsNormalizer, TypeError):  # orjson raises TypeError for long integers
                parts = normalized(self._schema, self._name, dict(row), self._load_id)
                lines = [(name, _any_line(part)) for name, part in parts]
                self._root = JsonlTable(self._schema, self._name, self._trusted)
            for name, line in lines:
                self.written[name].append(line)

    def _lines(self, row: Row) -> Iterable[tuple[str, bytes]]:
        lists: dict[str, list[Any]] = {}
        root_id = generate_dlt_id()
        own = {"_dlt_id": root_id, "_dlt_load_id": self._load_id}
        yield self._root.name, orjson.dumps({**self._root.flat(row, lists), **own}, option=_OPTIONS)
        for name, items in lists.items():
            if not items:
                continue
            table = self._root.nested(name)
            for index, item in enumerate(items):
                place = {
                    "_dlt_id": get_nested_row_hash(root_id, table.name, index),
                    "_dlt_parent_id": root_id,
                    "_dlt_root_id": root_id,
                    "_dlt_list_idx": index,
                }
                line = orjson.dumps({**table.item(item), **place}, option=_OPTIONS)
                yield table.name, line


def _any_line(row: Row) -> bytes:
    """Encode a row with values of any type; json accepts integers of any length."""
    return json.dumps(row, default=str).encode() + b"\n"
