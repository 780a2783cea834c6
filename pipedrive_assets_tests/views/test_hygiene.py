"""The hygiene rules: each finds exactly the records that the company's own rows and the planted
ones make it find.
"""

import re
from datetime import timedelta

import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import Refusal, refusal_reply
from pipedrive_assets.views.sql.hygiene_rules import QUIET_DAYS, READS, RULES
from pipedrive_assets_tests.conftest import NOON, Office

TABLES = (
    *("deals", "persons", "organizations", "activities", "leads", "users"),
    *("stages", "pipelines", "deals_flow", "fields", "custom_fields_mapping"),
)
TODAY = f"{NOON:%Y-%m-%d}"
YESTERDAY = f"{NOON - timedelta(days=1):%Y-%m-%d}"
NEXT_WEEK = f"{NOON + timedelta(days=7):%Y-%m-%d}"
REQUIRED = {"enabled": True, "stage_ids": [], "statuses": {}}
AT_STAGE = {"enabled": True, "stage_ids": [2], "statuses": {"1": ["lost"]}}


class Planted:
    """Records with exactly one fault each, and sound ones beside them."""

    def __init__(self, world):
        self.world, self.by_rule = world, {rule.name: set() for rule in RULES}
        self.user = world.ids("users")[0]
        self.gone = world.ids("users")[-1]
        world.edit("users", self.gone, active_flag=False)
        self.good = {
            "status": "open", "stage_id": 1, "pipeline_id": 1, "owner_id": self.user, "value": 5,
            "currency": "EUR", "expected_close_date": TODAY, "is_archived": False,
            "person_id": world.ids("persons")[0], "org_id": world.ids("organizations")[0],
        }  # fmt: skip
        self.call = {"owner_id": self.user, "done": False, "due_date": NEXT_WEEK}
        self.deals()
        self.others()
        self.required()

    def deal(self, *rules, called=True, **changes):
        made = self.world.add("deals", **{**self.good, **changes})
        if called:
            self.world.add("activities", **self.call, deal_id=made)
        self.note(made, *rules)

    def note(self, key, *rules):
        for rule in rules:
            self.by_rule[rule].add(str(key))

    def deals(self):
        self.deal()
        self.deal("deal_without_next_activity", called=False)
        self.deal("deal_past_expected_close_date", expected_close_date=YESTERDAY)
        self.deal("deal_without_value", value=None)
        self.deal("deal_without_value", value=0)
        self.deal("deal_without_person", person_id=None)
        self.deal("deal_without_organization", org_id=None)
        self.deal("deal_of_deactivated_owner", owner_id=self.gone)
        faulty = {"value": 0, "expected_close_date": YESTERDAY, "owner_id": self.gone}
        self.deal(called=False, **faulty, status="won")
        self.deal(called=False, **faulty, is_archived=True)

    def others(self):
        world = self.world
        self.note(
            world.add("activities", **{**self.call, "due_date": YESTERDAY}), "activity_overdue"
        )
        world.add("activities", **{**self.call, "due_date": TODAY})
        world.add("activities", **{**self.call, "due_date": YESTERDAY, "done": True})
        orphan = world.add("activities", **{**self.call, "owner_id": self.gone})
        self.note(orphan, "activity_of_deactivated_owner")
        lead = world.add("leads", title="A lead", owner_id=self.gone)
        self.note(lead, "lead_of_deactivated_owner")
        for address, number in (("a@x.org", "+49 (30) 123-4567"), (" A@X.org ", "0049301234567")):
            twin = world.add(
                "persons", name="Twin", owner_id=self.user, emails=[{"value": address}],
                phones=[{"value": number}, {"value": "12"}],
            )  # fmt: skip
            self.note(twin, "person_with_same_email", "person_with_same_phone")
        for name in (
            "b",
            "c",
        ):  # a number that is too short, and an address that a person has twice
            both = [{"value": f"{name}@x.org"}, {"value": f"{name.upper()}@x.org"}]
            values = {"emails": both, "phones": [{"value": "12"}]}
            world.add("persons", name="Short", owner_id=self.user, **values)
        for name in ("Acme, Inc.", "ACME  inc", "Other"):
            made = world.add("organizations", name=name, owner_id=self.user)
            self.note(made, *([] if name == "Other" else ["organization_with_same_name"]))

    def required(self):
        world = self.world
        campaign = world.code("deals", "Campaign")
        world.required_fields = {
            "deals": {campaign: AT_STAGE, "title": {"enabled": False}},
            "persons": {"emails": REQUIRED},
            "organizations": {"name": REQUIRED},
        }
        filled = {**self.good, "custom_fields": {campaign: "Spring"}}
        self.deal(**filled | {"stage_id": 2})
        self.deal(stage_id=1, custom_fields={campaign: None})
        self.deal("deal_without_required_field", stage_id=2, custom_fields={campaign: None})
        self.deal("deal_without_required_field", status="lost", custom_fields={campaign: None})
        self.deal(status="won", custom_fields={campaign: None})
        self.note(
            world.add("persons", name="Mute", owner_id=self.user, emails=[]),
            "person_without_required_field",
        )


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    office = Office(tmp_path_factory.mktemp("hygiene"), deals=20)
    before = {table: {str(key) for key in office.world.tables[table].rows} for table in TABLES[:6]}
    planted = Planted(office.world)
    office.load(*TABLES)
    yield office, planted, before
    office.warehouse.close()


