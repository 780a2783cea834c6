"""A warehouse is rebuilt from its recorded runs, without a request, with the same rows."""

import contextlib

import duckdb
import pytest

from pipedrive_assets.api import Caps
from pipedrive_assets.cli import main
from pipedrive_assets.compare import Side, compare
from pipedrive_assets.errors import ConfigurationError, LoadFailed, RebuildError, WarehouseError
from pipedrive_assets.load import LoadRequest, run
from pipedrive_assets.load.erase import erased_list
from pipedrive_assets.load.raw_zone import RawRun, RawZone
from pipedrive_assets.load.recording.position import RecordedStep
from pipedrive_assets.load.recording.rebuild import rebuild
from pipedrive_assets.load.recording.recorded import recorded_runs
from pipedrive_assets.load.recording.state import table_states
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.sandbox import faults
from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.windows import Window
from pipedrive_assets_tests.conftest import chosen

DATASET = "pipedrive_data"


@pytest.fixture
def zone(tmp_path):
    return RawZone(url=str(tmp_path / "raw"), file_mode=0o640)


def rebuilt(zone, tmp_path):
    """The warehouse that the recorded runs lead to."""
    warehouse = Warehouse(tmp_path / "rebuilt.duckdb", DATASET)
    try:
        for _ in rebuild(zone, warehouse):
            pass
    finally:
        warehouse.close()
    return warehouse.path


def assert_equal(office, path):
    """Compare all tables, their times of deletion, and what the next load continues from."""
    with office.warehouse.sql() as sql:
        before = table_states(sql)
    office.warehouse.close()
    sides = [Side(path=each, dataset=DATASET) for each in (office.warehouse.path, path)]
    found = list(compare(*sides))
    assert [] == [each for each in found if not each.is_equal]
    assert found
    assert relations(office.warehouse.path) == relations(path)
    again = Warehouse(path, DATASET)
    with again.sql() as sql:
        assert before == table_states(sql)
    again.close()
    for table, columns in exact_columns(path):
        assert rows(office.warehouse.path, table, columns) == rows(path, table, columns)


def relations(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            "SELECT table_schema, table_name, column_name, data_type "
            "FROM information_schema.columns WHERE table_schema LIKE 'pipedrive%' ORDER BY ALL"
        ).fetchall()


