"""The checks: derived from the registry, green on a sound account, each able to fail."""

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.orchestration.automation.target import Target
from pipedrive_assets.orchestration.checks import _findings, check_names, check_specs
from pipedrive_assets.orchestration.metadata import metadata, sentence
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES, ENTITIES
from pipedrive_assets.sandbox import faults
from pipedrive_assets.warehouse import references, run_checks
from pipedrive_assets.warehouse.statements import table
from pipedrive_assets_tests.facts import mentions

TARGET = Target(warehouse="w", sandbox=False, entities=ENTITIES)
NOON = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)


def found(office, report, now=NOON):
    return dict(_findings(office.warehouse, report, TARGET, now))


def break_table(office, statement, name):
    with office.warehouse.sql() as sql:
        sql.execute_sql(statement.format(table=table(sql, name)))


def test_every_table_has_its_checks_and_none_blocks():
    specs = check_specs(DEFAULT_ENTITIES)

    assert {entity.name for entity in DEFAULT_ENTITIES} == {
        spec.asset_key.to_user_string() for spec in specs
    }
    assert not any(spec.blocking for spec in specs)
    assert ["keys", "initial_load", "fresh", "references", "waiting", "all_parents_read"] == (
        check_names(BY_NAME["deals_flow"])
    )


def test_references_follow_from_the_columns():
    assert {
        "owner_id": "users",
        "creator_user_id": "users",
        "person_id": "persons",
        "org_id": "organizations",
        "pipeline_id": "pipelines",
        "stage_id": "stages",
    } == references(BY_NAME["deals"])
    assert {} == references(BY_NAME["currencies"])
    assert {"deal_id": "deals"} == references(BY_NAME["deals_participants_changelog"])


def test_a_sound_account_passes_every_check(whole):
    office, reports = whole

    with office.warehouse.keep_open():
        failing = {
            (name, check): finding.sentence
            for name, report in reports.items()
            for check, finding in found(office, report, office.sandbox.now).items()
            if not finding.sound
        }

    assert {} == failing


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {table} BY NAME (SELECT * FROM {table} LIMIT 1)",
        "ALTER TABLE {table} ALTER id DROP NOT NULL; UPDATE {table} SET id = NULL WHERE id = 1",
    ],
)
def test_a_doubled_or_missing_key_is_found(office, statement):
    office.load("stages")
    break_table(office, statement, "stages")

    keys, _ = run_checks(office.warehouse, BY_NAME["stages"])

    assert not keys.sound
    assert "load --full stages" in keys.sentence


def test_references_to_rows_that_are_missing_are_found_beyond_a_share(office):
    office.load("deals", "persons")
    break_table(office, "DELETE FROM {table} WHERE id % 4 > 0", "persons")

    _, pointing = run_checks(office.warehouse, BY_NAME["deals"])

    assert not pointing.sound
    assert re.search(mentions("person_id", "deals", "persons"), pointing.sentence)
    assert "reconcile" in pointing.sentence


@pytest.mark.slow
def test_references_to_a_table_that_was_never_loaded_are_not_judged(office):
    office.load("deals")

    assert run_checks(office.warehouse, BY_NAME["deals"])[1].sound


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("setting", ["PIPEDRIVE_TOKENS_PER_RUN", "PIPEDRIVE_TOKENS_PER_DAY"])
def test_what_waits_names_the_setting_that_stopped_it(office, setting):
    cap = Caps(per_run=80) if setting.endswith("RUN") else Caps(per_day=80)
    report = office.load("deals", "deals_flow", caps=cap)["deals_flow"]

    waiting = found(office, report)["waiting"]

    assert setting in waiting.sentence


@pytest.mark.slow
def test_unread_parents_are_reported_in_a_check_the_metadata_and_the_log(office):
    office.load("deals")
    office.sandbox.inject(faults.refused("v1/deals/7/flow", 403))
    report = office.load("deals_flow")["deals_flow"]

    check = found(office, report)["all_parents_read"]

    assert not check.sound
    assert {"unread": 1} == check.facts
    assert re.match(mentions("1 deals", "403"), check.sentence)
    assert 1 == metadata(report)["unread"]
    assert "1 deals" in sentence(report)
    office.sandbox.clear_faults()
    report = office.load("deals_flow")["deals_flow"]
    assert found(office, report)["all_parents_read"].sound
    assert 0 == metadata(report)["unread"]


def test_an_unfinished_first_load_is_told(office):
    report = replace(office.load("stages")["stages"], initial_load_at=None)

    initial_load = found(office, report)["initial_load"]

    assert not initial_load.sound
    assert "dagster asset materialize --select stages" in initial_load.sentence


@pytest.mark.slow
def test_a_table_twice_as_old_as_it_may_be_is_told(office):
    report = office.load("persons")["persons"]
    account = replace(report.account, is_sandbox=False)
    report = replace(report, account=account, complete_until=NOON)

    assert found(office, report, NOON + timedelta(hours=2))["fresh"].sound
    late = found(office, report, NOON + timedelta(hours=2, seconds=1))["fresh"]
    assert not late.sound
    assert "2026-03-10 12:00 UTC" in late.sentence


@pytest.mark.slow
def test_a_child_table_loaded_without_its_parent_is_told_to_load_both(office):
    office.load("deals", "deals_flow")
    office.advance(days=1)
    report = office.load("deals_flow")["deals_flow"]
    report = replace(report, account=replace(report.account, is_sandbox=False))

    fresh = found(office, report, office.sandbox.now)["fresh"]

    assert not fresh.sound
    assert "or deals is complete only until then" in fresh.sentence
    assert "--select deals,deals_flow" in fresh.sentence
    unread = found(office, replace(report, unread=1), office.sandbox.now)["fresh"]
    assert "the rows of some deals could not be read" in unread.sentence


@pytest.mark.parametrize("table", ["users", "filters", "currencies", "activity_types"])
def test_a_table_that_some_users_may_not_read_has_a_check_of_it(table):
    entity = BY_NAME[table]

    assert entity.rights_vary
    assert not entity.feature_gated
    assert "readable" in check_names(entity)
