"""The warehouse in PostgreSQL: the same as in DuckDB, and shared by any number of machines."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from random import Random

import dlt
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.config.download_rules import download_rules
from pipedrive_assets.dlt_source.dataset import refuse_shared_dataset
from pipedrive_assets.errors import ConfigurationError, LoadFailed, WarehouseError
from pipedrive_assets.load import LoadRequest, load, purge_person
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES
from pipedrive_assets.sandbox import serve
from pipedrive_assets.views import derive, overview
from pipedrive_assets.views.comments import comments
from pipedrive_assets.views.dbt_sources import of_warehouse
from pipedrive_assets.views.digest import digest
from pipedrive_assets.views.report.charts import CHARTS
from pipedrive_assets.views.sql import DERIVED_TABLES
from pipedrive_assets.warehouse import DatabaseServer, Warehouse, run_checks, statements
from pipedrive_assets.warehouse.comments import held_comments
from pipedrive_assets.warehouse.dialect import translate
from pipedrive_assets.warehouse.ledger import DESCRIPTIONS, all_columns
from pipedrive_assets.windows import Window, utc_now
from pipedrive_assets_tests import erased_person, month
from pipedrive_assets_tests.conftest import NOON, Office
from pipedrive_assets_tests.dbt_queries import as_sql, every_test, tables
from pipedrive_assets_tests.e2e import postgres

ROOT = Path(__file__).parents[2]
DEFAULT = tuple(entity.name for entity in DEFAULT_ENTITIES)
CREDENTIALS = "DESTINATION__POSTGRES__CREDENTIALS"
Make = Callable[..., postgres.PostgresOffice]

pytestmark = [
    pytest.mark.skipif(bool(postgres.reason_to_skip()), reason=postgres.reason_to_skip()),
]


@pytest.fixture
def make_office(server, tmp_path, monkeypatch) -> Iterator[Make]:
    made: list[postgres.PostgresOffice] = []

    def make(**world: object) -> postgres.PostgresOffice:
        url = server.new_database()
        monkeypatch.setenv(CREDENTIALS, url)
        made.append(postgres.PostgresOffice(tmp_path / str(len(made)), url, **world))
        return made[-1]

    yield make
    for one in made:
        one.warehouse.close()


@pytest.fixture(scope="module")
def twins(server, tmp_path_factory) -> Iterator[tuple[postgres.PostgresOffice, Office]]:
    """The default tables and goals, in PostgreSQL and in DuckDB. Tests change no row."""
    folder = tmp_path_factory.mktemp("twins")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CREDENTIALS, url := server.new_database())
        there = postgres.PostgresOffice(folder / "postgres", url, deals=6)
        here = Office(folder / "duckdb", deals=6)
        for office in (there, here):
            with office.warehouse.exclusive():
                office.load(*DEFAULT, "goals", "goals_results")
        yield there, here
        for office in (there, here):
            office.warehouse.close()


READABLE = (
    "SELECT deal_id, field_name, old_value_readable, new_value_readable, user_name "
    "FROM deals_flow_readable ORDER BY event_key, deal_id"
)
WORTH = (
    "SELECT id, weighted_value, owner_name, stage_name FROM deals_readable "
    "WHERE id IN (SELECT id FROM deals_live) ORDER BY id"
)
STAYS = (
    "SELECT deal_id, stage_name, CAST(days AS DOUBLE PRECISION) FROM deal_stage_history "
    "WHERE left_at IS NOT NULL ORDER BY deal_id, entered_at, stage_name"
)
VIEWS = (
    "SELECT table_name FROM information_schema.tables "
    "WHERE table_type = 'VIEW' AND table_schema = 'pipedrive_data' ORDER BY 1"
)


def test_all_tables_and_views_say_the_same_as_on_duckdb(twins):
    there, here = twins

    assert [] == there.differences(*DEFAULT)
    for query in (VIEWS, READABLE, WORTH):
        assert here.query(query) == there.query(query)
    assert [(*row[:2], pytest.approx(row[2], abs=0.002)) for row in here.query(STAYS)] == (
        there.query(STAYS)
    )
    for (name,) in there.query(VIEWS):
        there.query(f"SELECT * FROM {name}")
    for name in DEFAULT:
        assert [True, True] == [each.sound for each in run_checks(there.warehouse, BY_NAME[name])]


OPTIONS = (
    "SELECT id, labels, channel_label, visible_to_label FROM deals_readable ORDER BY id",
    "SELECT id, labels, industry_label FROM organizations_readable ORDER BY id",
    "SELECT id, priority_label, outcome_label FROM activities_readable ORDER BY id",
    "SELECT id, category_label FROM products_readable ORDER BY id",
    "SELECT id, labels FROM leads_readable ORDER BY id",
)
WITH_OPTIONS = ("deals", "organizations", "activities", "products", "leads", "lead_labels")


def test_labels_of_options_are_the_same_as_on_duckdb(make_office, tmp_path):
    found = []
    for office in (make_office(deals=12), Office(tmp_path / "duckdb", deals=12)):
        office.world.edit("deals", 7, channel=99, label_ids=[3, 99, 1])
        office.load(*WITH_OPTIONS)
        ids = [office.query(query) for query in OPTIONS]
        office.load("fields")
        with office.warehouse.sql() as sql:
            fields = statements.table(sql, "fields")
            sql.execute_sql(
                f"UPDATE {fields} SET options = '{{\"id\": 1}}' WHERE field_code = 'visible_to'"
            )
        found.append((ids, [office.query(query) for query in OPTIONS]))

    assert found[0] == found[1]
    labels = {row[0]: row[1:] for row in found[0][1][0]}
    assert ("Très important, 99, Hot", "99") == labels[7][:2]


COMMENTS = (
    "SELECT obj_description('pipedrive_data.deals'::regclass), "
    "obj_description('pipedrive_data.deals_readable'::regclass), "
    "obj_description('pipedrive_data.open_pipeline'::regclass)"
)


def test_tables_columns_and_views_have_comments(twins):
    office, _ = twins
    with office.warehouse.sql() as sql:
        held = held_comments(sql)
        columns = {name: list(each) for name, each in all_columns(sql).items()}
        wanted = {**comments(sql, columns), **DESCRIPTIONS}
    office.load("stages")

    assert wanted == held
    assert ("deals", "title") in held
    assert any(text.startswith("Custom field: ") for text in held.values())
    assert None not in office.query(COMMENTS)[0]


NEXT = (
    "SELECT id, next_activity_id, next_activity_date, last_activity_id FROM deals_readable "
    "WHERE _deleted_at IS NULL ORDER BY id"
)
CONVERTED = "SELECT id, _deleted_reason, converted_deal_id FROM leads ORDER BY id"


def test_conversions_and_next_activities_are_the_same_as_on_duckdb(make_office, tmp_path):
    found = []
    for office in (make_office(deals=12), Office(tmp_path / "duckdb", deals=12)):
        office.load("deals", "leads", "activities")
        gone, back = [*office.world.tables["leads"].alive][:2]
        for lead in (gone, back):
            office.world.hide("leads", lead)
            office.world.add("deals", title="Converted", source_lead_id=lead)
        office.advance(minutes=5)
        office.load("deals")
        marked = office.query(CONVERTED)
        office.world.show("leads", back)
        office.reconcile("leads")
        office.load("leads", "deals")
        found.append((marked, office.query(CONVERTED), office.query(NEXT)))
        office.warehouse.close()

    assert found[0] == found[1]
    reasons = [[row[1] for row in rows if row[1]] for rows in found[0][:2]]
    assert [["converted"] * 2, ["converted"]] == reasons


def plain(rows):
    """Rows in an order of their own; sums to the sixth digit, moments in UTC."""
    return sorted((tuple(map(_plain, row)) for row in rows), key=str)


def _plain(value):
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc)
    return round(float(value), 6) if isinstance(value, float | Decimal) else value


def test_what_is_derived_says_the_same_as_on_duckdb(twins):
    there, here = twins
    for one, other in zip(
        derive(there.warehouse, DERIVED_TABLES), derive(here.warehouse, DERIVED_TABLES), strict=True
    ):
        assert 0 < one.rows == other.rows
        assert plain(other.content) == plain(one.content)
    again = derive(there.warehouse, DERIVED_TABLES, known=one.digest)
    assert all(each.is_known and not each.content for each in again)
    shown, expected = overview(there.warehouse), overview(here.warehouse)
    assert expected.headline == shown.headline
    assert set(expected.rows) == set(shown.rows) == {chart.name for chart in CHARTS}
    for name, rows in expected.rows.items():
        assert plain(rows) == plain(shown.rows[name])


def test_days_of_changes_and_a_reconciliation_leave_what_the_account_has(make_office):
    office, rng = make_office(deals=4), Random(3)
    with office.warehouse.exclusive():
        office.load(*month.TABLES)
        for _ in range(2):
            office.advance(days=1)
            month.live(rng, office)
            month.delete(rng, office)
            month.edit_quietly(rng, office)
            office.load(*month.FOLLOWED)
        month.settle(office)

    found = office.differences(*month.TABLES, "deals_flow")
    assert [] == [each for each in found if month.COPIED not in each]


def test_an_erased_person_is_gone_and_stays_out(make_office):
    office = make_office(deals=6)
    office.load("persons", "activities", "notes")
    person = office.world.ids("persons")[0]

    touched = purge_person(office.warehouse, person, utc_now())
    office.world.edit("persons", person, name="Still there")
    office.load("persons", "activities", "notes")

    assert touched["persons"] == 1
    assert [] == office.query(f"SELECT id FROM persons WHERE id = {person}")
    assert [] == office.query(f"SELECT id FROM activities WHERE person_id = {person}")


@pytest.mark.soak
def test_no_table_names_an_erased_person_after_any_later_load(make_office):
    office = make_office(deals=6)
    person = erased_person.occurring(office)
    office.load()
    before = erased_person.cells(office)
    folder = Path(office.warehouse._work.name)

    purge_person(office.warehouse, person, utc_now())
    found = erased_person.cells(office)
    office.advance(minutes=10)
    erased_person.plant(office, person)
    for deal in office.world.ids("deals"):
        office.world.edit("deals", deal, label_ids=[])
    for step in (office.load, office.reconcile, lambda: office.load(full=True)):
        step()
        found += [*erased_person.cells(office), *erased_person.left_in_files([folder])]

    assert len({cell.partition(".")[0] for cell in before}) > 40, before
    assert [] == found


@pytest.mark.parametrize(
    ("place", "nth"), [("load", 2), pytest.param("note", 3, marks=pytest.mark.soak)]
)
def test_after_a_kill_one_more_run_leaves_what_a_clean_load_would_have(make_office, place, nth):
    tables = ("persons", "notes", "stages")
    office = make_office(deals=5)
    spec = {
        "token": office.sandbox.api_token,
        "destination": "postgres",
        "now": office.sandbox.now.isoformat(),
        "tables": tables,
        "reconcile": False,
        "place": place,
        "nth": nth,
    }
    with serve(office.sandbox) as server:
        killed = subprocess.run(
            [sys.executable, "-m", "pipedrive_assets_tests.killed_run"],
            input=json.dumps({**spec, "url": server.url}),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert -signal.SIGKILL == killed.returncode, killed.stderr

    office.load(*tables)

    assert [] == office.differences(*tables)
    for table in tables:
        assert [] == office.query(f"SELECT id FROM {table} GROUP BY id HAVING count(*) > 1")


def test_two_runs_never_hold_the_same_table_or_the_warehouse_at_once(make_office):
    office = make_office(deals=1)
    other = Warehouse(DatabaseServer("postgres"), "pipedrive_data", lock_seconds=0.3)
    elsewhere = Warehouse(DatabaseServer("postgres"), "another_dataset", lock_seconds=0.3)

    with office.warehouse.table_lock("deals"):
        with other.table_lock("persons"), other.exclusive(), elsewhere.table_lock("deals"):
            pass
        with pytest.raises(WarehouseError, match=r"pipedrive_assets, process \d+.*the table deals"):
            other.table_lock("deals").__enter__()
    with (
        office.warehouse.exclusive(),
        pytest.raises(WarehouseError, match="has locked the warehouse"),
        other.sql(),
    ):
        pass
    with other.table_lock("deals"), other.exclusive():
        pass
    other.close()
    elsewhere.close()


def test_a_statement_that_took_too_long_is_not_a_server_that_cannot_be_reached(make_office):
    office = make_office(deals=1)
    slow = "SET statement_timeout = 10; SELECT pg_sleep(20)"
    with (
        pytest.raises(WarehouseError, match="longer than statement_timeout"),
        office.warehouse.sql() as sql,
    ):
        sql.execute_sql(slow)
    with (
        pytest.raises(WarehouseError, match=r"UndefinedFunction: SQLSTATE 42883\."),
        office.warehouse.sql() as sql,
    ):
        sql.execute_sql("SELECT refused('timeout')")


def test_a_run_whose_locks_are_lost_commits_nothing_more(make_office, server):
    office = make_office(deals=1)
    database = office.url.rpartition("/")[2]
    with office.warehouse.sql():
        pass

    with office.warehouse.table_lock("deals"):
        server.execute(
            "postgres",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'",
        )
        for _ in range(2):
            with pytest.raises(WarehouseError, match="was lost"), office.warehouse.exclusive():
                pass

    with office.warehouse.sql() as sql:
        assert [(1,)] == list(sql.execute_sql("SELECT 1"))


def test_two_loads_at_once_both_end_well(make_office):
    office = make_office(deals=5)
    office.load("users", "stages")
    errors: list[BaseException] = []

    def also() -> None:
        other = postgres.PostgresOffice(Path.cwd() / "other", office.url, deals=5)
        other.world, other.sandbox = office.world, office.sandbox
        try:
            other.load("persons", "organizations", "stages")
        except BaseException as error:  # noqa: BLE001 - the test says which
            errors.append(error)
        finally:
            other.warehouse.close()

    thread = threading.Thread(target=also)
    thread.start()
    office.load("organizations", "persons", "users")
    thread.join()

    assert [] == errors
    assert [] == office.differences("users", "stages", "persons", "organizations")


def test_a_column_of_another_type_is_converted_and_read_anew(make_office):
    office = make_office(deals=3)
    office.load("stages")
    with office.warehouse.sql() as sql:
        name = sql.make_qualified_table_name("stages")
        sql.execute_sql("DROP VIEW pipedrive_data.stages_live")
        sql.execute_sql(f"ALTER TABLE {name} ALTER COLUMN order_nr TYPE varchar")

    office.load("stages")

    assert [] == office.differences("stages")
    assert [("bigint",)] == office.query(
        "SELECT data_type FROM information_schema.columns "
        "WHERE table_name = 'stages' AND column_name = 'order_nr' "
        "AND table_schema = 'pipedrive_data'"
    )


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12", "BIGINT", 12),
        ("12.5", "BIGINT", None),
        ("many", "BIGINT", None),
        ("1e3", "DOUBLE", 1000.0),
        ("-", "DOUBLE", None),
        ("true", "BOOLEAN", True),
        ("2026-02-30", "DATE", None),
        ("2026-12-31", "DATE", "2026-12-31"),
        ("2028-02-29", "DATE", "2028-02-29"),
        ("2026-02-29", "DATE", None),
        ("0000-01-01", "DATE", None),
        ("2026-01-05T25:00:00Z", "TIMESTAMP WITH TIME ZONE", None),
    ],
)
def test_what_does_not_fit_a_type_becomes_null(server, monkeypatch, text, kind, value):
    monkeypatch.setenv(CREDENTIALS, server.url())
    warehouse = Warehouse(DatabaseServer("postgres"), "casts")
    with warehouse.sql() as sql:
        query = translate(sql, f"SELECT TRY_CAST('{text}' AS {kind})")
        ((found,),) = sql.execute_sql(query)
    warehouse.close()
    assert value == (found if isinstance(found, int | float | None) else str(found))


# Settings


def test_every_command_goes_to_the_server_and_never_says_its_password(project, account, server):
    _, environment = account
    url = server.new_database()
    project.environment |= {**environment, "PIPEDRIVE_DESTINATION": "postgres"}
    (project.folder / ".dlt").mkdir()
    secrets = f'[destination.postgres]\ncredentials = "{url}"\n'
    (project.folder / ".dlt" / "secrets.toml").write_text(secrets, "utf-8")

    said = [
        project.run("python -m pipedrive_assets doctor --quick"),
        project.run("python -m pipedrive_assets load stages persons"),
        project.run("python -m pipedrive_assets plan"),
        project.run("python -m pipedrive_assets purge --person 1"),
        project.run("python -m pipedrive_assets doctor --quick"),
    ]

    assert [0] * len(said) == [each.returncode for each in said], "\n".join(
        each.stdout for each in said
    )
    assert "the first load creates the dataset" in said[0].stdout
    assert "the data of this account" in said[-1].stdout
    assert not (project.folder / "data").exists()
    assert not any(server.password in each.stdout for each in said)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace(":", ":x", 2).replace(":x//", "://"), "refuses this user or pass"),
        (lambda url: url.rpartition("/")[0] + "/nowhere", "does not exist"),
        (lambda url: url.replace("127.0.0.1", "127.0.0.1:1").rpartition(":")[0], "be reached"),
    ],
)
def test_a_server_in_trouble_is_one_sentence_without_the_password(
    server, monkeypatch, change, words
):
    url = change(server.url())
    monkeypatch.setenv(CREDENTIALS, url if url.count("/") > 2 else f"{url}/postgres")
    warehouse = Warehouse(DatabaseServer("postgres"), "pipedrive_data")

    with pytest.raises(WarehouseError, match=words) as caught, warehouse.sql():
        pass

    told = f"{caught.value} {warehouse} {warehouse.backend}"
    assert server.password not in told
    assert "\n" not in told


def test_a_plain_pipeline_refuses_the_dataset_of_the_dagster_project(make_office):
    office = make_office(deals=2)
    office.load("stages")
    pipeline = dlt.pipeline("mine", destination="postgres", dataset_name="pipedrive_data")

    with pytest.raises(ConfigurationError, match="belongs to the Dagster project"):
        refuse_shared_dataset(pipeline)

    refuse_shared_dataset(dlt.pipeline("mine", destination="postgres", dataset_name="another"))


def test_a_users_view_stays_and_is_named_where_a_column_it_reads_is_to_go(make_office):
    office = make_office(deals=2)
    office.load("persons")
    with office.warehouse.sql() as sql:
        sql.execute_sql("CREATE VIEW my_report AS SELECT job_title FROM persons_live")
    entity = replace(BY_NAME["persons"], excluded=frozenset({"job_title"}))
    request = LoadRequest(entities=(entity,), window=Window(start=office.midnight))

    with pytest.raises(WarehouseError, match="my_report"):
        load(office.connection, office.warehouse, request)

    assert [] == office.differences("persons")
    with office.warehouse.sql() as sql:
        assert sql.execute_sql("SELECT count(*) FROM my_report")[0][0] > 0
        sql.execute_sql("DROP VIEW my_report")
    load(office.connection, office.warehouse, request)


def test_histories_follow_records_that_change_move_or_are_purged(make_office):
    office = make_office(deals=8)
    tables = ("deals", "deals_flow", "activities", "notes", "files")
    for _ in range(2):
        office.load(*tables, purge_deleted=True)
        office.world.instant += timedelta(minutes=10)
    alive = "SELECT id FROM pipedrive_data.deals WHERE _deleted_at IS NULL ORDER BY id"
    first, second, *_ = (deal for (deal,) in office.query(alive))
    noted = office.world.add("notes", content="Added", deal_id=first)
    filed = office.world.add("files", name="Added", deal_id=first)
    office.load(*tables, purge_deleted=True)
    office.world.instant += timedelta(minutes=10)
    office.world.edit("notes", noted, deal_id=second)
    office.world.purge("files", filed)
    office.reconcile("files", purge_deleted=True)

    office.load(*tables, purge_deleted=True)

    held = "SELECT deal_id FROM pipedrive_data.deals_flow WHERE event_key = "
    assert [(second,)] == office.query(f"{held} 'note:{noted}'")
    assert [] == office.query(f"{held} 'file:{filed}'")


def test_events_of_layout_2_get_their_keys_in_place(make_office):
    office = make_office(deals=5)
    for _ in range(2):
        office.load("deals", "deals_flow")
        office.world.instant += timedelta(minutes=10)
    with office.warehouse.sql() as sql:
        name, account = (
            statements.table(sql, each) for each in ("deals_flow", "_pipedrive_account")
        )
        sql.execute_sql(f"UPDATE {name} SET event_key = md5(event_key || deal_id)")
        sql.execute_sql(f"UPDATE {account} SET layout = 2")

    report = office.load("deals", "deals_flow")["deals_flow"]

    assert 0 == report.stats.requests
    assert [] == office.differences("deals_flow")


def test_the_tests_and_the_freshness_of_dbt_sources_hold(twins):
    office, _ = twins
    settings = Settings(found={}, destination="postgres", dataset="pipedrive_data")
    source = of_warehouse(settings, office.warehouse)
    every = every_test(source)

    failed = [each for each in every if office.query(as_sql(source, *each)) != [(0,)]]
    late = [
        name
        for name in DEFAULT
        if office.query(tables(source)[name]["config"]["loaded_at_query"])[0][0] is None
    ]

    assert len(every) > 150
    assert [] == failed
    assert [] == late
    assert "owner_name" in source.views["deals_readable"]


def test_settings_of_rows_work_as_on_duckdb(make_office, monkeypatch):
    office = make_office(deals=6)
    office.load("persons", "deals", "deals_participants")
    monkeypatch.setattr(
        "pipedrive_assets_tests.conftest.chosen",
        Settings(
            found={},
            hash_columns="persons.emails",
            hash_key="0123456789abcdef",
            row_filter="deals.pipeline_id = 1",
        ).named,
    )

    office.load("persons", "deals", "deals_participants")

    values = office.query("SELECT value FROM persons__emails WHERE trim(value) <> ''")
    assert {64} == {len(value) for (value,) in values}
    assert [(1,)] == office.query("SELECT DISTINCT pipeline_id FROM deals_live")
    reasons = office.query("SELECT DISTINCT _deleted_reason FROM deals WHERE pipeline_id <> 1")
    assert ("filtered",) in reasons
    found = office.query("SELECT found FROM hygiene_rules WHERE rule = 'deal_without_value'")
    assert found[0][0] is not None
    assert "Deals won" in digest(office.warehouse)


def test_attachments_are_downloaded_once_and_deleted_with_their_person(make_office, tmp_path):
    office = make_office(deals=4)
    person = office.world.ids("persons")[0]
    file = office.world.add("files", name="a.pdf", file_name="a.pdf", file_size=9, person_id=person)
    target = AttachmentTarget(
        url=str(tmp_path / "files"), file_mode=0o640, rules=download_rules("*:*")
    )
    first = office.load("persons", "files", attachments=target)["files"].attachments
    again = office.load("files", attachments=target)["files"].attachments
    assert (first.downloaded, 0) == (len(office.sandbox.calls("/download")), again.downloaded)
    stored = f"SELECT path FROM _pipedrive_downloads WHERE file_id = {file}"
    ((path,),) = office.query(stored)
    assert 9 == target.store.size(path)

    purge_person(office.warehouse, person, NOON)
    assert 1 <= office.load("files", attachments=target)["files"].attachments.deleted
    assert path not in target.store.paths()
    assert [] == office.query(stored)


def test_a_load_ends_after_lock_timeout_if_another_session_has_locked_a_table(make_office):
    office = make_office(deals=1)
    office.load("deals", "persons")
    office.world.edit("deals", 1, title="Blocked")
    office.advance(minutes=5)

    with office.database() as other:
        other.execute(f"ALTER DATABASE {office.url.rpartition('/')[2]} SET lock_timeout = 10")
        other.execute("BEGIN; LOCK TABLE pipedrive_data.deals")
        with pytest.raises(LoadFailed) as caught:
            office.load("deals", "persons")
        other.execute("ROLLBACK")

    assert {"deals"} == caught.value.failures.keys()
    assert "blocks a table" in str(caught.value)
    office.load("deals")
    assert [] == office.differences("deals")
