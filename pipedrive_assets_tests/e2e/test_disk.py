"""Disks that are full or may not be written: one sentence, nothing lost, and the next run is
whole. Needs to be root, to mount disks of a given size."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipedrive_assets.errors import LoadFailed, WarehouseError
from pipedrive_assets_tests.conftest import Office

TABLES = ("stages", "persons", "deals", "deals_flow")
FULL = "Free up disk space and run again."

Mount = Callable[[str], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Mount]]:
    """A folder, and what mounts a disk of a size there, or gives it another one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted: list[str] = []

    def mount(options: str) -> None:
        how = f"remount,{options}" if mounted else options
        command = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, check=False).returncode:
            pytest.skip("only root may mount a disk")
        mounted.append(options)

    yield folder, mount
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def refusal(office: Office) -> str:
    with pytest.raises((LoadFailed, WarehouseError)) as caught:
        office.load(*TABLES)
    assert 2 == caught.value.exit_code
    return str(caught.value)


@pytest.mark.samples(1)
@pytest.mark.parametrize("size", ["4k", "300k", "1m"])
def test_a_full_disk_under_the_warehouse_loses_nothing(disk, size):
    folder, mount = disk
    mount(f"size={size}")
    office = Office(folder, deals=10)

    assert FULL in refusal(office)

    mount("size=300m")
    office.load(*TABLES)
    assert [] == office.differences(*TABLES)
    office.warehouse.close()


@pytest.mark.samples(2)
@pytest.mark.parametrize("size", ["4k", "100k", "200k", "300k"])
def test_a_full_disk_under_the_working_files_loses_nothing(disk, tmp_path, monkeypatch, size):
    folder, mount = disk
    mount(f"size={size}")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    office = Office(tmp_path, deals=10)

    assert str(folder) in refusal(office)

    mount("size=300m")
    office.load(*TABLES)
    assert [] == office.differences(*TABLES)
    office.warehouse.close()


def test_a_disk_that_may_not_be_written_says_so(disk):
    folder, mount = disk
    mount("size=300m")
    office = Office(folder, deals=2)
    office.load("stages")
    mount("ro")

    said = refusal(office)

    assert "may not read or write" in said or "cannot be written" in said
    mount("rw")
    office.load(*TABLES)
    assert [] == office.differences(*TABLES)
    office.warehouse.close()
