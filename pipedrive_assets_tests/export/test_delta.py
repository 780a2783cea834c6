"""Delta tables, read by another implementation: the package `deltalake`."""

import json
from collections import Counter

import duckdb
import pytest
from deltalake import DeltaTable, QueryBuilder

from pipedrive_assets.cli import main
from pipedrive_assets.errors import ConfigurationError, WarehouseError
from pipedrive_assets.export import delta
from pipedrive_assets.warehouse.file_store import FileStore
from pipedrive_assets_tests.export.test_export import ALL, Exporter, Killed, limited


@pytest.fixture
def exporter(whole, tmp_path):
    office, _ = whole
    return Exporter(tmp_path, office.warehouse.path)


def seen(exporter, name):
    """The rows that a reader of the Delta table gets."""
    table = DeltaTable(str(exporter.target / name))
    columns = [f'"{field.name}"' for field in table.schema().fields]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            f"SELECT to_json(t) FROM (SELECT {', '.join(columns)} FROM read_parquet($1)) t",
            [table.file_uris()],
        )
        return Counter(found.fetchall())


def queried(exporter, name, what):
    engine = QueryBuilder().register("t", DeltaTable(str(exporter.target / name)))
    return engine.execute(f"SELECT {what} AS found FROM t").read_all().column("found").to_pylist()


def version(exporter, name):
    return DeltaTable(str(exporter.target / name)).version()


def test_each_table_is_a_delta_table_that_follows_changes_and_new_columns(exporter):
    exporter.run(is_delta=True)
    for name in ALL:
        assert exporter.held(name) == seen(exporter, name)

    exporter.change(
        "UPDATE persons SET _deleted_at = now() WHERE id = 1",
        "DELETE FROM persons WHERE id = 2",
        "ALTER TABLE persons ADD COLUMN new_column VARCHAR",
    )
    exporter.run()  # an export that has Delta logs keeps them

    assert exporter.held("persons") == seen(exporter, "persons")
    assert [sum(exporter.held("persons").values())] == queried(exporter, "persons", "count(*)")
    assert [1] == queried(exporter, "persons", "sum(CASE WHEN id = 1 THEN 1 END)")
    assert (1, 0) == (version(exporter, "persons"), version(exporter, "stages"))


@pytest.mark.slow
def test_an_export_of_parquet_files_becomes_one_of_delta_tables(exporter):
    exporter.run()
    done = exporter.run(is_delta=True, prunes=True)

    assert 0 == done["persons"].files_written
    assert exporter.held("persons") == seen(exporter, "persons")


@pytest.mark.slow
@pytest.mark.parametrize("steps", range(6))
def test_a_killed_export_leaves_readable_delta_tables_and_the_next_completes_them(exporter, steps):
    exporter.run(is_delta=True)
    old = {name: seen(exporter, name) for name in ALL}
    exporter.change("UPDATE persons SET job_title = 'CEO'", "UPDATE stages SET name = 'x'")
    new = {name: exporter.held(name) for name in ALL}

    left = iter(range(steps))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write", "upload"):
            patch.setattr(FileStore, name, limited(getattr(FileStore, name), left))
        with pytest.raises(Killed):
            exporter.run()

    for name in ALL:
        assert seen(exporter, name) in {0: [old[name]]}.get(steps, [old[name], new[name]])
    exporter.run(prunes=True)
    assert new == {name: seen(exporter, name) for name in ALL}


@pytest.mark.slow
def test_checkpoints_keep_a_long_log_short(exporter, monkeypatch):
    monkeypatch.setattr(delta, "CHECKPOINT_COMMITS", 3)
    for number in range(8):
        exporter.change(f"UPDATE stages SET name = '{number}'")
        exporter.run("stages", is_delta=True)
    log = exporter.target / "stages" / "_delta_log"

    assert 7 == version(exporter, "stages")
    assert {"7"} == {*queried(exporter, "stages", "name")}
    assert exporter.held("stages") == seen(exporter, "stages")
    assert {3, 6} == {int(path.name[:20]) for path in log.glob("*.checkpoint.parquet")}
    assert {3, 4, 5, 6, 7} == {int(path.stem) for path in log.glob("*.json")}


@pytest.mark.slow
def test_a_dropped_table_becomes_empty(exporter, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "0" * 40)
    monkeypatch.setenv("PIPEDRIVE_WAREHOUSE", str(exporter.path))
    command = ["export", "--to", str(exporter.target), "--format", "delta"]
    assert 0 == main(command)
    names = sorted(exporter.manifest["tables"])
    assert [exporter.held(name) for name in names] == [seen(exporter, name) for name in names]
    exporter.change("DROP TABLE lead_labels CASCADE")

    assert 0 == main(command)

    assert [0] == queried(exporter, "lead_labels", "count(*)")


@pytest.mark.slow
def test_what_delta_cannot_have_and_a_broken_log_are_refused(exporter):
    exporter.change("ALTER TABLE stages ADD COLUMN span INTERVAL")
    with pytest.raises(ConfigurationError, match=r"stages\.span.*INTERVAL"):
        exporter.run("stages", is_delta=True)
    exporter.change("ALTER TABLE stages DROP COLUMN span")
    exporter.run("stages", is_delta=True)
    exporter.change("UPDATE stages SET name = 'x'")
    exporter.run("stages")
    (first, _) = sorted((exporter.target / "stages" / "_delta_log").glob("*.json"))
    first.unlink()

    with pytest.raises(WarehouseError, match="commit 0"):
        exporter.run("stages")


@pytest.mark.slow
def test_the_first_commit_declares_the_protocol_and_the_schema(exporter):
    exporter.run("stages", is_delta=True)
    path = exporter.target / "stages" / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    assert ["commitInfo", "protocol", "metaData", "add"] == [next(iter(each)) for each in actions]
    assert {"minReaderVersion": 1, "minWriterVersion": 2} == actions[1]["protocol"]
