"""The checks of the asset `hygiene`: one per rule, and a warning at most."""

import dagster as dg
import pytest

from pipedrive_assets.orchestration.hygiene_checks import (
    hygiene_check_results,
    hygiene_check_specs,
)
from pipedrive_assets.views import RuleResult, rule_results
from pipedrive_assets.views.sql.hygiene_rules import RULES
from pipedrive_assets_tests.orchestration.test_derived import run  # noqa: F401 - a fixture

RULE = RULES[0]


def result_of(**facts):
    found = RuleResult(rule=RULE.name, meaning=RULE.meaning, **facts)
    (result,) = hygiene_check_results([found], [RULE.name])
    return result


def test_there_is_a_check_for_each_rule():
    specs = hygiene_check_specs()

    assert [rule.name for rule in RULES] == [spec.name for spec in specs]
    assert not any(spec.blocking for spec in specs)


def test_findings_are_a_warning_with_count_share_and_links():
    url = "https://acme.pipedrive.com/deal/7"
    result = result_of(checked=8, found=2, sample=[("7", url), ("8", "")])

    assert (False, dg.AssetCheckSeverity.WARN) == (result.passed, result.severity)
    assert (2, 0.25) == (result.metadata["found"].value, result.metadata["share"].value)
    assert f"- [7]({url})\n- 8" == result.metadata["records"].value


def test_a_rule_without_findings_passes():
    result = result_of(checked=8)

    assert result.passed
    assert 0 == result.metadata["found"].value
    assert "records" not in result.metadata


def test_a_rule_that_is_not_checked_passes_with_its_reason():
    result = result_of(not_checked="It needs leads, which is not loaded.")

    assert result.passed
    assert "leads" in result.description
    assert "found" not in result.metadata


def test_only_selected_checks_have_results():
    found = RuleResult(rule=RULE.name, meaning=RULE.meaning)

    assert [] == list(hygiene_check_results([found], []))


def test_no_rule_is_checked_before_the_first_load(office):
    results = rule_results(office.warehouse)

    assert [rule.name for rule in RULES] == [result.rule for result in results]
    assert all(result.not_checked for result in results)


@pytest.mark.slow
def test_a_run_has_the_results_of_all_rules(run, office):  # noqa: F811
    result = run(["deals", "hygiene"])

    assert result.success
    results = {each.check_name: each for each in result.get_asset_check_evaluations()}
    ((found, checked),) = office.query(
        "SELECT found, checked FROM hygiene_rules WHERE rule = 'deal_without_value'"
    )
    metadata = results["deal_without_value"].metadata
    assert (found, checked) == (metadata["found"].value, metadata["checked"].value)
    assert found
    assert not results["deal_without_value"].passed
    assert "activities" in results["deal_without_next_activity"].description
    assert {rule.name for rule in RULES} <= set(results)
