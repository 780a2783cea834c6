"""Exports: their files have what the warehouse has, whenever they are read."""

import errno
import json
import shutil
import stat
from collections import Counter

import duckdb
import fsspec
import pytest

from pipedrive_assets.cli import main
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError, WarehouseError, WrongAccountError
from pipedrive_assets.export import ExportRequest, export
from pipedrive_assets.warehouse.file_store import FileStore
from pipedrive_assets_tests.conftest import NOON
from pipedrive_assets_tests.facts import raises

TABLES = ("persons", "stages")
ALL = ("persons", "persons__emails", "persons__phones", "stages")


class Exporter:
    """A copy of a warehouse, and an export of it."""

    def __init__(self, folder, source):
        self.path, self.target = folder / "copy.duckdb", folder / "target"
        shutil.copy(source, self.path)
        self.settings = Settings(found={}, api_token="0" * 40, warehouse=self.path)

    def run(self, *tables, **how):
        url = how.pop("url", str(self.target))
        request = ExportRequest(url=url, now=NOON, tables=tables or TABLES, **how)
        return {done.name: done for done in export(self.settings, request)}

    def change(self, *statements):
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("SET schema = 'pipedrive_data'")
            for statement in statements:
                connection.execute(statement)

    def held(self, name):
        with duckdb.connect(str(self.path), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return Counter(
                connection.execute(f"SELECT to_json(t) FROM pipedrive_data.{name} t").fetchall()
            )

    @property
    def manifest(self):
        return json.loads((self.target / "manifest.json").read_text("utf-8"))

    def exported(self, name):
        """What a reader of the manifest gets."""
        files = [str(self.target / file["path"]) for file in self.manifest["tables"][name]["files"]]
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return Counter(
                connection.execute("SELECT to_json(t) FROM read_parquet($1) t", [files]).fetchall()
            )

    @property
    def files(self):
        return {
            str(path.relative_to(self.target)) for path in self.target.rglob("*") if path.is_file()
        } - {"manifest.json"}

    @property
    def current(self):
        return {
            file["path"] for table in self.manifest["tables"].values() for file in table["files"]
        }


@pytest.fixture
def exporter(whole, tmp_path):
    office, _ = whole
    return Exporter(tmp_path, office.warehouse.path)


def test_the_first_export_is_complete_and_the_second_writes_nothing(exporter):
    first = exporter.run()
    before = exporter.manifest
    second = exporter.run()

    assert {*ALL} <= {*first}
    for name in ALL:
        assert exporter.held(name) == exporter.exported(name)
        assert sum(exporter.held(name).values()) == first[name].rows == first[name].rows_written
        assert 0 == second[name].files_written
    assert before == exporter.manifest
    assert before["tables"]["persons"]["complete_until"]
    assert exporter.files == exporter.current


@pytest.mark.slow
def test_changed_deleted_and_removed_rows_reach_the_export(exporter):
    exporter.run()
    exporter.change(
        "UPDATE persons SET _deleted_at = now(), _deleted_reason = 'deleted' WHERE id = 1",
        "UPDATE persons SET job_title = 'CEO' WHERE id = 2",
        "UPDATE persons SET _dlt_load_id = '9999999999.1' WHERE id = 3",
        "DELETE FROM persons WHERE id = 4",
    )

    done = exporter.run()

    assert exporter.held("persons") == exporter.exported("persons")
    assert 0 < done["persons"].files_written
    assert 0 == done["stages"].files_written
    (deleted,) = [row for (row,) in exporter.exported("persons") if json.loads(row)["id"] == 1]
    assert json.loads(deleted)["_deleted_at"]


@pytest.mark.slow
def test_a_new_load_leaves_the_files_of_others_as_they_are(exporter):
    exporter.run()
    before = exporter.current
    exporter.change(
        "INSERT INTO persons BY NAME (SELECT * REPLACE (99999 AS id, '9999999999.1' AS "
        "_dlt_load_id, 'other' AS _dlt_id) FROM persons LIMIT 1)"
    )

    done = exporter.run()

    assert (1, 1) == (done["persons"].files_written, done["persons"].rows_written)
    assert before < exporter.current
    assert exporter.held("persons") == exporter.exported("persons")


@pytest.mark.slow
def test_files_of_the_previous_state_stay_for_readers_until_the_next_export(exporter):
    exporter.run()
    previous = exporter.current
    exporter.change("UPDATE persons SET job_title = 'CEO'")

    exporter.run()
    assert previous <= exporter.files
    assert {*exporter.manifest["retired"]} == previous - exporter.current

    exporter.run()
    assert exporter.files == exporter.current


@pytest.mark.slow
def test_files_of_the_previous_state_are_removed_at_once_on_request(exporter):
    exporter.run()
    exporter.change("UPDATE persons SET job_title = 'CEO'")

    exporter.run(prunes=True)

    assert exporter.files == exporter.current


@pytest.mark.slow
def test_all_files_of_a_table_have_the_same_columns(exporter):
    exporter.run()
    exporter.change("ALTER TABLE stages ADD COLUMN new_column VARCHAR")

    done = exporter.run()

    assert done["stages"].rows == done["stages"].rows_written
    assert exporter.held("stages") == exporter.exported("stages")


@pytest.mark.slow
def test_an_empty_table_has_a_file_with_its_columns(exporter):
    exporter.change("DELETE FROM stages")
    exporter.run()
    again = exporter.run()

    assert 1 == len(exporter.manifest["tables"]["stages"]["files"])
    assert Counter() == exporter.exported("stages")
    assert 0 == again["stages"].files_written


@pytest.mark.slow
def test_a_file_that_somebody_removed_is_written_again(exporter):
    exporter.run()
    lost = exporter.manifest["tables"]["stages"]["files"][0]["path"]
    (exporter.target / lost).unlink()

    exporter.run()

    assert exporter.held("stages") == exporter.exported("stages")


class Killed(BaseException):
    """Ends an export like a signal: no handler of the project catches it."""


def limited(original, left):
    """A method of `FileStore` that is killed once the steps are used up, and leaves half a file."""

    def call(self, *arguments):
        if next(left, None) is None:
            FileStore(self._url, 0o640)._fs.pipe_file(
                f"{self._root}/stages/half.parquet.part", b"PAR"
            )
            raise Killed
        return original(self, *arguments)

    return call


@pytest.mark.slow
@pytest.mark.parametrize("steps", range(5))
def test_an_export_that_is_killed_shows_whole_tables_and_is_completed_later(exporter, steps):
    exporter.run()
    old = {name: exporter.exported(name) for name in ALL}
    exporter.change(
        "UPDATE persons SET job_title = 'CEO'",
        "DELETE FROM persons__emails",
        "UPDATE stages SET name = 'x'",
    )
    new = {name: exporter.held(name) for name in ALL}

    left = iter(range(steps))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write", "upload"):
            patch.setattr(FileStore, name, limited(getattr(FileStore, name), left))
        with pytest.raises(Killed):
            exporter.run()

    seen = {name: exporter.exported(name) for name in ALL}
    persons = new if steps > 2 else old  # two files and a manifest
    assert {**old, **{name: persons[name] for name in ALL if name != "stages"}} == seen
    exporter.run(prunes=True)
    assert new == {name: exporter.exported(name) for name in ALL}
    assert exporter.files == exporter.current


@pytest.mark.slow
def test_an_object_store_is_exported_to(exporter):
    exporter.run(url="memory://exports/crm")
    store = fsspec.filesystem("memory")

    manifest = json.loads(store.cat_file("/exports/crm/manifest.json"))
    file = manifest["tables"]["stages"]["files"][0]
    assert store.cat_file(f"/exports/crm/{file['path']}").startswith(b"PAR1")
    again = exporter.run(url="memory://exports/crm")
    assert 0 == again["persons"].files_written
    store.rm("/exports", recursive=True)


@pytest.mark.slow
def test_the_documented_query_reads_the_current_files(exporter):
    exporter.run()
    with duckdb.connect() as connection:
        connection.execute(
            f"SET VARIABLE files = (SELECT list('{exporter.target}/' || file.path) FROM "
            "(SELECT unnest(tables.persons.files) AS file "
            f"FROM read_json('{exporter.target}/manifest.json')))"
        )
        rows = connection.execute(
            "SELECT count(*) FROM read_parquet(getvariable('files'))"
        ).fetchall()

    assert [(sum(exporter.held("persons").values()),)] == rows


@pytest.mark.slow
def test_new_files_are_private(exporter):
    exporter.run("stages")

    modes = {stat.S_IMODE(path.stat().st_mode) for path in exporter.target.rglob("*.*")}
    assert {0o640} == modes


@pytest.mark.slow
def test_a_table_that_was_not_named_keeps_its_state(exporter):
    exporter.run()
    exporter.change("UPDATE persons SET job_title = 'CEO'", "UPDATE stages SET name = 'x'")
    before = exporter.exported("persons")

    exporter.run("stages")

    assert before == exporter.exported("persons")
    assert exporter.held("stages") == exporter.exported("stages")


@pytest.mark.slow  # exports every table
def test_every_table_is_exported_and_dropped_ones_leave(exporter, monkeypatch, capsys):
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "0" * 40)
    monkeypatch.setenv("PIPEDRIVE_WAREHOUSE", str(exporter.path))
    command = ["export", "--to", str(exporter.target)]
    assert 0 == main(command)
    names = {*exporter.manifest["tables"]}
    assert 50 < len(names)
    for name in names:
        assert exporter.held(name) == exporter.exported(name)
    assert not [name for name in names if name.startswith("_")]
    exporter.change("DROP TABLE lead_labels CASCADE")

    assert 0 == main(command)

    assert {"lead_labels"} == names - {*exporter.manifest["tables"]}
    assert "0 files written" in capsys.readouterr().out


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(exporter, tmp_path):
    with pytest.raises(ConfigurationError, match="foo"):
        exporter.run(url="foo://bucket/folder")
    with pytest.raises(ConfigurationError, match="none of the tables"):
        exporter.run("no_such_table")
    exporter.settings = Settings(found={}, api_token="0" * 40, warehouse=tmp_path / "no.duckdb")
    with pytest.raises(WarehouseError, match="no warehouse"):
        exporter.run()
    assert not exporter.target.exists()


@pytest.mark.slow
def test_the_export_of_another_account_and_a_foreign_file_are_not_touched(exporter):
    exporter.run("stages")
    exporter.change("UPDATE _pipedrive_account SET company_id = 5")
    before = {path: path.read_bytes() for path in exporter.target.rglob("*.*")}

    with pytest.raises(WrongAccountError):
        exporter.run()
    assert before == {path: path.read_bytes() for path in exporter.target.rglob("*.*")}

    (exporter.target / "manifest.json").write_text('{"name": "a web app"}', "utf-8")
    with pytest.raises(ConfigurationError, match="manifest"):
        exporter.run()


@pytest.mark.slow
def test_an_error_of_the_store_is_one_sentence_without_secrets(exporter, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError("key=s3cret")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "pipe_file", refuse)
    with pytest.raises(WarehouseError) as caught:
        exporter.run("stages", url="memory://user:s3cret@exports/other")

    assert "s3cret" not in str(caught.value)


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with raises(WarehouseError, tmp_path, "No space left", "manifest.json", "Free up disk space"):
        FileStore(str(tmp_path), 0o640).write("deals.parquet", b"x")