def exact_columns(path):
    """The columns that `compare` leaves out, but that a rebuild repeats."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            "SELECT table_name, string_agg(column_name, ', ' ORDER BY column_name) "
            "FROM duckdb_columns() JOIN duckdb_tables() USING (schema_name, table_name) "
            f"WHERE schema_name = '{DATASET}' AND column_name IN ('id', 'deal_id', '_deleted_at', "
            "'_deleted_reason', '_row_hash', '_valid_from', '_valid_to') GROUP BY 1"
        ).fetchall()


def rows(path, table, columns):
    with duckdb.connect(str(path), read_only=True) as connection:
        query = f"SELECT {columns} FROM {DATASET}.{table} ORDER BY ALL"
        return connection.execute(query).fetchall()


class Killed(BaseException):
    """Ends a run like a signal."""


def killed_at(kill, monkeypatch, act):
    """Act, and end the run before or after a call of a method."""
    name, times, of = kill
    method = getattr(TableLoad, name)

    def call(self, *args):
        nonlocal times
        times -= 1
        if times < 0 and not of:
            raise Killed
        result = method(self, *args)
        if times < 0:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(TableLoad, name, call)
        patch.setattr(RawRun, "close", lambda _: None)
        with pytest.raises(Killed):
            act()
    assert times < 0


@pytest.mark.slow
def test_days_of_changes_deletions_and_reconciliations_of_all_tables_are_repeated(
    make_office, zone, tmp_path
):
    office = make_office(deals=8)
    office.history = ("deals", "persons")
    office.load(raw=zone)
    for day in range(2):
        office.advance(days=1)
        office.world.delete("persons", office.world.ids("persons")[day])
        office.world.delete("deals", office.world.ids("deals")[day])
        office.world.hide("notes", office.world.ids("notes")[day])
        office.load(raw=zone, recheck_days=2, recheck_flow_days=2)
        office.reconcile(raw=zone, max_share=0.9)
    sent = len(office.sandbox.calls())

    path = rebuilt(zone, tmp_path)

    assert sent == len(office.sandbox.calls())
    assert_equal(office, path)


def test_caps_refusals_and_failures_are_repeated(make_office, zone, tmp_path):
    office = make_office(deals=12)
    tables = ("deals", "deals_flow", "deals_participants", "persons", "stages")
    office.load(*tables, raw=zone, caps=Caps(per_run=200))
    office.advance(hours=3)
    office.sandbox.inject(
        faults.refused("v1/deals/3/flow", 403),
        faults.refused("v1/deals/*/participants", 402),
        faults.refused("api/v2/personFields", 403),
        faults.server_error("api/v2/stages").at(1, times=None),
    )
    with pytest.raises(LoadFailed):
        office.load(*tables, raw=zone)
    office.sandbox.clear_faults()
    office.advance(days=1)
    office.world.delete("persons", office.world.ids("persons")[0])
    office.world.hide("persons", office.world.ids("persons")[1])
    office.load(*tables, raw=zone, full=True)
    office.sandbox.inject(faults.refused(f"api/v2/persons/{office.world.ids('persons')[3]}", 403))
    office.world.hide("persons", office.world.ids("persons")[3])
    office.reconcile("persons", "deals", raw=zone, max_share=0.9)

    assert_equal(office, rebuilt(zone, tmp_path))


KILLS = [
    *(
        (name, times, of)
        for of in (0, 1)
        for name, times in (("commit", 0), ("_note", 0), ("_note", 1))
    ),
    *((name, times, of) for of in (0, 1) for name, times in (("finish", 2), ("report", 1))),
    ("commit", 3, 1),
]
"""Method, and its call before (0) or after (1) which the run is killed."""


@pytest.mark.parametrize(
    "kill", [("commit", 3, 0), *(pytest.param(each, marks=pytest.mark.slow) for each in KILLS)]
)
def test_a_killed_run_is_repeated_as_far_as_it_came(make_office, zone, tmp_path, monkeypatch, kill):
    office = make_office(deals=12)
    tables = ("deals", "deals_flow", "persons", "notes")
    killed_at(kill, monkeypatch, lambda: office.load(*tables, raw=zone))
    office.advance(hours=3)
    # No later list has these rows: the warehouse has them only if the killed run committed them.
    for table in ("notes", "persons"):
        key = office.world.ids(table)[-1]
        office.world.delete(table, key)
        office.world.tables[table].rows.pop(key, None)
    office.load(*tables, raw=zone)

    assert_equal(office, rebuilt(zone, tmp_path))


def killed_at_transaction(number, monkeypatch, act, *, is_committed):
    """Act, and end the run in its nth transaction, or as soon as that is committed."""
    count, note, left = RecordedStep.count, RawRun.note, number

    def counted(self, sql):
        nonlocal left
        left -= 1
        if not left and not is_committed:
            raise Killed
        count(self, sql)

    def before_next(act):
        def call(*given):
            if left <= 0:
                raise Killed
            return act(*given)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(RecordedStep, "count", counted)
        patch.setattr(RecordedStep, "check", before_next(RecordedStep.check))
        patch.setattr(RawRun, "note", before_next(note))
        patch.setattr(RawRun, "close", lambda _: None)
        with pytest.raises(Killed):
            act()


TRANSACTIONS = [
    *(
        (act, number, end)
        for act in ("load", "reconcile")
        for number in range(1, 9)
        for end in (0, 1)
    ),
]
"""What is killed, in which transaction, and whether that is committed (1)."""


def with_killed_run(office, zone, monkeypatch, kill):
    """Load, kill the next run, and load a table that shows no more than where it was killed."""
    act, number, is_committed = kill
    office.history, world = ("persons", "deals"), office.world
    tables = ("persons", "deals")
    if act == "load":
        tables = (*tables, "deals_participants")
    office.load(*tables, raw=zone)
    office.advance(hours=1)
    world.edit("persons", world.ids("persons")[0], name="Edited")
    for table in ("persons", "deals"):
        world.delete(table, world.ids(table)[1])
        world.hide(table, world.ids(table)[-1])

    def run():
        how = {"max_share": 0.9} if act == "reconcile" else {}
        getattr(office, act)(*tables, raw=zone, **how)

    killed_at_transaction(number, monkeypatch, run, is_committed=is_committed)
    office.advance(minutes=1)
    office.load("stages", raw=zone)


@pytest.mark.slow
@pytest.mark.parametrize("kill", TRANSACTIONS)
def test_a_run_that_is_killed_between_two_transactions_is_repeated_up_to_there(
    make_office, zone, tmp_path, monkeypatch, kill
):
    office = make_office(deals=4)

    with_killed_run(office, zone, monkeypatch, kill)

    assert_equal(office, rebuilt(zone, tmp_path))


@pytest.mark.slow
def test_a_table_that_another_run_had_is_not_begun(office, zone, tmp_path, monkeypatch):
    def busy(_):
        raise WarehouseError("another run has the table")

    tables = ("deals", "deals_participants")
    office.load(*tables, raw=zone)
    with monkeypatch.context() as patch:
        patch.setattr(TableLoad, "lock", busy)
        with pytest.raises(LoadFailed):
            office.load(*tables, raw=zone, full=True)
    office.load("stages", raw=zone)

    assert_equal(office, rebuilt(zone, tmp_path))


def test_runs_that_overlap_are_repeated_step_by_step(office, zone, tmp_path, monkeypatch):
    tables = ("deals", "persons", "deals_flow")
    office.load(*tables, raw=zone)
    office.advance(days=1)
    beside = {1: ("deals_participants", "stages"), 4: ("deals_products", "activities")}
    follow, events = run._Load._next, 0

    def next_event(self):
        nonlocal events
        events += len(self.context.request.entities) == len(tables)
        if names := beside.pop(events, None):
            self.context.warehouse.release()
            other = Warehouse(office.warehouse.path, DATASET)
            window = Window(start=office.midnight)
            run.load(
                office.connection,
                other,
                LoadRequest(entities=chosen(names), window=window, raw=zone),
            )
            other.close()
        return follow(self)

    with monkeypatch.context() as patch:
        patch.setattr(run._Load, "_next", next_event)
        office.load(*tables, raw=zone)

    assert {} == beside
    assert_equal(office, rebuilt(zone, tmp_path))


@pytest.mark.slow
def test_fields_that_are_created_and_removed_are_repeated(office, zone, tmp_path):
    def create():
        code = office.world.add_field("deals", "Born late", "varchar")
        office.world.edit("deals", 7, custom_fields={code: "here"})

    office.sandbox.inject(faults.after("api/v2/dealFields", create).at(1))
    office.load("deals", "custom_fields_mapping", "fields", raw=zone)
    office.advance(days=1)
    office.world.remove_field("deals", office.world.code("deals", "Born late"))
    office.load("deals", "custom_fields_mapping", "fields", raw=zone)

    assert_equal(office, rebuilt(zone, tmp_path))


@pytest.mark.slow
def test_a_recording_that_lacks_a_run_is_refused(office, zone, tmp_path):
    office.load("persons", "stages", raw=zone)
    office.advance(hours=3)
    office.load("persons")
    office.load("stages", raw=zone)
    office.load("persons", raw=zone)

    with pytest.raises(RebuildError, match="another state of persons"):
        rebuilt(zone, tmp_path)


@pytest.mark.slow
def test_a_recording_that_begins_with_a_loaded_warehouse_is_refused(office, zone, tmp_path):
    office.load("stages")
    office.load("stages", raw=zone)

    with pytest.raises(RebuildError, match="another state of stages"):
        rebuilt(zone, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["steps", "run.json", "complete.json"])
def test_a_recording_that_lacks_a_file_is_refused(office, zone, tmp_path, name):
    office.load("persons", "stages", raw=zone)
    zone.store.remove(next(each for each in sorted(zone.files()) if name in each))
    office.advance(hours=3)
    office.load("persons", raw=zone)

    if name == "complete.json":
        # The run counts as killed, and its steps lead to the state of the next run.
        assert_equal(office, rebuilt(zone, tmp_path))
        return
    with pytest.raises(RebuildError, match="Restore"):
        rebuilt(zone, tmp_path)


def read_all(zone):
    for each in recorded_runs(zone):
        each.check_files()
        assert list(each.steps())
        assert each.reply("v1/users/me", "")
        assert each.reply("api/v2/stages", "limit=500")


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[: len(content) // 2],
        lambda content: bytes([*content[:12], *(byte ^ 255 for byte in content[12:])]),
    ],
    ids=["empty", "cut", "overwritten"],
)
def test_a_damaged_file_is_named(office, zone, damage):
    office.load("stages", raw=zone)
    for path in sorted(zone.files()):
        sound = zone.store.read(path)
        zone.store.write(path, damage(sound))

        with pytest.raises(RebuildError, match=f"{path} in .* is damaged"):
            read_all(zone)

        zone.store.write(path, sound)


@pytest.mark.slow
def test_a_warehouse_that_exists_is_not_touched(office, zone):
    office.load("stages", raw=zone)
    before = office.warehouse.path.read_bytes()

    with pytest.raises(ConfigurationError, match="exists already"):
        next(rebuild(zone, office.warehouse))
    assert before == office.warehouse.path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("undo", [[], ["--undo"]])
@pytest.mark.parametrize("is_committed", [False, True])
def test_an_erasure_that_was_killed_is_repeated_if_it_was_committed(
    monkeypatch, tmp_path, undo, is_committed
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPEDRIVE_RAW_TO", "raw")
    assert 0 == main(["load", "persons", "deals_participants", "deals"])
    if undo:
        assert 0 == main(["purge", "--person", "3", "--raw", "keep"])
    act = erased_list.forgive if undo else erased_list.remember_values

    def killed(*given):
        if is_committed:
            act(*given)
            return
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(erased_list, act.__name__, killed)
        if is_committed:
            patch.setattr(Warehouse, "rewrite", lambda *_: 1 / 0)
        with contextlib.suppress(Killed, ZeroDivisionError):
            main(["purge", "--person", "3", *(undo or ["--raw", "keep"])])
    assert 0 == main(["load", "stages"])
    monkeypatch.delenv("PIPEDRIVE_RAW_TO")

    assert 0 == main(["rebuild", "--from", "raw", "--to", "new.duckdb"])

    assert 0 == main(["diff", "data/sandbox.duckdb", "new.duckdb"])
    is_erased = bool(undo) is not is_committed
    assert bool(undo or is_erased) is not bool(rows("new.duckdb", "persons WHERE id = 3", "id"))
    assert [(3,)] * is_erased == rows("new.duckdb", "_pipedrive_erased", "id")


@pytest.mark.slow
def test_an_erased_person_stays_erased(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPEDRIVE_RAW_TO", "raw")
    assert 0 == main(["load", "persons", "stages"])
    assert 0 == main(["purge", "--person", "3", "--raw", "keep"])
    assert 0 == main(["purge", "--person", "4", "--raw", "keep"])
    assert 0 == main(["purge", "--person", "4", "--undo"])
    assert 0 == main(["load", "persons"])
    assert 2 == main(["purge", "--person", "99999", "--raw", "keep"])
    monkeypatch.delenv("PIPEDRIVE_RAW_TO")
    capsys.readouterr()

    assert 0 == main(["rebuild", "--from", "raw", "--to", "new.duckdb"])

    assert "2 runs" in capsys.readouterr().out
    assert 0 == main(["diff", "data/sandbox.duckdb", "new.duckdb"])
    assert [] == rows("new.duckdb", "persons WHERE id = 3", "id")
    assert rows("new.duckdb", "persons WHERE id = 5", "id")
    assert 2 == main(["rebuild", "--from", "raw", "--to", "new.duckdb"])
