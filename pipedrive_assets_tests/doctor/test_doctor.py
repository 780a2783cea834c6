"""Each finding, with its remedy; and the command's exit code."""

import contextlib
import errno
import os
import re
import sqlite3
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest.mock import Mock

import duckdb
import filelock
import pytest

from pipedrive_assets.api.verdict import ApiReply
from pipedrive_assets.cli import doctor as command
from pipedrive_assets.cli import main
from pipedrive_assets.config import SECRETS, SETTINGS, Settings
from pipedrive_assets.connect import Connection
from pipedrive_assets.doctor import Finding, Level, examine
from pipedrive_assets.doctor.account_checks import check_clock, check_limits, check_user
from pipedrive_assets.doctor.dagster_checks import check_home
from pipedrive_assets.doctor.folder_checks import check_folders
from pipedrive_assets.doctor.rights import check_rights, cost, probes
from pipedrive_assets.doctor.scopes import check_scopes
from pipedrive_assets.doctor.settings_checks import check_settings
from pipedrive_assets.doctor.warehouse_checks import Usage, check_holder, check_warehouse, holder_of
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.registry import BY_NAME, DEFAULT_ENTITIES, ENTITIES
from pipedrive_assets.sandbox import Sandbox, faults
from pipedrive_assets_tests.facts import mentions, raises
from pipedrive_assets_tests.load.test_refused_fields import refuse
from pipedrive_assets_tests.oauth_app import signed_in

TOKEN = "0123456789abcdef0123456789abcdef01234567"
NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
HEADROOM = Usage(total=1 << 40, used=0, free=1 << 40)


def only(found: list[Finding], level: Level) -> list[Finding]:
    return [finding for finding in found if finding.level is level]


def told(found: list[Finding]) -> str:
    return "\n".join(f"{finding.text} {finding.remedy}" for finding in found)


def open_to(sandbox: Sandbox, office) -> object:
    return lambda _settings: Connection(client=office.connection.client, is_sandbox=False)


# Settings


def test_each_setting_is_shown_with_its_value_and_where_it_stands(tmp_path):
    (tmp_path / ".env").write_text("PIPEDRIVE_OVERLAP_MINUTES=7\n")
    found, settings = check_settings({"PIPEDRIVE_API_TOKEN": TOKEN}, tmp_path)

    assert len(SETTINGS) == len(found)
    assert "PIPEDRIVE_API_TOKEN: set (environment)" in told(found)
    assert "PIPEDRIVE_OVERLAP_MINUTES: 7 (.env)" in told(found)
    assert "PIPEDRIVE_DAILY_AT: 02:15 (default)" in told(found)
    assert TOKEN not in repr(found)
    assert settings.api_token.get_secret_value() == TOKEN


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["https://hooks.example.com/s3cret", "s3cret with blanks"])
def test_no_secret_is_shown_right_or_wrong(tmp_path, name, value):
    found, settings = check_settings({name: value}, tmp_path)

    assert "s3cret" not in repr(found) + repr(settings)
    assert f"{name}: " in told(found)


def test_every_wrong_setting_is_named_not_only_the_first(tmp_path):
    wrong = {"PIPEDRIVE_OVERLAP_MINUTES": "soon", "PIPEDRIVE_DAILY_AT": "noon"}
    found, settings = check_settings(wrong, tmp_path)

    assert settings is None
    assert [2, 2] == [finding.exit_code for finding in only(found, Level.FAIL)]
    assert SETTINGS["PIPEDRIVE_DAILY_AT"].json_schema_extra["remedy"] in told(found)
    assert "PIPEDRIVE_OVERLAP_MINUTES (environment)" in told(found)


def test_a_misspelt_setting_gets_the_name_that_is_meant(tmp_path):
    found, _ = check_settings({"PIPEDRIVE_OVERLAP_MINUTE": "5"}, tmp_path)

    (warning,) = only(found, Level.WARN)
    assert "PIPEDRIVE_OVERLAP_MINUTES?" in warning.remedy


def test_a_missing_token_and_an_unreadable_file_are_failures(tmp_path):
    found, settings = check_settings({"PIPEDRIVE_BASE_URL": "acme"}, tmp_path)
    assert settings is None
    assert "PIPEDRIVE_API_TOKEN" in only(found, Level.FAIL)[0].text

    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    (failure,), settings = check_settings({}, tmp_path)
    assert settings is None
    assert ".env" in failure.text


