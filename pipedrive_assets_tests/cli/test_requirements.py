"""`dlt requirements`: where a requirements file installs this package from."""

import json
from importlib.metadata import Distribution

import pytest
from packaging.requirements import Requirement

from pipedrive_assets.cli import main, requirements

INIT = "dlt[duckdb]<1.32,>=1.31\npipedrive-assets[dlt]>=0.1.0"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Installed(Distribution):
    """An installed package with this `direct_url.json`."""

    def __init__(self, direct):
        self.direct = direct

    version = "0.1.0"

    def read_text(self, _filename):
        return self.direct and json.dumps(self.direct)

    def locate_file(self, path):
        raise NotImplementedError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text(INIT, "utf-8")
    return path


@pytest.mark.parametrize(
    ("direct", "expected"),
    [
        (None, "==0.1.0"),
        ({"url": "file:///clone", "dir_info": {"editable": True}}, " @ file:///clone"),
        ({"url": "file:///a/x.whl", "archive_info": {}}, " @ file:///a/x.whl"),
        (
            {"url": "https://u:s3cret@git.acme.com/p", "vcs_info": {"vcs": "git"}},
            f" @ git+https://git.acme.com/p@{COMMIT}",
        ),
        (
            {"url": "ssh://git@git.acme.com/p", "vcs_info": {"vcs": "git"}, "subdirectory": "a"},
            f" @ git+ssh://git@git.acme.com/p@{COMMIT}#subdirectory=a",
        ),
    ],
)
def test_the_requirement_is_where_the_package_was_installed_from(
    file, monkeypatch, direct, expected
):
    for info in [direct["vcs_info"]] if direct and "vcs_info" in direct else []:
        info["commit_id"] = COMMIT
    monkeypatch.setattr(requirements, "distribution", lambda _name: Installed(direct))

    assert 0 == main(["dlt", "requirements", str(file)])

    kept, ours = file.read_text("utf-8").splitlines()
    assert INIT.splitlines()[0] == kept
    assert f"pipedrive-assets[dlt]{expected}" == ours
    assert "pipedrive-assets" == Requirement(ours).name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://git.acme.com/p.git", "git+https://git.acme.com/p.git"),
        ("git+ssh://git@git.acme.com/p", "git+ssh://git@git.acme.com/p"),
        ("https://acme.com/p-0.1.0-py3-none-any.whl", "https://acme.com/p-0.1.0-py3-none-any.whl"),
    ],
)
def test_a_source_can_be_given(file, source, expected):
    assert 0 == main(["dlt", "requirements", str(file), "--from", source])
    assert 0 == main(["dlt", "requirements", str(file), "--from", source])

    assert f"pipedrive-assets[dlt] @ {expected}" == file.read_text("utf-8").splitlines()[-1]
    assert 2 == len(file.read_text("utf-8").splitlines())


def test_a_folder_can_be_given(file, tmp_path):
    assert 0 == main(["dlt", "requirements", str(file), "--from", str(tmp_path)])

    assert file.read_text("utf-8").endswith(f"pipedrive-assets[dlt] @ {tmp_path.as_uri()}\n")


@pytest.mark.parametrize("source", ["nowhere", "https://me:s3cret@git.acme.com/p.git"])
def test_other_sources_are_refused(file, capsys, source):
    assert 2 == main(["dlt", "requirements", str(file), "--from", source])

    assert INIT == file.read_text("utf-8")
    assert "s3cret" not in capsys.readouterr().err


def test_a_missing_file_is_not_made(tmp_path, capsys):
    assert 2 == main(["dlt", "requirements", str(tmp_path / "requirements.txt"), "--from", "."])

    assert "dlt init" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())
