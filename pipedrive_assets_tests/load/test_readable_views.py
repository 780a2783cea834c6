"""The readable views: weighted values, and activities as the table `activities` has them."""

import pytest

INPUTS = ("deals", "stages", "pipelines", "activities", "leads")


def without_next_activity(office, owner="deal_id", table="deals"):
    """Rows without an open activity, by the account's own activities."""
    rows = office.world.tables["activities"]
    planned = {rows.rows[key][owner] for key in rows.alive if not rows.rows[key]["done"]}
    return {key for key in office.world.tables[table].alive if key not in planned}


def plan(office, deal, **columns):
    return office.world.add(
        "activities", deal_id=deal, subject="Call", type="call", done=False, **columns
    )


@pytest.fixture
def probabilities(make_office):
    """Deals of two pipelines, of which only one uses probabilities."""
    office = make_office(deals=40)
    office.world.edit("deals", 2, status="open", probability=35, value=1000, pipeline_id=2)
    office.load("deals", "stages", "pipelines")
    return office


@pytest.mark.slow
def test_a_deal_is_weighted_the_same_everywhere(probabilities):
    one = dict(
        probabilities.query(
            "SELECT currency, sum(weighted_value) FROM deals_readable WHERE _deleted_at IS NULL "
            "AND status = 'open' AND NOT is_archived GROUP BY 1"
        )
    )
    other = dict(
        probabilities.query("SELECT currency, sum(weighted_value) FROM open_pipeline GROUP BY 1")
    )

    assert {"EUR", "USD"} <= set(one)
    assert one == {currency: pytest.approx(value) for currency, value in other.items()}


@pytest.mark.slow
def test_a_deal_without_a_probability_has_no_weighted_value(probabilities):
    rows = probabilities.query(
        "SELECT d.probability, p.is_deal_probability_enabled, s.deal_probability, d.value, "
        "d.weighted_value FROM deals_readable d JOIN stages s ON s.id = d.stage_id "
        "JOIN pipelines p ON p.id = d.pipeline_id WHERE d.value IS NOT NULL"
    )

    seen = set()
    for own, enabled, of_stage, value, weighted in rows:
        chance = own if own is not None else of_stage if enabled else None
        seen.add((own is not None, enabled))
        assert weighted == (None if chance is None else pytest.approx(value * chance / 100))
    assert {(True, False), (False, True), (False, False)} <= seen


def test_weighted_values_count_the_deals_they_rest_on(probabilities):
    counts = probabilities.query(
        "SELECT sum(deals_weighted), sum(deals), bool_and(weighted_value IS NOT NULL OR "
        "deals_weighted = 0) FROM open_pipeline"
    )
    ((weighted, every),) = probabilities.query(
        "SELECT count(weighted_value), count(*) FROM deals_readable WHERE _deleted_at IS NULL "
        "AND status = 'open' AND NOT is_archived"
    )

    assert [(weighted, every, True)] == counts
    assert 0 < weighted < every


@pytest.mark.slow
def test_stages_count_only_in_pipelines_known_to_use_probabilities(make_office):
    office = make_office(deals=20)
    office.load("deals", "stages")

    assert [(0,)] == office.query(
        "SELECT count(*) FROM deals_readable WHERE probability IS NULL "
        "AND weighted_value IS NOT NULL"
    )


@pytest.mark.slow
def test_the_next_activity_is_right_between_reconciliations(make_office):
    office = make_office(deals=40)
    office.load(*INPUTS)
    for key in list(office.world.tables["activities"].alive):
        if office.world.row("activities", key)["deal_id"]:
            office.advance(minutes=1)
            office.world.edit("activities", key, done=key % 2 == 0)
    office.advance(minutes=1)

    office.load(*INPUTS)

    found = {
        key
        for (key,) in office.query("SELECT id FROM deals_readable WHERE next_activity_id IS NULL")
    }
    assert without_next_activity(office) == found & set(office.world.tables["deals"].alive)
    ((stale,),) = office.query(
        "SELECT count(*) FROM deals JOIN deals_readable r USING (id) "
        "WHERE deals.next_activity_id IS DISTINCT FROM r.next_activity_id"
    )
    assert 0 < stale


