"""How the values of a table are normalized, by key, from its column file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from pipedrive_assets.rows.coercion import FITS, Coercer
from pipedrive_assets.rows.columns import Column, columns_of
from pipedrive_assets.rows.links import coerce_link, is_link


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to normalize each key of an object; keys without an entry are kept unchanged.

    Attributes:
        leaves: Coercions of plain values, by key.
        objects: Plans of nested objects, by key.
        lists: Plans of the items of lists, by key.
    """

    leaves: dict[str, Coercer] = field(default_factory=dict)
    objects: dict[str, "Plan"] = field(default_factory=dict)
    lists: dict[str, "Plan"] = field(default_factory=dict)

    def add(self, path: str, fit: Coercer) -> None:
        """Add a column; `a__b` is the key `b` of the object `a`."""
        outer, nested, leaf = path.partition("__")
        if nested and outer:
            self.objects.setdefault(outer, Plan()).add(leaf, fit)
        self.leaves[path] = fit


@cache
def plan_of(entity_name: str) -> Plan:
    """Return the plan of a table."""
    known = columns_of(entity_name)
    plan = _plan_of(known.columns)
    plan.lists.update({name: _plan_of(columns) for name, columns in known.lists.items()})
    return plan


def _plan_of(columns: Mapping[str, Column]) -> Plan:
    plan = Plan()
    for name, column in columns.items():
        is_text_link = column.type == "text" and is_link(name)
        plan.add(name, coerce_link if is_text_link else FITS[column.type])
    return plan
