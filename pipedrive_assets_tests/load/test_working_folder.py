"""Rows that a killed run left in working files do not stay there; nothing else is removed."""

import errno
import json
from dataclasses import replace
from unittest.mock import Mock

import pytest

from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.process_identity import ProcessIdentity
from pipedrive_assets.warehouse.temp_dir import MARKER, PREFIX, sweep, working_folder
from pipedrive_assets_tests.facts import raises

NO_PROCESS = 2**22 + 1
"""No process of Linux has this number."""


def folder_of(tmp_path, process, name=f"{PREFIX}x1y2"):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "rows.jsonl").write_text("{}")
    content = {"folder": f"{PREFIX}x1y2", "process": process.to_json()}
    (folder / MARKER).write_text(json.dumps(content))
    return folder


def test_the_folder_of_a_process_that_has_ended_is_removed(tmp_path):
    folder = folder_of(tmp_path, replace(ProcessIdentity.current(), pid=NO_PROCESS))

    sweep(tmp_path)

    assert not folder.exists()


def test_the_folder_of_a_running_process_stays(tmp_path):
    folder = folder_of(tmp_path, ProcessIdentity.current())

    sweep(tmp_path)

    assert folder.exists()


@pytest.mark.parametrize("name", ["pipedrive-20241231-backup", f"{PREFIX}backup"])
def test_a_folder_without_a_marker_stays_however_it_is_called(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")

    sweep(tmp_path)

    assert folder.exists()


def test_a_copy_of_a_working_folder_stays(tmp_path):
    gone = replace(ProcessIdentity.current(), pid=NO_PROCESS)
    folder = folder_of(tmp_path, gone, name=f"{PREFIX}x1y2.bak")

    sweep(tmp_path)

    assert folder.exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"folder": "pipedrive-assets-x1y2"}', "null"])
def test_a_folder_with_a_marker_that_is_not_ours_stays(tmp_path, content):
    folder = tmp_path / f"{PREFIX}x1y2"
    folder.mkdir()
    (folder / MARKER).write_text(content)

    sweep(tmp_path)

    assert folder.exists()


def test_a_working_folder_is_swept_once_its_process_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = working_folder()
    sweep(tmp_path)
    lives = list(tmp_path.iterdir())
    monkeypatch.setattr("pipedrive_assets.process_identity._exists", lambda _pid: False)

    sweep(tmp_path)

    assert [made.name] == [str(each) for each in lives]
    assert [] == list(tmp_path.iterdir())
    made.cleanup()


def test_a_full_disk_of_working_files_is_named(monkeypatch):
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr("pathlib.Path.write_text", full)

    with raises(WarehouseError, "No space left on device", "TMPDIR"):
        working_folder()