def found_by(office, rule):
    rows = office.query(f"SELECT record_id FROM hygiene WHERE rule = '{rule}'")
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.record != "stages"], ids=lambda r: r.name
)
def test_a_rule_finds_exactly_what_was_planted(held, rule):
    office, planted, before = held

    found = [key for key in found_by(office, rule.name) if key not in before[rule.record]]

    expected = planted.by_rule[rule.name]
    assert sorted(expected) == sorted(found)
    assert expected or rule.name == "organization_without_required_field"


def of_the_company(world):
    """What some rules find among all records, by the company's own rows."""
    deals, activities = (world.tables[name].rows for name in ("deals", "activities"))
    is_open = [
        row for key, row in deals.items()
        if key in world.ids("deals") and row["status"] == "open" and not row["is_archived"]
    ]  # fmt: skip
    undone = [activities[key] for key in world.ids("activities") if not activities[key]["done"]]
    called = {row["deal_id"] for row in undone}
    return {
        "deal_without_next_activity": {r["id"] for r in is_open if r["id"] not in called},
        "deal_without_value": {r["id"] for r in is_open if not r["value"]},
        "deal_without_person": {r["id"] for r in is_open if not r["person_id"]},
        "deal_without_organization": {r["id"] for r in is_open if not r["org_id"]},
        "deal_past_expected_close_date": {
            r["id"]
            for r in is_open
            if r["expected_close_date"] and r["expected_close_date"] < TODAY
        },
        "activity_overdue": {r["id"] for r in undone if r["due_date"] and r["due_date"] < TODAY},
    }, len(is_open)


@pytest.mark.slow
def test_the_rules_agree_with_all_rows_of_the_company(held):
    office = held[0]
    expected, deals = of_the_company(office.world)

    for rule, keys in expected.items():
        assert sorted(map(str, keys)) == sorted(found_by(office, rule))
        ((checked, found, share),) = office.query(
            f"SELECT checked, found, share FROM hygiene_rules WHERE rule = '{rule}'"
        )
        assert len(keys) == found
        if rule.startswith("deal"):
            assert deals == checked
        assert share == pytest.approx(found / checked)


def test_a_finding_has_its_owner_its_detail_and_its_address(held):
    office, planted, _ = held
    (twin, other) = sorted(planted.by_rule["person_with_same_email"], key=int)

    rows = office.query(
        "SELECT owner_id, detail, pipedrive_url FROM hygiene "
        f"WHERE rule = 'person_with_same_email' AND record_id = '{other}'"
    )

    url = f"https://sandbox-stationery.pipedrive.com/person/{other}"
    assert [(planted.user, f"same as {twin}", url)] == rows