# Warehouse


def test_a_warehouse_that_is_not_there_is_made_by_the_first_load(tmp_path):
    found = list(check_warehouse(tmp_path / "data" / "w.duckdb", usage=lambda _: HEADROOM))

    assert [] == only(found, Level.FAIL) + only(found, Level.WARN)
    assert str(tmp_path / "data" / "w.duckdb") in found[0].text
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("free", "level"), [(1, Level.FAIL), (1 << 29, Level.WARN)])
def test_a_disk_with_little_room_is_told(tmp_path, free, level):
    usage = replace_free(free)
    found = only(list(check_warehouse(tmp_path / "w.duckdb", usage=usage)), level)

    assert 2 == len(found)
    assert all(finding.remedy for finding in found)
    assert "TMPDIR" in found[1].text


def replace_free(free: int):
    return lambda _path: HEADROOM._replace(free=free)


def test_rights_folders_and_foreign_files_are_told(tmp_path):
    (tmp_path / "folder.duckdb").mkdir()
    (tmp_path / "text.duckdb").write_text("not a database, but long enough to be read as one" * 99)

    def failure(path: Path, **how: object) -> str:
        return told(only(list(check_warehouse(path, usage=lambda _: HEADROOM, **how)), Level.FAIL))

    found = [
        failure(tmp_path / "w.duckdb", writable=lambda _: False),
        failure(tmp_path / "folder.duckdb"),
        failure(tmp_path / "text.duckdb" / "x" / "w.duckdb"),
        failure(tmp_path / "text.duckdb"),
    ]
    assert 4 == len(set(found))
    assert all("PIPEDRIVE_WAREHOUSE" in text for text in found)


def test_a_file_of_another_database_is_not_opened(tmp_path):
    """DuckDB would download an extension to open SQLite's files."""
    path = tmp_path / "w.duckdb"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE a (b)")

    (found,) = only(list(check_warehouse(path, usage=lambda _: HEADROOM)), Level.FAIL)
    assert "is not a DuckDB file" in told([found])
    with raises(WarehouseError, path, "is not a DuckDB file"):
        holder_of(path, "pipedrive_data")


def test_a_file_that_cannot_be_read_is_a_failure(tmp_path, monkeypatch):
    path = tmp_path / "w.duckdb"
    duckdb.connect(str(path)).close()
    broken = Mock(side_effect=OSError(errno.EIO, "Input/output error"))
    monkeypatch.setattr("pathlib.Path.open", broken)

    (found,) = only(list(check_warehouse(path, usage=lambda _: HEADROOM)), Level.FAIL)

    assert "disk or network share" in told([found])
    with raises(WarehouseError, "disk or network share"):
        holder_of(path, "pipedrive_data")


def test_a_warehouse_held_by_a_run_names_it(tmp_path):
    path = tmp_path / "w.duckdb"
    duckdb.connect(str(path)).close()
    with filelock.FileLock(f"{path}.lock"):
        Path(f"{path}.lock.holder").write_text("process 4711: load")
        found = list(check_warehouse(path, usage=lambda _: HEADROOM))

    assert "process 4711: load" in told(only(found, Level.WARN))
    assert [] == only(list(check_warehouse(path, usage=lambda _: HEADROOM)), Level.WARN)


def test_a_warehouse_of_another_account_is_a_failure(office):
    office.load("stages")
    path = office.warehouse.path
    company = office.query("SELECT company_id FROM _pipedrive_account")[0][0]

    (same,) = check_holder(path, "pipedrive_data", company, is_sandbox=True)
    (other,) = check_holder(path, "pipedrive_data", company + 1, is_sandbox=True)
    assert Level.OK is same.level
    assert (Level.FAIL, 2) == (other.level, other.exit_code)
    assert "PIPEDRIVE_WAREHOUSE" in other.remedy
    assert [] == list(check_holder(path.with_name("none"), "pipedrive_data", 1, is_sandbox=True))


# Folders


