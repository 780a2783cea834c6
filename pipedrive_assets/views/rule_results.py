"""What the hygiene rules found, with some of the records."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipedrive_assets.views.computed import ComputedTables
from pipedrive_assets.views.derived import Derivation, nothing, read
from pipedrive_assets.views.sql import DerivedTable
from pipedrive_assets.views.sql.hygiene_rules import RULES
from pipedrive_assets.warehouse.warehouse import Warehouse

SAMPLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What a rule found.

    Attributes:
        rule: The name of the rule.
        meaning: What a finding is.
        checked: The number of records that the rule applies to.
        found: The number of records with a finding.
        not_checked: Why the rule was not checked; empty if it was.
        sample: Id and address of some of these records; the address may be empty.
    """

    rule: str
    meaning: str
    checked: int = 0
    found: int = 0
    not_checked: str = ""
    sample: Sequence[tuple[str, str]] = ()

    @property
    def share(self) -> float:
        """The share of records with a finding."""
        return self.found / self.checked if self.checked else 0.0


def rule_results(warehouse: Warehouse) -> list[RuleResult]:
    """Return what each rule found; none is checked if nothing was loaded yet.

    Args:
        warehouse: The warehouse; it may not exist yet.
    """
    return derive_with_rules(warehouse, ())[1]


def derive_with_rules(
    warehouse: Warehouse,
    tables: Sequence[DerivedTable],
    *,
    most_rows: int | None = None,
    known: str = "",
) -> tuple[list[Derivation], list[RuleResult]]:
    """Read derived tables, and what each rule found; each table is computed once for both.

    Args:
        warehouse: The warehouse; it may not exist yet.
        tables: The derived tables to read.
        most_rows: How many rows to read of each; None: all.
        known: The digest of the content that the caller knows; see `derive`.

    Returns:
        The content of each of `tables`, and a result per rule; no results if the content is known.
    """
    if not warehouse.exists():
        return [nothing(each) for each in tables], _not_checked()
    with warehouse.sql() as sql:
        computed = ComputedTables(sql)
        rules = [] if computed.digest == known else _results(computed)
        return read(computed, tables, most_rows, known), rules


def _results(computed: ComputedTables) -> list[RuleResult]:
    if {"hygiene", "hygiene_rules"} & computed.missing.keys():
        return _not_checked()
    rows = computed.sql.execute_sql(
        "SELECT rule, meaning, checked, found, not_checked "
        f"FROM {computed['hygiene_rules']} ORDER BY rule"
    )
    samples = _samples(computed)
    return [
        RuleResult(
            rule=rule,
            meaning=meaning,
            checked=int(checked or 0),
            found=int(found or 0),
            not_checked=reason or "",
            sample=samples.get(rule, ()),
        )
        for rule, meaning, checked, found, reason in rows or ()
    ]


def _not_checked() -> list[RuleResult]:
    reason = "Nothing has been loaded yet."
    return [RuleResult(rule=each.name, meaning=each.meaning, not_checked=reason) for each in RULES]


def _samples(computed: ComputedTables) -> dict[str, list[tuple[str, str]]]:
    rows = computed.sql.execute_sql(
        "SELECT n.rule, n.record_id, n.pipedrive_url FROM (SELECT h.rule, h.record_id, "
        "h.pipedrive_url, row_number() OVER (PARTITION BY h.rule ORDER BY h.record_id) AS place "
        f"FROM {computed['hygiene']} h) n WHERE n.place <= {SAMPLE} ORDER BY n.rule, n.place"
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for rule, key, url in rows or ():
        found.setdefault(rule, []).append((key, url or ""))
    return found
