"""PIPEDRIVE_HASH_COLUMNS and PIPEDRIVE_ROW_FILTER: what is written, and what their change does."""

import hashlib
import hmac

import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError, LoadFailed, PipedriveError
from pipedrive_assets.load.erase.purge_person import purge_person
from pipedrive_assets.sandbox import faults
from pipedrive_assets.warehouse.checks import run_checks
from pipedrive_assets_tests.conftest import BY_NAME
from pipedrive_assets_tests.load.test_refused_fields import names_refused

KEY = "a key of the test that is long enough"
TABLES = ("deals", "deals_participants", "deals_flow", "deals_products")


@pytest.fixture
def use(monkeypatch, tmp_path):
    """Load with these settings from now on."""

    def _use(**environment):
        found = Settings.from_env(
            {f"PIPEDRIVE_{name}": value for name, value in environment.items()}, root=tmp_path
        )
        monkeypatch.setattr("pipedrive_assets_tests.conftest.chosen", found.named)

    return _use


def hash_of(value):
    return hmac.new(KEY.encode(), value.encode(), hashlib.sha256).hexdigest()


def addresses(office):
    return {
        item["value"]
        for key in office.world.ids("persons")
        for item in office.world.row("persons", key)["emails"] or ()
        if item["value"].strip()
    }


def held_addresses(office):
    rows = office.query("SELECT value FROM persons__emails WHERE trim(value) <> ''")
    return {value for (value,) in rows}


def hashes(office):
    return {hash_of(each.strip().lower()) for each in addresses(office)}


def test_hashed_values_are_in_no_table_and_joins_still_work(office, use):
    use(HASH_COLUMNS="persons.emails", HASH_KEY=KEY)
    office.world.edit("persons", 3, emails=[{"value": " Ann@Example.org ", "primary": True}])
    office.world.edit("persons", 4, emails=[{"value": "ann@example.org", "primary": True}])

    office.load("persons")

    assert hashes(office) == held_addresses(office)
    same = office.query(
        "SELECT count(*) FROM persons__emails a JOIN persons__emails b USING (value) "
        f"WHERE value = '{hash_of('ann@example.org')}'"
    )
    assert [(4,)] == same
    office.warehouse.close()
    content = office.warehouse.path.read_bytes().lower()
    assert not [each for each in addresses(office) if each.strip().lower().encode() in content]
    assert KEY.encode() not in office.warehouse.path.read_bytes()


@pytest.mark.slow
def test_loaded_values_are_hashed_in_place_also_those_of_deleted_rows(office, use):
    office.load("persons")
    before = held_addresses(office)
    gone = office.world.ids("persons")[-1]
    office.world.delete("persons", gone)
    office.advance(minutes=10)
    office.load("persons")
    use(HASH_COLUMNS="persons.emails,persons.name", HASH_KEY=KEY)

    reports = office.load("persons")

    assert "complete history" != reports["persons"].what
    assert before
    assert {hash_of(each.strip().lower()) for each in before} == held_addresses(office)
    assert {64} == {len(name) for (name,) in office.query("SELECT name FROM persons")}
    content = office.warehouse.path.read_bytes()
    assert not [each for each in before if each.encode() in content]


@pytest.mark.slow
def test_the_version_of_a_row_that_leaves_the_filter_ends(office, use):
    office.history = ("persons",)
    office.load("persons")
    before = office.query("SELECT count(*) FROM persons_history")
    use(ROW_FILTER="persons.id != 3")

    office.load("persons")

    assert before == office.query("SELECT count(*) FROM persons_history")
    ended = office.query("SELECT id FROM persons_history WHERE NOT _is_current")
    assert [(3,)] == ended


@pytest.mark.slow
def test_values_that_are_no_longer_hashed_are_read_again(office, use):
    use(HASH_COLUMNS="persons.emails", HASH_KEY=KEY)
    office.load("persons")
    use()

    reports = office.load("persons")

    assert "complete history" == reports["persons"].what
    assert [] == office.differences("persons")