def test_folders_of_replies_and_attachments_are_checked_without_writing(tmp_path):
    settings = Settings(
        root=tmp_path, found={}, raw_to="raw", download_to="memory://files", tables="deals,files"
    )

    found = list(check_folders(settings))

    assert [Level.OK] * 2 == [each.level for each in found]
    assert f"PIPEDRIVE_RAW_TO: {tmp_path}/raw" in told(found)
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_used_is_a_failure(tmp_path):
    (tmp_path / "raw").write_text("a file")
    settings = Settings(
        root=tmp_path, found={}, raw_to="raw/of/company", download_to="nosuch://bucket"
    )

    raw, downloads = check_folders(settings)

    assert Level.FAIL is raw.level
    assert os.strerror(errno.ENOTDIR) in raw.text
    assert Level.FAIL is downloads.level
    assert "PIPEDRIVE_DOWNLOAD_TO nosuch://bucket" in downloads.text


def test_a_store_that_refuses_the_credentials_is_a_failure(tmp_path, monkeypatch):
    def refuse(*_args, **_how):
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.info", refuse)

    (found,) = check_folders(Settings(root=tmp_path, found={}, raw_to="memory://raw"))

    assert Level.FAIL is found.level
    assert os.strerror(errno.EACCES) in found.text


# Account


@pytest.mark.parametrize(
    ("access", "level"),
    [
        ([{"app": "sales", "admin": False}, {"app": "global", "admin": True}], Level.OK),
        ([{"app": "sales", "admin": True}, {"app": "global", "admin": False}], Level.WARN),
        (None, Level.WARN),
        ("?", Level.WARN),
    ],
)
def test_a_user_who_is_no_global_admin_sees_less(access, level):
    found = list(check_user({"name": "Ann", "access": access}))
    assert level is found[1].level


def headers(**told: str) -> ApiReply:
    given = {name.replace("_", "-"): value for name, value in told.items()}
    return ApiReply(status=200, headers=given, content=b"")


def test_limits_and_the_days_tokens_are_told_where_pipedrive_tells_them():
    left, limit = "x_daily_ratelimit_token_remaining", "x_daily_ratelimit_token_limit"
    known = list(check_limits(headers(x_ratelimit_limit="20", **{left: "900", limit: "1000"})))
    scarce = list(check_limits(headers(x_ratelimit_limit="20", **{left: "99", limit: "1000"})))
    silent = list(check_limits(headers()))

    assert [Level.OK, Level.OK] == [finding.level for finding in known]
    assert re.match(mentions("900", "1,000"), known[1].text)
    assert [Level.OK, Level.WARN] == [finding.level for finding in scarce]
    assert [Level.WARN, Level.WARN] == [finding.level for finding in silent]
    assert all(finding.remedy for finding in silent)


@pytest.mark.parametrize(
    ("seconds", "level"), [(0, Level.OK), (59, Level.OK), (300, Level.WARN), (-300, Level.WARN)]
)
def test_a_clock_that_is_off_is_told(seconds, level):
    reply = headers(date="Tue, 10 Mar 2026 12:00:00 GMT")
    assert level is check_clock(reply, NOW + timedelta(seconds=seconds)).level
    assert Level.WARN is check_clock(headers(), NOW).level


# Rights


def test_every_table_is_probed_once_at_the_cost_told(make_office):
    office = make_office(deals=40)
    calls = probes(ENTITIES)
    client = office.connection.client

    (line,) = check_rights(client, calls)

    assert {entity.name for entity in ENTITIES} - {"fields"} <= set(line.text[10:].split(", "))
    assert len(calls) == client.stats.requests
    assert cost(calls) == client.stats.tokens
    assert cost(calls) == office.sandbox.tokens_spent


def test_children_alone_need_a_deal_to_ask_for():
    calls = probes((BY_NAME["deals_flow"],))
    assert ["deals", "deals", "deals_flow"] == [probe.entity.name for probe in calls]


def test_a_refused_table_says_how_to_go_on_without_it(office):
    office.sandbox.inject(
        faults.refused("v1/leads", 402, "Not in your plan"),
        faults.refused("api/v2/stages", 403),
    )
    found = list(check_rights(office.connection.client, probes(DEFAULT_ENTITIES)))

    assert "PIPEDRIVE_TABLES=…,-leads" in told(only(found, Level.WARN))
    (failure,) = only(found, Level.FAIL)
    assert re.match(mentions("stages", "Forbidden", "403"), failure.text)
    assert 3 == failure.exit_code
    assert "persons" in told(only(found, Level.OK))


