"""Rows as the lines that dlt's own normalizer would write, for rows that teach its schema nothing.

dlt takes most of a load's time to find out, for each value of each row, whether its column is known
and its type right. Rows are shaped to the types of their columns before they get here, so that
one look at the schema tells it for all of them. Whatever is not plain is left to dlt: a column or a
list that its schema does not have yet, a value of another type, a list within a list.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from dlt.common.normalizers.json.helpers import get_nested_row_hash, normalize_identifier
from dlt.common.normalizers.utils import generate_dlt_id
from dlt.common.schema import Schema

from pipedrive_assets.rows.coercion import Coercer, coerce_date, coerce_timestamp

Row = Mapping[str, Any]

Trusted = Mapping[str, Iterable[str]]
"""By list ("" is the table itself): columns whose text is of their type already."""

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
    """dlt has to look at this row."""


class JsonlTable:
    """What one table takes: for each key the type of its values."""

    def __init__(self, schema: Schema, name: str, trusted: Trusted, part: str = "") -> None:
        """`part` is the list whose table it is ("": the table itself)."""
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
        """Whether it has all of these columns."""
        return self._types.keys() >= set(columns)

    def flat(self, row: Row, lists: dict[str, list[Any]] | None, prefix: str = "") -> Row:
        """The row's values by column; its lists go to `lists` (None: it may have none)."""
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
        """A row of a list: an object, or a lone value."""
        return self.flat(value if type(value) is dict else {"value": value}, None)

    def nested(self, name: str) -> "JsonlTable":
        """The table of a list."""
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
    """Whether text from a column that nobody shaped is of its type all the same."""
    return kind in _CHECKS and bool(_CHECKS[kind](value) == value)


class JsonlEncoder:
    """Lines of a table and of those nested in it."""

    def __init__(self, schema: Schema, name: str, trusted: Trusted, load_id: str) -> None:
        self._root, self._load_id = JsonlTable(schema, name, trusted), load_id
        self.written: dict[str, list[bytes]] = defaultdict(list)

    def add(self, rows: Iterable[Row]) -> bool:
        """Write rows and their lists; False, with nothing written, where one is not plain."""
        try:
            lines = [line for row in rows for line in self._lines(row)]
        except (NeedsNormalizer, TypeError):  # the latter for text that is no UTF-8
            return False
        for name, line in lines:
            self.written[name].append(line)
        return True

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