@pytest.mark.slow
def test_another_key_is_refused_before_anything_is_written(office, use):
    use(HASH_COLUMNS="persons.emails", HASH_KEY=KEY)
    office.load("persons")
    held = held_addresses(office)
    use(HASH_COLUMNS="persons.emails", HASH_KEY=f"{KEY}!")
    office.world.edit("persons", 3, emails=[{"value": "new@example.org", "primary": True}])

    with pytest.raises(ConfigurationError, match="PIPEDRIVE_HASH_KEY") as refused:
        office.load("persons")

    assert KEY not in str(refused.value)
    assert held == held_addresses(office)


@pytest.mark.slow
def test_a_hashed_field_that_pipedrive_refuses_keeps_its_hash(office, use):
    use(HASH_COLUMNS="persons.smart_bcc_email", HASH_KEY=KEY)
    office.load("persons")
    held = office.query("SELECT id, smart_bcc_email FROM persons WHERE id = 3")
    assert 64 == len(held[0][1])
    office.sandbox.inject(names_refused("api/v2/persons", "smart_bcc_email"))
    office.advance(minutes=10)
    office.world.edit("persons", 3, name="Edited")

    office.load("persons")

    assert [("Edited",)] == office.query("SELECT name FROM persons WHERE id = 3")
    assert held == office.query("SELECT id, smart_bcc_email FROM persons WHERE id = 3")


@pytest.mark.slow
def test_an_erased_person_is_recognized_by_values_that_are_hashed(office, use):
    use(HASH_COLUMNS="persons.emails", HASH_KEY=KEY)
    office.world.edit("persons", 3, name="Zed Quux", emails=[{"value": "zq@example.org"}])
    office.load("persons", "notes")
    purge_person(office.warehouse, 3, office.sandbox.now)
    office.advance(minutes=10)
    office.world.edit("persons", 3, job_title="Boss")
    office.world.add("notes", content="Mail to zq@example.org", person_id=4)

    office.load("persons", "notes")

    assert [] == office.query("SELECT id FROM persons WHERE id = 3")
    office.load("persons", "notes", full=True)
    assert [] == office.query("SELECT id FROM notes WHERE content LIKE '%zq@example.org%'")


@pytest.mark.parametrize("name", ["persons.add_time", "persons.emials", "persons.label_ids"])
def test_a_column_that_cannot_be_hashed_is_named(office, use, name):
    use(HASH_COLUMNS=name, HASH_KEY=KEY)

    with pytest.raises(PipedriveError, match=name):
        office.load("persons")


def wanted_deals(world, pipelines=(1,)):
    rows = world.tables["deals"].rows
    return {
        key for key in world.ids("deals")
        if rows[key]["pipeline_id"] in pipelines
    }  # fmt: skip


def live(office, table, column="id"):
    rows = office.query(f"SELECT DISTINCT {column} FROM {table} WHERE _deleted_at IS NULL")
    return {key for (key,) in rows}


@pytest.mark.slow
def test_only_wanted_rows_and_their_children_are_read_and_written(office, use):
    use(ROW_FILTER="deals.pipeline_id in (1)")

    office.load(*TABLES)

    wanted = wanted_deals(office.world)
    assert wanted < set(office.world.ids("deals"))
    assert wanted == live(office, "deals")
    assert [(0,)] == office.query("SELECT count(*) FROM deals WHERE pipeline_id <> 1")
    for child in ("deals_participants", "deals_flow"):
        assert live(office, child, "deal_id") <= wanted
    rows = office.world.tables["deals"].rows
    asked = [line.path.split("/")[3] for line in office.sandbox.log if "/participants" in line.path]
    assert asked
    assert {1} == {rows[int(key)]["pipeline_id"] for key in asked}


