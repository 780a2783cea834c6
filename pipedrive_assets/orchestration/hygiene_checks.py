"""The asset checks of the derived table `hygiene`, one per rule. Dirty data is a warning."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg

from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.views import RuleResult
from pipedrive_assets.views.sql.hygiene_rules import RULES

ASSET = "hygiene"
RULES_KEY = "rules"
"""The metadata key of the results of all rules, from which a later run repeats the checks."""


def hygiene_check_specs(names: Names = OWN_NAMES) -> list[dg.AssetCheckSpec]:
    """Return the specs of the checks; none blocks downstream assets."""
    return [
        dg.AssetCheckSpec(name=rule.name, asset=names.key(ASSET), description=rule.meaning)
        for rule in RULES
    ]


def hygiene_check_results(
    results: Collection[RuleResult], asked: Collection[str], names: Names = OWN_NAMES
) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of the selected checks.

    Args:
        results: What the rules found.
        asked: The names of the selected checks.
        names: The names of the assets.
    """
    for each in results:
        if each.rule in asked:
            yield dg.AssetCheckResult(
                asset_key=names.key(ASSET),
                check_name=each.rule,
                passed=not each.found,
                severity=dg.AssetCheckSeverity.WARN,
                description=_sentence(each),
                metadata=_facts(each),
            )


def rules_metadata(results: Collection[RuleResult]) -> dict[str, dg.MetadataValue]:
    """Return the results of all rules as metadata; nothing if there are none."""
    rules = [{**asdict(each), "sample": [list(row) for row in each.sample]} for each in results]
    return {RULES_KEY: dg.MetadataValue.json(rules)} if rules else {}


def reported_rules(metadata: Mapping[str, Any]) -> list[RuleResult]:
    """Return the results of all rules that a materialization reported."""
    value = getattr(metadata.get(RULES_KEY), "value", None)
    return [RuleResult(**each) for each in value] if isinstance(value, list) else []


def _sentence(result: RuleResult) -> str:
    if result.not_checked:
        return f"Not checked. {result.not_checked}"
    return f"{result.found} of {result.checked} records. {result.meaning}"


def _facts(result: RuleResult) -> dict[str, dg.MetadataValue]:
    if result.not_checked:
        return {"not_checked": dg.MetadataValue.text(result.not_checked)}
    links = "\n".join(f"- [{key}]({url})" if url else f"- {key}" for key, url in result.sample)
    return {
        "checked": dg.MetadataValue.int(result.checked),
        "found": dg.MetadataValue.int(result.found),
        "share": dg.MetadataValue.float(result.share),
        **({"records": dg.MetadataValue.md(links)} if links else {}),
    }
