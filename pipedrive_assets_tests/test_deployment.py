"""The deployment files say what the project is, as far as that can be checked without their
programs."""

import configparser
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]


def read(name):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def test_the_instance_in_postgres_differs_from_the_one_on_disk_in_where_history_lies():
    disk, postgres = read("dagster.yaml"), read("deploy/postgres/dagster.yaml")
    places = {"storage", "local_artifact_storage"}

    assert {name: disk[name] for name in disk if name not in places} == {
        name: postgres[name] for name in postgres if name not in places
    }
    assert ["postgres"] == list(postgres["storage"])


def test_the_document_gives_the_instance_in_postgres_as_it_is():
    instance = (ROOT / "deploy/postgres/dagster.yaml").read_text("utf-8").partition("\n\n")[2]

    assert f"```yaml\n{instance}```" in (ROOT / "docs" / "operations.md").read_text("utf-8")


def test_compose_gives_the_instance_every_value_it_asks_for():
    asked = read("deploy/postgres/dagster.yaml")["storage"]["postgres"]["postgres_db"]
    given = read("compose.yaml")["services"]["daemon"]["environment"]

    assert {value["env"] for value in asked.values() if isinstance(value, dict)} == set(given)


def test_the_image_copies_only_what_is_there_and_what_its_context_holds():
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    (default,) = [line.partition("=")[2] for line in lines if line.startswith("ARG REQUIREMENTS=")]
    copied = [
        name.replace("${REQUIREMENTS}", default)
        for line in lines
        if line.startswith("COPY")
        for name in line.split()[1:-1]
    ]
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }

    assert all((ROOT / name).exists() for name in copied)
    assert {name.partition("/")[0] for name in copied} <= kept


@pytest.mark.parametrize("unit", ["pipedrive-daemon", "pipedrive-webserver"])
def test_units_run_in_the_folder_that_holds_the_instance(unit):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(ROOT / "deploy" / "systemd" / f"{unit}.service")
    service = parser["Service"]

    assert service["ExecStart"].startswith(f"{service['WorkingDirectory']}/.venv/bin/dagster-")
