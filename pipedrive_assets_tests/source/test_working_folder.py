"""Rows that a killed run left in working files do not stay there."""

import os

import pytest

from pipedrive_assets.source.working_folder import SWEPT_AFTER_SECONDS, sweep

NOBODY = 2**22 + 1
"""No process of Linux has this number."""


@pytest.mark.parametrize(
    ("owner", "age", "stays"),
    [
        (NOBODY, SWEPT_AFTER_SECONDS + 1, False),
        (NOBODY, SWEPT_AFTER_SECONDS - 1, True),
        (os.getpid(), SWEPT_AFTER_SECONDS + 1, True),
        ("somebody", SWEPT_AFTER_SECONDS + 1, True),
    ],
    ids=["gone and old", "gone and young", "alive", "nobody's"],
)
def test_only_old_folders_of_processes_that_are_no_more_are_swept(tmp_path, owner, age, stays):
    folder = tmp_path / f"pipedrive-{owner}-x1y2"
    folder.mkdir()
    (folder / "rows.jsonl").write_text("{}")

    sweep(tmp_path, folder.stat().st_mtime + age)

    assert stays == folder.exists()
