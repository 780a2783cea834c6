"""API and OAuth tokens are nowhere but in the header that carries them, and in the token file."""

import base64
import io
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote_plus

import dagster as dg
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.orchestration.resources import PipedriveResource
from pipedrive_assets.sandbox import (
    CLIENT_ID,
    Call,
    Limits,
    OAuthServer,
    Reply,
    Sandbox,
    World,
    faults,
    serve,
)
from pipedrive_assets.sandbox.company.generators_optional import WEBHOOK_PASSWORD
from pipedrive_assets.sandbox.exchange import gateway_reply
from pipedrive_assets_tests.conftest import NOON
from pipedrive_assets_tests.log_text import LOUD, everything_logged

TOKEN = "5ecre7-0f-n0b0dy-e15e-0123456789abcdef00"
CLIENT_SECRET = "c11en7-5ecre7-0f-an-app-0123456789abcdef"
SECRETS = (TOKEN, WEBHOOK_PASSWORD, CLIENT_SECRET)


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """All that any logger says at any level."""
    with everything_logged() as text:
        yield text


@pytest.fixture
def account() -> Iterator[tuple[Sandbox, str]]:
    sandbox = Sandbox(
        World(deals=2, instant=NOON),
        api_token=TOKEN,
        limits=Limits(burst=1_000_000),
        oauth=OAuthServer(client_secret=CLIENT_SECRET, rotates=True),
    )
    with serve(sandbox) as server:
        yield sandbox, server.url


def secrets_of(sandbox: Sandbox) -> set[str]:
    """All secrets of the account, also in the form that a header or a URL has."""
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    return {*SECRETS, *sandbox.oauth.issued, basic, *map(quote_plus, sandbox.oauth.issued)}


def app(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """An OAuth app as arguments; its token file is outside of the folder that is searched."""
    return {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": sandbox.oauth.refresh_token(NOON),
        "token_file": str(folder.with_name(f"{folder.name}_tokens.json")),
    }


def settled(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """Settings in `.env`, everything that is written below one folder and kept."""
    (folder / "work").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "work"))
    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", lambda _self: None)
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", TOKEN)
    monkeypatch.setenv("PIPEDRIVE_BASE_URL", url)
    monkeypatch.setenv("PIPEDRIVE_TABLES", "default,+webhooks")
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    (folder / "home").mkdir()
    local = "dagster._core.storage.local_compute_log_manager"
    settings = {
        "telemetry": {"enabled": False},
        "compute_logs": {
            "module": local,
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(folder / "home" / "logs")},
        },
        "python_logs": {"managed_python_loggers": list(LOUD[1:]), "python_log_level": "DEBUG"},
    }
    return dg.DagsterInstance.local_temp(str(folder / "home"), overrides=settings)


def holding(folder: Path, secrets: Iterable[str] = SECRETS) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    return [path for path in files if any(s.encode() in path.read_bytes() for s in secrets)]


TABLES = ("deals", "pipelines", "notes", "webhooks")
ECHO = gateway_reply(403, f"the api token {TOKEN} may not do this")


def echo(on: str) -> faults.Fault:
    """Refuse a call with a text that quotes its token."""

    def quote(_sandbox: Sandbox, call: Call, _serve: Callable[[], Reply]) -> Reply:
        token = call.headers.get("authorization") or call.headers["x-api-token"]
        return gateway_reply(403, f"the token {token} may not do this")

    return faults.Fault(on=on, act=quote)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given_as", ["setting", "oauth", pytest.param("EnvVar", marks=pytest.mark.soak)]
)
def test_the_api_token_is_in_no_log_event_file_or_message(  # noqa: PLR0913, PLR0917 - fixtures
    tmp_path, account, said, monkeypatch, capfd, given_as
):
    """After a run that fails, one whose token is refused, and one that succeeds, all at DEBUG."""
    sandbox, url = account
    instance = settled(tmp_path, url, monkeypatch)
    if given_as == "oauth":
        monkeypatch.delenv("PIPEDRIVE_API_TOKEN")
        for name, value in app(sandbox, tmp_path).items():
            monkeypatch.setenv(f"PIPEDRIVE_{name.upper()}", value)
    resource = PipedriveResource(
        **({"api_token": dg.EnvVar("PIPEDRIVE_API_TOKEN")} if given_as == "EnvVar" else {})
    )
    definitions = build(Settings.from_env(), pipedrive=resource)
    job = definitions.resolve_implicit_global_asset_job_def()
    told: list[str] = [repr(Settings.from_env()), repr(definitions), repr(resource)]
    results = []
    for trouble in (
        (echo("/api/v2/pipelines"), faults.truncated("/v1/notes"), faults.expired("/v1/notes")),
        (faults.revoked("/v1/users/me"), faults.expired("/v1/users/me").always()),
        (),
    ):
        sandbox.clear_faults()
        sandbox.inject(*trouble)
        result = job.execute_in_process(
            instance=instance,
            partition_key="2026-03-10",
            asset_selection=[dg.AssetKey(name) for name in TABLES],
            raise_on_error=False,
        )
        results.append(result.success)
        told += [repr(event) for event in result.all_events]
        told += [repr(record) for record in instance.all_logs(result.run_id)]
        told.append(repr(instance.get_run_by_id(result.run_id)))

    assert [False, False, True] == results
    assert "may not do this" in "".join(told)
    out, err = capfd.readouterr()
    assert "users/me" in said.getvalue()
    secrets = secrets_of(sandbox)
    for text in (*told, said.getvalue(), out, err):
        assert [] == [secret for secret in secrets if secret in text]
    assert [] == holding(tmp_path, secrets)
    assert ({"refresh", "access"} if given_as == "oauth" else set()) == {
        issued.partition("-")[0] for issued in sandbox.oauth.issued
    }


