"""A condition of PIPEDRIVE_ROW_FILTER."""

from dataclasses import dataclass
from typing import Literal

Operator = Literal["=", "!=", "<", ">", "in", "not in", "is null", "is not null"]
Value = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition for the rows of a table.

    Attributes:
        column: The column.
        operator: How the column is compared. As in SQL, a null fulfils `is null` only.
        values: The literals; none for `is null` and `is not null`.
    """

    column: str
    operator: Operator
    values: tuple[Value, ...] = ()

    def __str__(self) -> str:
        """Return the condition as it is written in the setting, for example `value > 5`."""
        shown = ", ".join(map(_literal, self.values))
        if self.operator in {"in", "not in"}:
            shown = f"({shown})"
        return f"{self.column} {self.operator} {shown}".rstrip()


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