@pytest.mark.parametrize("status", [402, 403])
def test_a_table_that_this_user_may_not_read_says_what_an_admin_would_add(office, status):
    office.sandbox.inject(faults.refused("v1/filters", status))
    found = list(check_rights(office.connection.client, probes(DEFAULT_ENTITIES)))

    (line,) = only(found, Level.WARN)
    assert re.match(mentions("filters", "/v1/filters"), line.text)
    assert re.search(mentions("admin", BY_NAME["filters"].description), line.remedy)
    assert not only(found, Level.FAIL)


def test_a_refused_second_list_is_doubtful_and_leaves_the_table_readable(office):
    office.sandbox.inject(faults.refused("api/v2/deals/archived", 403, "Not yours"))
    found = list(check_rights(office.connection.client, probes((BY_NAME["deals"],))))

    warned = told(only(found, Level.WARN))
    assert re.match(mentions("deals", "/api/v2/deals/archived", "«Not yours"), warned)
    assert "readable: deals" in told(only(found, Level.OK))


def test_after_an_account_wide_refusal_nothing_more_is_asked(office):
    office.sandbox.inject(faults.revoked("v1/notes"))
    found = list(check_rights(office.connection.client, probes(DEFAULT_ENTITIES)))

    assert 1 == len([line for line in office.sandbox.log if line.status == 401])
    assert "PIPEDRIVE_API_TOKEN" in told(only(found, Level.FAIL))


# Dagster


def test_dagsters_home_is_found_or_missed(tmp_path):
    assert Level.WARN is check_home({}, tmp_path).level
    assert Level.FAIL is check_home({"DAGSTER_HOME": "nowhere"}, tmp_path).level
    assert Level.WARN is check_home({"DAGSTER_HOME": str(tmp_path)}, tmp_path).level
    (tmp_path / "dagster.yaml").touch()
    assert Level.OK is check_home({}, tmp_path).level
    assert Level.OK is check_home({"DAGSTER_HOME": str(tmp_path)}, tmp_path).level


# All of it


def test_an_account_in_good_order_has_nothing_but_good_lines(office, tmp_path):
    (tmp_path / "dagster.yaml").touch()
    environ = {"PIPEDRIVE_API_TOKEN": TOKEN}
    connecting = open_to(office.sandbox, office)
    found = list(examine(environ, tmp_path, connecting=connecting, now=lambda: NOW))

    assert [] == [line for line in only(found, Level.FAIL) if "GiB" not in line.text]
    topics = {"settings", "dagster", "warehouse", "account", "rights", "limits", "budget", "clock"}
    assert topics == {finding.topic for finding in found}
    assert not (tmp_path / "data").exists()


def test_a_wrong_token_is_a_failure_with_the_exit_code_of_a_run(office, tmp_path):
    office.sandbox.inject(faults.revoked())
    connecting = open_to(office.sandbox, office)
    found = list(examine({"PIPEDRIVE_API_TOKEN": TOKEN}, tmp_path, connecting=connecting))

    (failure,) = [line for line in only(found, Level.FAIL) if line.topic == "account"]
    assert 3 == failure.exit_code
    assert "PIPEDRIVE_API_TOKEN" in failure.text


def test_the_command_works_on_the_sandbox_and_says_so(capsys):
    assert 0 == command.doctor(quick=True)

    said = capsys.readouterr().out
    assert "sandbox" in said
    assert re.search(r"OK +account .*Sam Sandberg", said)
    assert "readable" not in said


def test_the_command_examines_each_of_several_accounts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "two_companies.py").write_text(
        "from pipedrive_assets.config import Settings\n"
        "accounts = {'acme': Settings(sandbox='auto'), 'globex': 'GLOBEX_TOKEN'}\n"
    )

    code = main(["doctor", "--quick", "--accounts", "two_companies:accounts"])

    said = capsys.readouterr().out
    assert 2 == code
    assert "acme: " in said
    assert "data/globex.duckdb" in said
    assert "globex: MissingTokenError" in said
    assert "GLOBEX_TOKEN" in said


@pytest.mark.parametrize("place", ["no_such_module:accounts", "json:nothing", "json:loads", "json"])
def test_a_place_without_accounts_is_one_sentence(place, capsys):
    assert 2 == main(["doctor", "--accounts", place])
    assert f"--accounts: {place!r}" in capsys.readouterr().err