def test_errors_show_no_token_in_traceback_or_attributes(account):
    from pipedrive_assets.api import Client
    from pipedrive_assets.errors import PipedriveError

    sandbox, url = account
    sandbox.inject(faults.reply("v1/users", ECHO))
    client = Client(base_url=url, api_token=TOKEN, sleep=lambda _: None)
    with pytest.raises(PipedriveError) as caught:
        list(client.pages("v1/users", cost=20, paging="none", page_rows=1))

    error = caught.value
    told = [str(error), repr(error), str(vars(error)), repr(client), repr(client.latest)]
    told += traceback.format_exception(type(error), error, error.__traceback__)
    assert TOKEN not in "".join(told)
    client._wire._adapter.close()


def failing_then_fine(sandbox: Sandbox, act: Callable[[], object]) -> list[str]:
    """What is said of a refusal that quotes the api token, and of a run that succeeds."""
    told = []
    sandbox.inject(echo("/api/v2/pipelines").always(), faults.expired("/api/v2/stages"))
    with pytest.raises(Exception, match="may not do this") as caught:
        act()
    error: BaseException | None = caught.value
    while error:
        told += [str(error), repr(error), str(vars(error))]
        told += traceback.format_exception(type(error), error, error.__traceback__)
        error = error.__cause__ or error.__context__
    sandbox.clear_faults()
    told.append(repr(act()))
    return told


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("access", ["api_token", "oauth"])
def test_no_token_is_in_a_state_trace_or_file_of_a_plain_dlt_pipeline(  # noqa: PLR0913, PLR0917 - fixtures
    tmp_path, account, said, monkeypatch, capfd, access
):
    import dlt

    from pipedrive_assets.dlt_source import pipedrive_source

    sandbox, url = account
    monkeypatch.setenv("PIPEDRIVE_BASE_URL", url)
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    pipeline = dlt.pipeline(
        "plain",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(str(tmp_path / "plain.duckdb")),
        dataset_name="plain_data",
    )

    given = {"pipedrive_api_key": TOKEN}
    if access == "oauth":
        given = app(sandbox, tmp_path)
        monkeypatch.setenv("PIPEDRIVE_TOKEN_FILE", given.pop("token_file"))

    def run() -> object:
        source = pipedrive_source(**given).with_resources("pipelines", "stages", "webhooks")
        return pipeline.run(source), repr(source), str(pipeline.last_trace), dict(pipeline.state)

    told = failing_then_fine(sandbox, run)

    out, err = capfd.readouterr()
    secrets = secrets_of(sandbox)
    for text in (*told, said.getvalue(), out, err, pipeline.last_trace.asstr(verbosity=2)):
        assert [] == [secret for secret in secrets if secret in text]
    assert [] == holding(tmp_path, secrets)


@pytest.mark.parametrize("access", ["api_token", "oauth"])
def test_no_token_is_in_a_message_state_or_catalog_of_the_tap(
    tmp_path, account, said, capfd, access
):
    from pipedrive_assets.singer import PipedriveTap

    sandbox, url = account
    given = app(sandbox, tmp_path) if access == "oauth" else {"api_token": TOKEN}
    config = {**given, "start_date": "2010-01-01T00:00:00Z", "base_url": url}

    def run() -> object:
        tap = PipedriveTap(config, {})
        catalog = tap.do_discover()
        for entry in catalog.streams:
            entry.of()["selected"] = entry.tap_stream_id in {"pipelines", "stages"}
        tap.do_sync(catalog)
        return repr(tap), str(catalog.to_dict())

    told = failing_then_fine(sandbox, run)

    out, err = capfd.readouterr()
    assert '"RECORD"' in out
    for text in (*told, said.getvalue(), out, err):
        assert [] == [secret for secret in secrets_of(sandbox) if secret in text]


def traces(folder: Path) -> bool:
    """Whether dlt keeps a trace of what it loads into the warehouse."""
    from pipedrive_assets.warehouse import Warehouse

    warehouse = Warehouse(folder / "warehouse.duckdb", "pipedrive_data")
    with warehouse.exclusive():
        found = warehouse.pipeline("pipedrive_stages").config.enable_runtime_trace
    warehouse.close()
    return bool(found)


def test_telemetry_is_off_unless_the_user_turns_it_on(tmp_path, monkeypatch):
    import yaml

    monkeypatch.delenv("RUNTIME__DLTHUB_TELEMETRY", raising=False)
    # dlt reports nothing of a pipeline without a trace.
    assert traces(tmp_path) is False
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "true")
    assert traces(tmp_path) is True

    here = Path(__file__).parents[1]
    assert yaml.safe_load((here / "dagster.yaml").read_text())["telemetry"] == {"enabled": False}
    assert "dlthub_telemetry = false" in (here / ".dlt" / "config.toml").read_text()
