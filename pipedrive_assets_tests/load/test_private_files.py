"""New files are for their owner and group only, whatever the umask; old ones stay as they are."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipedrive_assets.warehouse import Warehouse
from pipedrive_assets.warehouse.private_files import make_folder, private_folder

NAME = "warehouse.duckdb"


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(each.relative_to(folder)): stat.S_IMODE(each.stat().st_mode)
        for each in folder.rglob("*")
    }


def used(folder: Path, **how: int) -> None:
    """A warehouse that was written, copied and rewritten."""
    warehouse = Warehouse(
        folder / "data" / NAME, "pipedrive_data", read_copy=folder / "bi" / "copy.duckdb", **how
    )
    warehouse.check_copy()
    with warehouse.table_lock("deals"), warehouse.sql() as sql:
        sql.execute_sql("CREATE TABLE IF NOT EXISTS deals AS SELECT 1 AS id")
    warehouse.renew_copy()
    warehouse.rewrite()
    warehouse.close()


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o640, 0o750), (0o664, 0o775)])
def test_new_files_have_the_mode_of_the_setting_whatever_the_umask(
    tmp_path: Path, file_mode: int, folder_mode: int
) -> None:
    used(tmp_path, **({} if file_mode == 0o640 else {"file_mode": file_mode}))

    found = modes(tmp_path)
    assert {f"data/{NAME}", "bi/copy.duckdb", f"data/.{NAME}.locks/deals.holder"} <= set(found)
    assert found == {
        name: folder_mode if (tmp_path / name).is_dir() else file_mode for name in found
    }


def test_files_that_exist_keep_their_mode(tmp_path: Path) -> None:
    used(tmp_path)
    for name in modes(tmp_path):
        (tmp_path / name).chmod(0o777 if (tmp_path / name).is_dir() else 0o666)

    used(tmp_path)

    assert {0o777, 0o666} == set(modes(tmp_path).values())


@pytest.mark.usefixtures("umask")
def test_what_duckdb_has_not_written_into_the_file_yet_is_as_private_as_the_file(
    tmp_path: Path,
) -> None:
    warehouse = Warehouse(tmp_path / NAME, "pipedrive_data")
    with warehouse.keep_open():
        with warehouse.sql() as sql:
            sql.execute_sql("CREATE TABLE deals AS SELECT 1 AS id")
        assert 0o640 == modes(tmp_path)[f"{NAME}.wal"]
    warehouse.close()


@pytest.mark.usefixtures("umask")
def test_nobody_else_can_enter_the_folder_in_which_files_are_made(tmp_path: Path) -> None:
    left = tmp_path / f".{NAME}.new"
    make_folder(left, 0o666)
    (left / "half a file").touch()

    with private_folder(tmp_path / NAME) as folder:
        assert {left.name: 0o700} == modes(tmp_path)
        (folder / "x").touch()

    assert {} == modes(tmp_path)