@pytest.mark.slow
def test_after_a_reconciliation_both_activities_are_those_of_the_counters(make_office):
    office = make_office(deals=40)
    office.load(*INPUTS)
    office.reconcile("deals", "activities")

    rows = office.query(
        "SELECT d.id, d.last_activity_id, r.last_activity_id, d.next_activity_id, "
        "r.next_activity_id FROM deals d JOIN deals_readable r USING (id) "
        "WHERE d._deleted_at IS NULL"
    )
    dates = dict(office.query("SELECT id, due_date FROM activities"))
    assert [] == [
        row for row in rows if [dates.get(row[1]), dates.get(row[3])] != [
            dates.get(row[2]), dates.get(row[4])
        ]
    ]  # fmt: skip
    assert 10 < sum(row[1] is not None for row in rows)


@pytest.mark.slow
def test_the_earliest_open_activity_is_next_and_the_latest_done_is_last(office):
    deal = office.world.add("deals", title="Followed")
    late = plan(office, deal, due_date="2026-04-02", due_time="09:00")
    early = plan(office, deal, due_date="2026-04-01", due_time="15:30")
    earliest = plan(office, deal, due_date="2026-04-01", due_time="08:15")
    plan(office, deal, due_date=None)
    old = plan(office, deal, due_date="2026-01-01", due_time="08:00")
    new = plan(office, deal, due_date="2026-02-01", due_time="08:00")
    for done in (new, old):
        office.world.edit("activities", done, done=True)

    seen = []
    for gone in (None, earliest, early, late):
        if gone:
            office.advance(hours=1)
            office.world.delete("activities", gone)
        office.load("deals", "activities")
        office.reconcile("activities")
        seen += office.query(
            "SELECT next_activity_id, CAST(next_activity_date AS VARCHAR), next_activity_time, "
            f"last_activity_id FROM deals_readable WHERE id = {deal}"
        )

    assert [earliest, early, late] == [row[0] for row in seen[:3]]
    assert ("2026-04-01", "08:15") == seen[0][1:3]
    assert (None, None) == seen[3][1:3]
    assert seen[3][0] is not None
    assert {new} == {row[3] for row in seen}


@pytest.mark.slow
def test_without_the_activities_the_deals_own_counters_are_shown(office):
    office.load("deals")

    assert [(0,)] == office.query(
        "SELECT count(*) FROM deals d JOIN deals_readable r USING (id) WHERE "
        "d.next_activity_id IS DISTINCT FROM r.next_activity_id "
        "OR d.last_activity_id IS DISTINCT FROM r.last_activity_id"
    )
    assert [(0,)] != office.query(
        "SELECT count(*) FROM deals_readable WHERE next_activity_id IS NOT NULL"
    )


@pytest.mark.slow
def test_activities_whose_initial_load_is_unfinished_are_not_believed(office):
    office.load("deals", "activities")
    office.load("users")
    with office.warehouse.sql() as sql:
        sql.execute_sql("DELETE FROM activities")
        sql.execute_sql("DELETE FROM _pipedrive_coverage WHERE entity = 'activities'")
    office.load("users")

    assert [(0,)] == office.query(
        "SELECT count(*) FROM deals d JOIN deals_readable r USING (id) "
        "WHERE d.next_activity_id IS DISTINCT FROM r.next_activity_id"
    )


@pytest.mark.slow
def test_the_next_activity_of_a_lead_is_that_of_the_activities(office):
    office.load("leads", "activities")
    lead = next(iter(office.world.tables["leads"].alive))
    office.advance(hours=1)
    key = office.world.add(
        "activities", lead_id=lead, subject="Ring", type="call", done=False, due_date="2020-01-01"
    )
    office.load("activities")

    assert [(key, "Ring")] == office.query(
        f"SELECT next_activity_id, next_activity_subject FROM leads_readable WHERE id = '{lead}'"
    )
