"""Attachments: each content once, at the path of its hash, and nothing is requested twice."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import fsspec
import pytest

from pipedrive_assets.api import Caps, Client
from pipedrive_assets.cli import main
from pipedrive_assets.config import Settings
from pipedrive_assets.config.download_rules import download_rules
from pipedrive_assets.config.row_filter import row_filters
from pipedrive_assets.errors import ConfigurationError, LoadFailed, WarehouseError
from pipedrive_assets.load import LoadRequest, load, purge_person
from pipedrive_assets.load.attachments import erase, notes
from pipedrive_assets.load.attachments.run import MOST_IN_A_ROW
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.http.storage import content
from pipedrive_assets.warehouse import warehouse_of
from pipedrive_assets.warehouse.file_store import FileStore
from pipedrive_assets.windows import Window
from pipedrive_assets_tests.conftest import NOON

COST = 20


class Killed(BaseException):
    """Ends the run like a signal."""


@pytest.fixture
def desk(make_office, tmp_path):
    """An office whose only files are those that a test adds."""
    office = make_office(deals=4)
    for key in list(office.world.tables["files"].rows):
        office.world.purge("files", key)
    return Desk(office, str(tmp_path / "files"))


class Desk:
    def __init__(self, office, url):
        self.office, self.url, self.rules = office, url, "*:*"
        self.deal = office.world.ids("deals")[0]

    def add(self, name="offer.pdf", **values):
        values = {"file_size": 1000, "deal_id": self.deal, **values}
        return self.office.world.add("files", name=name, file_name=f"9f_{name}", **values)

    @property
    def target(self):
        return AttachmentTarget(url=self.url, file_mode=0o640, rules=download_rules(self.rules))

    def load(self, **how):
        reports = self.office.load("files", attachments=self.target, **how)
        return reports["files"].attachments

    @property
    def stored(self):
        """Contents by path."""
        store = self.target.store
        return {path: store.read(path) for path in store.paths()}

    def downloads(self):
        """The requests for files, in their order."""
        return [line.path for line in self.office.sandbox.calls("/download")]

    def statuses(self):
        return dict(self.office.query("SELECT file_id, status FROM _pipedrive_downloads"))


def path_of(data):
    digest = hashlib.sha256(data).hexdigest()
    return f"{digest[:2]}/{digest}"


def test_files_are_stored_by_their_hash_and_requested_once(desk):
    one, two = desk.add(), desk.add("plan.docx", file_size=70_000)
    report = desk.load()

    contents = [content("offer.pdf", 1000), content("plan.docx", 70_000)]
    assert {path_of(data): data for data in contents} == desk.stored
    assert (2, 71_000, 2 * COST) == (report.downloaded, report.size, report.stats.tokens)
    joined = desk.office.query(
        "SELECT f.id, d.sha256, d.path, d.size FROM files f JOIN _pipedrive_downloads d "
        "ON d.file_id = f.id WHERE d.status = 'stored' ORDER BY 1"
    )
    assert [one, two] == [row[0] for row in joined]
    assert [path_of(data) for data in contents] == [row[2] for row in joined]

    again = desk.load()
    assert (0, 0) == (again.downloaded, again.stats.tokens)
    assert 2 == len(desk.downloads())


@pytest.mark.slow
def test_equal_contents_are_written_once(desk, monkeypatch):
    written = []
    upload = FileStore.upload
    monkeypatch.setattr(
        FileStore, "upload", lambda *given: written.append(given[2]) or upload(*given)
    )
    first, second = desk.add(), desk.add()
    report = desk.load()

    assert (2, 1) == (report.downloaded, report.already_stored)
    assert [path_of(content("offer.pdf", 1000))] == written
    assert {first: "stored", second: "stored"} == desk.statuses()


def test_a_store_that_cannot_be_used_is_named_before_any_request(desk):
    desk.url = "nowhere://bucket"
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_DOWNLOAD_TO"):
        desk.load()
    assert [] == desk.office.sandbox.log


@pytest.mark.slow
def test_a_store_that_fails_leaves_the_rows_and_the_next_run_continues(desk, monkeypatch):
    for number in range(3):
        desk.add(f"{number}.pdf")
    with monkeypatch.context() as patch:
        upload = FileStore.upload

        def fail_later(*given):
            if desk.stored:
                raise WarehouseError("the bucket is full")
            upload(*given)

        patch.setattr(FileStore, "upload", fail_later)
        with pytest.raises(LoadFailed, match="bucket is full"):
            desk.load()
    assert [(3,)] == desk.office.query("SELECT count(*) FROM files")
    desk.load()
    assert 3 == len(desk.stored)
    assert 5 == len(desk.downloads())
    assert {"stored"} == {*desk.statuses().values()}


@pytest.mark.slow
def test_an_object_store_takes_files(desk):
    desk.url = "memory://attachments-of-a-test"
    desk.add()
    desk.load()

    assert {path_of(content("offer.pdf", 1000)): content("offer.pdf", 1000)} == desk.stored
    fsspec.filesystem("memory").rm("/attachments-of-a-test", recursive=True)


@pytest.mark.parametrize(
    ("owner", "name", "step"),
    [
        pytest.param(FileStore, "holds", 2, marks=pytest.mark.slow),
        (FileStore, "upload", 2),
        pytest.param(notes, "record", 1, marks=pytest.mark.slow),
        pytest.param(notes, "record", 2, marks=pytest.mark.slow),
        pytest.param(Client, "download", 2, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_continues(desk, monkeypatch, owner, name, step):
    for number in range(3):
        desk.add(f"{number}.pdf")
    act, calls = getattr(owner, name), []

    def kill(*given, **named):
        calls.append(given)
        if len(calls) == step:
            raise Killed
        return act(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, kill)
        with pytest.raises(Killed):
            desk.load()
    before = desk.stored
    assert all(path == path_of(data) for path, data in before.items())
    desk.office.sandbox.log.clear()
    desk.load()

    names = [f"{number}.pdf" for number in range(3)]
    assert {path_of(content(each, 1000)) for each in names} == {*desk.stored}
    assert {"stored"} == {*desk.statuses().values()}
    # A content that was stored is not requested again, whatever the ledger said of it.
    assert 3 - len(before) == len(desk.downloads())


@pytest.mark.slow
def test_a_half_written_file_does_not_count(desk, monkeypatch):
    desk.add()

    def half(self, source, path):
        self.write(f"{path}.part", source.read_bytes()[:10])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "upload", half)
        with pytest.raises(Killed):
            desk.load()
    desk.load()
    assert content("offer.pdf", 1000) == desk.stored[path_of(content("offer.pdf", 1000))]


def test_the_refusal_of_a_file_does_not_stop_others(desk):
    refused, fine = desk.add(), desk.add("plan.docx")
    path = f"v1/files/{refused}/download"
    desk.office.sandbox.inject(faults.refused(path, 403, "No access to this file"))
    report = desk.load()

    assert (1, 1) == (report.refused, report.downloaded)
    assert {refused: "refused", fine: "stored"} == desk.statuses()
    assert [(refused,)] == desk.office.query(
        "SELECT file_id FROM _pipedrive_downloads WHERE message LIKE '403: No access to this file%'"
    )
    desk.load()
    assert 2 == len(desk.downloads())

    desk.office.sandbox.clear_faults()
    desk.office.advance(minutes=5)
    desk.office.world.edit("files", refused, description="new")
    desk.load()
    assert {refused: "stored", fine: "stored"} == desk.statuses()


@pytest.mark.slow
def test_a_full_load_requests_refused_and_lost_files_again(desk):
    refused, lost = desk.add(), desk.add("plan.docx")
    path = f"v1/files/{refused}/download"
    desk.office.sandbox.inject(faults.refused(path, 404, "File not found"))
    desk.load()
    desk.target.store.remove(path_of(content("plan.docx", 1000)))
    desk.office.sandbox.clear_faults()
    desk.load()
    assert 2 == len(desk.downloads())

    desk.load(full=True)
    assert {refused: "stored", lost: "stored"} == desk.statuses()
    assert 2 == len(desk.stored)


@pytest.mark.slow
def test_refusals_of_the_whole_account_stop(desk):
    for number in range(MOST_IN_A_ROW + 5):
        desk.add(f"{number}.pdf")
    desk.office.sandbox.inject(faults.refused("v1/files/*/download", 403, "No downloads"))
    with pytest.raises(LoadFailed, match="No downloads"):
        desk.load()
    assert MOST_IN_A_ROW == len(desk.downloads())
    assert [(MOST_IN_A_ROW + 5,)] == desk.office.query(
        "SELECT count(*) FROM files WHERE _deleted_at IS NULL"
    )


@pytest.mark.slow
def test_an_account_that_has_not_paid_stops_at_once(desk):
    desk.add()
    desk.add("plan.docx")
    desk.office.sandbox.inject(faults.refused("v1/files/*/download", 402, "Trial has ended"))
    with pytest.raises(LoadFailed, match="Trial has ended"):
        desk.load()
    assert 1 == len(desk.downloads())
    assert {} == desk.statuses()


def test_a_truncated_file_is_no_file_and_is_requested_again_later(desk):
    file = desk.add()
    desk.office.sandbox.inject(faults.truncated("storage/*").always())
    report = desk.load()
    assert (1, 0) == (report.failed, report.downloaded)
    assert {file: "failed"} == desk.statuses()
    assert {} == desk.stored

    desk.load()  # at once, then after growing waits
    desk.load()
    assert 2 == len(desk.downloads())
    desk.office.sandbox.clear_faults()
    desk.office.advance(hours=3)
    desk.load()
    assert {file: "stored"} == desk.statuses()


def test_waits_between_attempts_grow_and_end():
    waits = [
        notes.Note(file_id=1, attempts=attempts, attempted_at=NOON).next_attempt_at - NOON
        for attempts in (1, 2, 3, 7, 70)
    ]
    hours = [timedelta(hours=number) for number in (0, 2, 6, 126, 126)]
    assert hours == waits


def test_the_token_cap_stops_and_the_next_run_continues(desk):
    for number in range(3):
        desk.add(f"{number}.pdf")
    report = desk.load(caps=Caps(per_run=2 * COST))
    assert (2, 1) == (report.downloaded, report.waiting)
    assert "PIPEDRIVE_TOKENS_PER_RUN" in str(report)

    report = desk.load(caps=Caps(per_day=3 * COST))
    assert (1, 0) == (report.downloaded, report.waiting)
    desk.add("late.pdf")
    desk.office.advance(minutes=5)
    report = desk.load(caps=Caps(per_day=3 * COST))
    assert (0, 1) == (report.downloaded, report.waiting)
    assert "PIPEDRIVE_TOKENS_PER_DAY" in str(report)


def test_rules_and_the_row_filter_decide_before_any_request(desk):
    wanted = desk.add()
    desk.add("photo.png")
    desk.add("large.pdf", file_size=5000)
    desk.add("other.pdf", deal_id=None, person_id=desk.office.world.ids("persons")[0])
    desk.add("hidden.pdf")
    desk.add("gone.pdf", active_flag=False)
    desk.rules = "deals:pdf<2KB"
    shown = row_filters("files.name != 'hidden.pdf'")["files"]
    request = LoadRequest(
        entities=(replace(BY_NAME["files"], row_filter=shown),),
        window=Window(start=desk.office.midnight),
        attachments=desk.target,
    )
    load(desk.office.connection, desk.office.warehouse, request)
    assert {wanted: "stored"} == desk.statuses()
    assert [f"/v1/files/{wanted}/download"] == desk.downloads()


@pytest.mark.slow
def test_files_that_are_only_linked_are_named_and_not_requested(desk):
    file = desk.add(remote_location="googledrive")
    report = desk.load()
    assert (1, 0, 0) == (report.remote, report.downloaded, report.stats.tokens)
    assert [(file, "remote")] == desk.office.query(
        "SELECT file_id, status FROM _pipedrive_downloads WHERE message LIKE '%googledrive%'"
    )
    assert 0 == desk.load().remote


@pytest.mark.slow
def test_a_file_whose_size_changes_is_downloaded_again(desk):
    file = desk.add()
    desk.load()
    desk.office.advance(minutes=5)
    desk.office.world.edit("files", file, file_size=2000)
    desk.load()
    assert [(path_of(content("offer.pdf", 2000)),)] == desk.office.query(
        "SELECT path FROM _pipedrive_downloads"
    )


def test_contents_stay_when_files_are_deleted_in_pipedrive_unless_purged(desk):
    kept, gone, twin = desk.add(), desk.add("plan.docx"), desk.add()
    desk.load()
    desk.office.advance(minutes=5)
    for file in (gone, twin):
        desk.office.world.purge("files", file)
    desk.load()
    desk.office.reconcile("files", accept_loss=True)
    assert 2 == len(desk.stored)

    desk.office.reconcile("files", accept_loss=True, purge_deleted=True)
    report = desk.load(purge_deleted=True)
    assert 2 == report.deleted
    assert {path_of(content("offer.pdf", 1000))} == {*desk.stored}
    assert "stored" == desk.statuses()[kept]


@pytest.mark.slow
def test_a_folder_that_was_moved_is_found_without_a_request(desk, tmp_path):
    file = desk.add()
    desk.load()
    (tmp_path / "files").rename(tmp_path / "moved")
    desk.url = str(tmp_path / "moved")
    desk.load()
    assert 1 == len(desk.downloads())
    assert [(file, desk.url)] == desk.office.query(
        "SELECT file_id, location FROM _pipedrive_downloads WHERE status = 'stored'"
    )


def erase_person(desk, person, **how):
    purge_person(desk.office.warehouse, person, NOON, **how)
    with desk.office.warehouse.sql() as sql:
        return erase.delete_contents(sql, desk.target.store)


@pytest.mark.parametrize("shared", [pytest.param(False, marks=pytest.mark.slow), True])
def test_an_erased_person_takes_their_files_along(desk, shared):
    person = desk.office.world.ids("persons")[0]
    own = desk.add("passport.pdf", deal_id=None, person_id=person)
    of_deal = desk.add("contract.pdf", person_id=person)
    same = desk.add("offer.pdf", deal_id=None, person_id=person)
    other = desk.add("offer.pdf")
    desk.load()
    erase_person(desk, person, erase_shared_files=shared)

    left = {"offer.pdf"} if shared else {"offer.pdf", "contract.pdf"}
    assert {path_of(content(name, 1000)) for name in left} == {*desk.stored}
    desk.load(full=True)
    assert {path_of(content(name, 1000)) for name in left} == {*desk.stored}
    statuses = desk.statuses()
    assert {of_deal, other} == {*statuses}
    assert not {own, same} & {*statuses}
    assert ("erased" if shared else "stored", "stored") == (statuses[of_deal], statuses[other])


@pytest.mark.slow
def test_a_killed_purge_is_completed_by_the_next_load(desk, monkeypatch):
    person = desk.office.world.ids("persons")[0]
    desk.add("passport.pdf", deal_id=None, person_id=person)
    desk.load()
    purge_person(desk.office.warehouse, person, NOON)
    assert 1 == len(desk.stored)
    assert 1 == desk.load().deleted
    assert {} == desk.stored


@pytest.mark.slow
def test_the_command_purge_asks_about_files_of_other_records(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPEDRIVE_DOWNLOAD_TO", "files")
    monkeypatch.setenv("PIPEDRIVE_DOWNLOAD_FILES", "persons:*")
    assert 0 == main(["load", "persons", "files"])
    assert "Attachments: " in capsys.readouterr().out
    monkeypatch.setenv("PIPEDRIVE_DOWNLOAD_FILES", "*:*")
    assert 0 == main(["plan", "files"])
    assert " attachments are to be downloaded" in capsys.readouterr().out
    warehouse = warehouse_of(Settings.from_env())
    with warehouse.sql() as sql:
        ((person, file),) = sql.execute_sql(
            "SELECT f.person_id, f.id FROM files f JOIN _pipedrive_downloads d ON d.file_id = f.id "
            "WHERE d.status = 'stored' ORDER BY f.id LIMIT 1"
        )
        sql.execute_sql(f"UPDATE files SET deal_id = 1 WHERE id = {file}")
    warehouse.close()

    assert 2 == main(["purge", "--person", str(person)])
    assert "--files" in capsys.readouterr().err
    monkeypatch.delenv("PIPEDRIVE_DOWNLOAD_FILES")
    monkeypatch.setenv("PIPEDRIVE_DOWNLOAD_TO", "elsewhere")
    assert 2 == main(["purge", "--person", str(person), "--files", "delete"])
    assert "PIPEDRIVE_DOWNLOAD_TO" in capsys.readouterr().err
    monkeypatch.setenv("PIPEDRIVE_DOWNLOAD_TO", "files")
    assert 0 == main(["purge", "--person", str(person), "--files", "delete"])
    assert "attachments deleted" in capsys.readouterr().out
