"""Views: readable names, live rows, derived tables, and the sales overview.

A load that changes something creates them again; they store no rows. Writing rows belongs in
`load`.
"""

from pipedrive_assets.views.derived import Derivation, derive
from pipedrive_assets.views.overview import Overview, overview
from pipedrive_assets.views.rule_results import RuleResult, derive_with_rules, rule_results

__all__ = [
    "Derivation",
    "Overview",
    "RuleResult",
    "derive",
    "derive_with_rules",
    "overview",
    "rule_results",
]