def test_a_row_that_leaves_the_filter_is_marked_and_comes_back(office, use):
    use(ROW_FILTER="deals.pipeline_id = 1")
    office.load(*TABLES)
    deal = min(key for key in live(office, "deals_flow", "deal_id"))
    office.advance(minutes=10)
    office.world.edit("deals", deal, stage_id=8, pipeline_id=2, title="Secret")
    office.sandbox.log.clear()

    office.load(*TABLES)

    marked = f"SELECT title <> 'Secret', _deleted_reason FROM deals WHERE id = {deal}"
    assert [(True, "filtered")] == office.query(marked)
    assert deal not in live(office, "deals_flow", "deal_id")
    assert not [line.path for line in office.sandbox.log if f"deals/{deal}/" in line.path]
    office.advance(minutes=10)
    office.world.edit("deals", deal, stage_id=1, pipeline_id=1)
    office.load(*TABLES)
    assert wanted_deals(office.world) == live(office, "deals")
    assert deal in live(office, "deals_flow", "deal_id")
    assert [("Secret",)] == office.query(f"SELECT title FROM deals WHERE id = {deal}")


@pytest.mark.slow
def test_a_changed_filter_brings_the_rows_that_are_now_wanted(office, use):
    use(ROW_FILTER="deals.pipeline_id = 1")
    office.load(*TABLES)
    for filters, pipelines in ((" deals.pipeline_id = 2", (2,)), ("", (1, 2))):
        use(ROW_FILTER=filters)

        reports = office.load(*TABLES)

        assert "complete history" == reports["deals"].what
        assert wanted_deals(office.world, pipelines) == live(office, "deals")
        assert live(office, "deals_flow", "deal_id") <= live(office, "deals")
    assert [] == office.differences(*TABLES)
    assert "complete history" != office.load("deals")["deals"].what


@pytest.mark.slow
def test_a_reconciliation_neither_loads_nor_unmarks_rows_that_are_not_wanted(office, use):
    use(ROW_FILTER="deals.pipeline_id = 1")
    office.load(*TABLES)
    deal = min(live(office, "deals"))
    office.advance(minutes=10)
    office.world.edit("deals", deal, stage_id=8, pipeline_id=2)
    gone = max(live(office, "deals"))
    office.world.purge("deals", gone)

    reports = office.reconcile("deals")

    assert not any(report.error for report in reports.values())
    assert wanted_deals(office.world) == live(office, "deals")
    reasons = dict(office.query("SELECT id, _deleted_reason FROM deals"))
    assert "filtered" == reasons[deal]
    assert "filtered" != reasons[gone] is not None
    office.reconcile("deals")
    assert wanted_deals(office.world) == live(office, "deals")


@pytest.mark.slow
def test_references_to_filtered_rows_are_no_warning(office, use):
    use(ROW_FILTER="deals.pipeline_id = 9")
    office.load("deals", "activities")

    _, references = run_checks(office.warehouse, BY_NAME["activities"])

    assert [(0,)] == office.query("SELECT count(*) FROM deals")
    assert references.sound
    assert "deal_id without row" not in references.facts


@pytest.mark.slow
def test_a_reply_without_the_column_fails_the_table_and_marks_nothing(office, use):
    use(ROW_FILTER="deals.pipeline_id = 1")
    office.load("deals")
    held = live(office, "deals")
    office.advance(minutes=10)
    office.world.edit("deals", min(held), title="Edited")

    def without(body):
        for row in body["data"]:
            row.pop("pipeline_id", None)
        return body

    office.sandbox.inject(faults._edited("api/v2/deals", without).always())

    with pytest.raises(LoadFailed, match="pipeline_id"):
        office.load("deals")

    assert held == live(office, "deals")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("deals.pipelin_id = 1", "pipelin_id"),
        ("deals.pipeline_id = '1'", "a number"),
        ("deals.status = 1", "text in quotes"),
        ("deals.status < 'x'", "="),
        ("deals.expected_close_date > 'soon'", "date"),
        ("deals.is_archived = 'no'", "true or false"),
    ],
)
def test_a_condition_that_does_not_fit_its_column_is_named(office, use, given, named):
    use(ROW_FILTER=given)

    with pytest.raises(ConfigurationError, match=named):
        office.load("deals")

    assert not office.warehouse.path.exists()