def test_the_command_leaves_with_the_exit_code_of_the_first_failure(capsys, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_DAILY_AT", "noon")

    assert 2 == main(["doctor", "--quick"])
    assert re.search("-> .*PIPEDRIVE_DAILY_AT", capsys.readouterr().out)


def test_refused_fields_are_named_and_leave_the_table_readable(office):
    refuse(office, "persons")
    found = list(check_rights(office.connection.client, probes((BY_NAME["persons"],))))

    warned = told(only(found, Level.WARN))
    assert re.search(mentions("/api/v2/persons", "next_activity_id"), warned)
    assert "readable: persons" in told(only(found, Level.OK))


@pytest.mark.samples(1)
@pytest.mark.parametrize("table", ["deals", "leads", "users"])
def test_a_table_is_probed_with_the_parameters_of_its_first_load(office, table):
    list(check_rights(office.connection.client, probes((BY_NAME[table],))))
    probed = [(line.path, line.params) for line in office.sandbox.log]
    office.sandbox.log.clear()

    office.load(table)

    assert set(probed) <= {(line.path, line.params) for line in office.sandbox.log}


APP = {
    "PIPEDRIVE_CLIENT_ID": "id",
    "PIPEDRIVE_CLIENT_SECRET": "s3cret",
    "PIPEDRIVE_TABLES": "default,+roles,+goals",
}


def examined(office, folder, *, probing=True, **how) -> list[Finding]:
    connection = signed_in(office.sandbox, folder, **how)
    return list(
        examine(APP, folder, connecting=lambda _: connection, now=lambda: NOW, probing=probing)
    )


@pytest.mark.parametrize("probing", [True, False])
def test_a_missing_scope_is_named_per_table_with_what_a_load_does(office, tmp_path, probing):
    missing = ("contacts:read", "users:read", "admin", "recents:read")
    found = examined(office, tmp_path, without=missing, probing=probing)

    by_table = {line.text.partition(":")[0]: line for line in found if line.topic == "scopes"}
    assert {
        "persons": Level.FAIL,
        "organizations": Level.FAIL,
        "users": Level.WARN,
        "custom_fields_mapping": Level.WARN,
        "fields": Level.WARN,
        "deals_flow": Level.FAIL,
        "roles": Level.WARN,
    } == {name: line.level for name, line in by_table.items()}
    assert re.search(mentions("recents:read", "/v1/deals/{id}/flow"), by_table["deals_flow"].text)
    assert re.match(
        mentions("Developer Hub", "login", "-deals_flow"), by_table["deals_flow"].remedy
    )
    assert {3} == {line.exit_code for line in found if line.level is Level.FAIL}
    assert [] == [line for line in office.sandbox.log if line.status == 403]
    assert "OAuth app reads as" in told(found)
    assert "s3cret" not in told(found)


def test_an_app_with_all_scopes_is_in_good_order_and_one_that_allows_changes_is_doubtful(
    office, tmp_path
):
    found = examined(office, tmp_path, probing=False)
    assert [] == [line for line in found if line.level is Level.FAIL]
    assert "can read every selected table" in told(found)

    deals = {entity.name: entity for entity in ENTITIES}["deals"]
    (line, doubt) = check_scopes([deals], {"base", "deals:full"})
    assert (Level.OK, Level.WARN) == (line.level, doubt.level)
    assert "deals:full" in doubt.text
    assert [] == list(check_scopes([deals], frozenset()))


def test_a_scope_that_the_reply_did_not_report_is_found_by_a_request(office, tmp_path):
    connection = signed_in(office.sandbox, tmp_path, without={"products:read", "deals:read"})
    tables = [BY_NAME[name] for name in ("products", "deals")]
    found = list(check_rights(connection.client, probes(tables)))

    assert {"products": Level.WARN, "deals": Level.FAIL} == {
        line.text.partition(":")[0]: line.level for line in found[:2]
    }
    assert "ScopeMissing" in told(found)
    assert "Developer Hub" in told(found)


def test_a_revoked_consent_is_a_failure_with_the_next_step(office, tmp_path):
    office.sandbox.inject(faults.uninstalled("/oauth/token"))
    found = examined(office, tmp_path)

    assert [3] == [line.exit_code for line in found if line.level is Level.FAIL]
    assert "pipedrive-assets login" in told(found)
