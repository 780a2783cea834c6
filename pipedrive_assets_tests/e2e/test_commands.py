"""The three ways it is used, literally as typed."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES
from pipedrive_assets.windows import utc_now
from pipedrive_assets_tests.load.test_load import DERIVED
from pipedrive_assets_tests.truth import account_rows, differences

BARE = "dagster asset materialize --select deals+"
STAGES = "dagster asset materialize --select stages"
DEALS_PLUS = (
    "deals",
    "deals_participants",
    "deals_flow",
    "deals_products",
    "deals_installments",
)
EVERYTHING = [entity.name for entity in DEFAULT_ENTITIES]


def account_differences(project, sandbox, names):
    database = str(project.folder / "data" / "warehouse.duckdb")
    return [
        difference
        for name in names
        if BY_NAME[name].shape not in OWN_SHAPES
        for difference in differences(
            database, "pipedrive_data", BY_NAME[name], account_rows(sandbox, BY_NAME[name])
        )
        if not any(f".{column}:" in difference for column in DERIVED)
    ]


def day(ago):
    return (utc_now() - timedelta(days=ago)).date().isoformat()


@pytest.mark.soak  # test_tutorial.py runs it twice, too
def test_try_loads_an_invented_company_and_the_second_time_a_day_more(project):
    first = project.run("python -m pipedrive_assets try")
    deals = project.query("SELECT count(*) FROM deals")
    second = project.run("python -m pipedrive_assets try")

    assert 0 == first.returncode, first.stdout
    assert 0 == second.returncode, second.stdout
    assert "this data is INVENTED" in first.stdout
    assert "Open deals by stage and currency:" in first.stdout
    rows = {line.split()[0]: line.split() for line in second.stdout.splitlines() if "  " in line}
    assert 0 < int(rows["deals"][1]) < deals[0][0]


def test_the_bare_command_works_in_all_its_forms(project):
    said = []
    for command in (
        BARE,
        f"{STAGES} --partition {day(2)}",
        f"{STAGES} --partition-range {day(4)}...{day(2)}",
    ):
        done = project.run(command)
        said.append(done.stdout)
        assert 0 == done.returncode, done.stdout

    assert f"{BARE} -m pipedrive_assets --partition {day(0)}" in said[0]
    assert "this data is INVENTED" in said[0]
    assert {*DEALS_PLUS, "stages"} == {
        name for (name,) in project.query("SELECT DISTINCT entity FROM _pipedrive_loads")
    }


def test_without_the_line_in_dagster_yaml_all_else_works(project):
    path = project.folder / "dagster.yaml"
    kept = [line for line in path.read_text().splitlines() if "instance_class" not in line]
    path.write_text("\n".join(kept))

    bare = project.run(STAGES)
    spelled_out = project.run(f"{STAGES} -m pipedrive_assets --partition {day(0)}")
    valid = project.run("dagster definitions validate")

    assert 0 != bare.returncode
    assert 0 == spelled_out.returncode, spelled_out.stdout
    assert 0 == valid.returncode, valid.stdout


def test_an_account_is_loaded_whole_and_then_kept_equal_and_its_token_is_nowhere(project, account):
    sandbox, environment = account
    loud = {**environment, "RUNTIME__LOG_LEVEL": "DEBUG"}

    first = project.run(f"dagster asset materialize --select {','.join(EVERYTHING)}", **loud)
    assert 0 == first.returncode, first.stdout
    assert [] == account_differences(project, sandbox, EVERYTHING)

    sandbox.world.edit("deals", 7, title="Ändərung ✓")
    sandbox.world.archive("deals", 8)
    sandbox.world.delete("deals", 9)
    sandbox.log.clear()
    second = project.run(BARE, **loud)

    assert 0 == second.returncode, second.stdout
    assert [] == account_differences(project, sandbox, DEALS_PLUS[:2])
    assert [("Ändərung ✓",)] == project.query(
        "SELECT title FROM deals WHERE id = 7", "data/warehouse.duckdb"
    )
    lists = ("/api/v2/deals", "/api/v2/deals/archived")
    assert len([line for line in sandbox.log if line.path in lists]) <= 3

    wrong = project.run(STAGES, **{**loud, "PIPEDRIVE_API_TOKEN": "wr0ng-token-0123456789"}).stdout

    assert [] == files_with(project, sandbox.api_token, "wr0ng-token")
    assert sandbox.api_token not in first.stdout + second.stdout
    assert "wr0ng-token" not in wrong
    assert "Compare PIPEDRIVE_API_TOKEN" in wrong


def files_with(project, *secrets):
    """Files of the project and of its home in which one of the secrets is."""
    return [
        path
        for folder in (project.folder, project.folder.parent / "home")
        for path in folder.rglob("*")
        if path.is_file() and any(each.encode() in path.read_bytes() for each in secrets)
    ]


def test_a_wrong_setting_ends_a_command_with_one_sentence(project):
    done = project.run(STAGES, PIPEDRIVE_FIRST_PARTITION="someday")

    assert 0 != done.returncode
    assert "PIPEDRIVE_FIRST_PARTITION: 'someday' is not usable." in done.stdout
    assert "Traceback" not in done.stdout


def test_the_doctor_is_content_with_the_sandbox_and_an_account_and_finds_a_wrong_token(
    project, account
):
    _, environment = account
    nothing_yet = project.run("python -m pipedrive_assets doctor --quick")
    content = project.run("python -m pipedrive_assets doctor", **environment)
    wrong = project.run(
        "python -m pipedrive_assets doctor", **{**environment, "PIPEDRIVE_API_TOKEN": "wr0ng"}
    )

    assert 0 == nothing_yet.returncode, nothing_yet.stdout
    assert 0 == content.returncode, content.stdout
    assert "readable: deals" in content.stdout
    assert 3 == wrong.returncode, wrong.stdout
    assert "a regenerated token replaces the old one" in wrong.stdout
    assert environment["PIPEDRIVE_API_TOKEN"] not in content.stdout


def test_a_load_killed_at_any_moment_is_completed_by_the_next(project, account, tmp_path):
    sandbox, environment = account
    for seconds in (5.0, 8.0):
        process = project.start(BARE, tmp_path / "killed.log", **environment)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    done = project.run(BARE, **environment)

    assert 0 == done.returncode, done.stdout
    assert [] == account_differences(project, sandbox, DEALS_PLUS)


def test_a_program_that_has_the_file_open_is_waited_for(project, account):
    _, environment = account
    (project.folder / "data").mkdir()
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import duckdb, time; c = duckdb.connect('data/warehouse.duckdb'); "
                "print('open', flush=True); time.sleep(6)"
            ),
        ],
        cwd=project.folder,
        stdout=subprocess.PIPE,
    )
    assert reader.stdout.readline() == b"open\n"

    done = project.run("python -m pipedrive_assets load stages", **environment)

    reader.wait()
    assert 0 == done.returncode, done.stdout


def test_a_load_beside_another_waits_its_turn(project, account, tmp_path):
    sandbox, environment = account
    commands = [
        project.start("python -m pipedrive_assets load", tmp_path / f"{number}.log", **environment)
        for number in range(2)
    ]

    codes = [command.wait(timeout=240) for command in commands]

    assert [0, 0] == codes, [(tmp_path / f"{number}.log").read_text() for number in range(2)]
    assert [] == account_differences(project, sandbox, EVERYTHING)