def test_every_readable_view_has_the_address_of_its_record(held):
    office = held[0]
    for view, page, key in (
        ("deals", "deal/{}", "id"),
        ("persons", "person/{}", "id"),
        ("leads", "leads/inbox/{}", "id"),
        ("activities", "activities/list?activity={}#dialog/activity/edit", "id"),
        ("deals_flow", "deal/{}", "deal_id"),
    ):
        rows = office.query(f"SELECT {key}, pipedrive_url FROM {view}_readable")
        assert rows
        for one, url in rows:
            assert f"https://sandbox-stationery.pipedrive.com/{page.format(one)}" == url


@pytest.mark.slow
def test_an_unknown_domain_gives_no_address(office):
    office.load("deals")
    office.warehouse.close()
    with office.warehouse.sql() as sql:
        sql.execute_sql("UPDATE pipedrive_data._pipedrive_account SET company_domain = NULL")

    assert [(None,)] == office.query("SELECT DISTINCT pipedrive_url FROM deals_readable")


@pytest.mark.slow
def test_a_rule_whose_table_is_not_loaded_is_left_out_with_the_reason(office):
    office.load("deals", "stages")

    reasons = dict(office.query("SELECT rule, not_checked FROM hygiene_rules"))
    assert "activities" in reasons["deal_without_next_activity"]
    assert "deal_stage_history" in reasons["stage_nobody_leaves"]
    assert "persons" in reasons["person_with_same_email"]
    assert reasons["deal_without_value"] is None
    assert [] == found_by(office, "deal_without_next_activity")


def refuse_extras(_sandbox, call, serve):
    if "include_fields" in dict(call.params):
        return refusal_reply(Refusal(400, "include_fields is not valid"), v1=False)
    return serve()


@pytest.mark.slow
def test_requirements_that_pipedrive_refuses_leave_the_fields_loaded(office):
    office.world.required_fields = {"deals": {"title": REQUIRED}}
    office.sandbox.inject(faults.Fault(on="api/v2/*Fields", act=refuse_extras).always())

    reports = office.load("deals", "fields", "custom_fields_mapping")

    assert not any(report.error for report in reports.values())
    assert office.query("SELECT count(*) FROM fields WHERE required_fields IS NOT NULL") == [(0,)]
    reasons = dict(office.query("SELECT rule, not_checked FROM hygiene_rules"))
    assert "no required fields" in reasons["deal_without_required_field"]


@pytest.mark.slow
@pytest.mark.parametrize("later", [QUIET_DAYS - 12, QUIET_DAYS + 5])
def test_a_stage_that_no_deal_left_for_long_is_found(office, later):
    office.load("deals", "deals_flow", "stages", "pipelines", "users")
    office.warehouse.close()
    with office.warehouse.sql() as sql:
        sql.execute_sql(
            "UPDATE pipedrive_data._pipedrive_coverage "
            f"SET complete_until = complete_until + INTERVAL {later} DAY WHERE entity = 'deals'"
        )

    stays = office.query(
        "SELECT stage_id, CAST(entered_at AT TIME ZONE 'UTC' AS DATE), "
        "CAST(left_at AT TIME ZONE 'UTC' AS DATE), is_current FROM deal_stage_history"
    )
    since = (NOON + timedelta(days=later - QUIET_DAYS)).date()
    held_up = {stage for stage, entered, _, is_there in stays if is_there and entered < since}
    left = {stage for stage, _, out, _ in stays if out and out >= since}
    assert held_up - left
    assert {str(stage) for stage in held_up - left} == set(found_by(office, "stage_nobody_leaves"))


def test_the_columns_that_a_rule_names_are_those_in_its_query():
    for rule in RULES:
        aliases = {"r": rule.record}
        text = f"{rule.checked} {rule.found} {rule.join} {rule.detail}"
        aliases |= {alias: name for name, alias in re.findall(r"\{(\w+)\} (\w)\b", text)}
        for alias, column in re.findall(r"\b(\w)\.(\w+)", text):
            if alias in aliases:
                assert column in {*rule.columns[aliases[alias]], "id", "_deleted_at", "_dlt_id"}
    assert {name for name in READS if name not in BY_NAME} == {"deal_stage_history"}
