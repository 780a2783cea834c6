"""Where the key and the start come from, as in a plain folder with `.dlt/` in it."""

import json
import shutil
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import dlt
import pendulum
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from pipedrive_assets.dlt_source import pipedrive_source
from pipedrive_assets.dlt_source import source as source_module
from pipedrive_assets.dlt_source.arguments import Request
from pipedrive_assets.errors import ConfigurationError, MissingTokenError
from pipedrive_assets_tests.facts import raises

MARCH = datetime(2023, 3, 1, tzinfo=timezone.utc)


class Given:
    """What a source was made with."""

    def __init__(self) -> None:
        self.settings, self.request = None, None

    def take(self, connect, request: Request) -> None:
        (self.settings,), self.request = connect.args, request


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    made = Given()
    monkeypatch.setattr(source_module, "Session", made.take)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder with these files in .dlt; dlt reads them anew."""

    def make(**files: str) -> None:
        home = tmp_path / ".dlt"
        home.mkdir()
        for name, text in files.items():
            (home / f"{name}.toml").write_text(text, "utf-8")
        Container()[PluggableRunContext].reload()

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield make
    monkeypatch.undo()
    shutil.rmtree(tmp_path / ".dlt", ignore_errors=True)  # or the next test would read it
    Container()[PluggableRunContext].reload()


def test_the_key_is_found_where_the_verified_source_had_it(given, folder):
    folder(secrets='[sources.pipedrive.credentials]\npipedrive_api_key = "k1"\n')

    pipedrive_source()

    assert "k1" == given.settings.api_token.get_secret_value()


def test_the_key_is_found_where_dlt_looks_by_itself(given, folder):
    folder(secrets='[sources.pipedrive]\npipedrive_api_key = "k2"\n')

    pipedrive_source()

    assert "k2" == given.settings.api_token.get_secret_value()


@pytest.mark.parametrize(
    "name",
    [
        "SOURCES__PIPEDRIVE__CREDENTIALS__PIPEDRIVE_API_KEY",
        "SOURCES__PIPEDRIVE__PIPEDRIVE_API_KEY",
        "PIPEDRIVE_API_TOKEN",
    ],
)
def test_the_key_is_found_in_the_environment(given, monkeypatch, name):
    monkeypatch.setenv(name, "k3")

    pipedrive_source()

    assert "k3" == given.settings.api_token.get_secret_value()


def test_the_argument_comes_before_everything_else(given, monkeypatch):
    monkeypatch.setenv("SOURCES__PIPEDRIVE__CREDENTIALS__PIPEDRIVE_API_KEY", "other")
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "another")

    pipedrive_source(pipedrive_api_key=" mine\n")

    assert "mine" == given.settings.api_token.get_secret_value()


PLACEHOLDERS = (
    "PIPEDRIVE_API_TOKEN",
    "<configure me>",
    "please set me up !",
    "please set me up",
    "fill this in!",
    "pipedrive_api_key",
    "",
)


@pytest.mark.parametrize("section", ["sources.pipedrive", "sources.pipedrive.credentials"])
@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_placeholder_is_no_key(folder, monkeypatch, section, placeholder):
    folder(secrets=f'[{section}]\npipedrive_api_key = "{placeholder}"\n')
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", placeholder)

    with pytest.raises(MissingTokenError):
        pipedrive_source()


@pytest.mark.parametrize("section", ["sources.pipedrive", "sources.pipedrive.credentials"])
@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_placeholder_leaves_a_key_elsewhere_its_place(
    given, folder, monkeypatch, section, placeholder
):
    folder(secrets=f'[{section}]\npipedrive_api_key = "{placeholder}"\n')
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "real")

    pipedrive_source()

    assert "real" == given.settings.api_token.get_secret_value()


@pytest.mark.parametrize(
    "name",
    [
        "PIPEDRIVE_API_TOKEN",
        "SOURCES__PIPEDRIVE__CREDENTIALS__PIPEDRIVE_API_KEY",
        "SOURCES__PIPEDRIVE__PIPEDRIVE_API_KEY",
    ],
)
@pytest.mark.parametrize("section", ["sources.pipedrive", "sources.pipedrive.credentials"])
def test_a_placeholder_in_the_environment_leaves_the_file_its_place(
    given, folder, monkeypatch, name, section
):
    folder(secrets=f'[{section}]\npipedrive_api_key = "real"\n')
    monkeypatch.setenv(name, "<configure me>")

    pipedrive_source()

    assert "real" == given.settings.api_token.get_secret_value()


def test_without_a_key_it_raises_and_no_sandbox_stands_in():
    with pytest.raises(MissingTokenError, match=r"\[sources.pipedrive.credentials\]"):
        pipedrive_source()


def test_a_key_that_no_header_can_carry_is_refused_unseen():
    with pytest.raises(ConfigurationError) as refusal:
        pipedrive_source(pipedrive_api_key="two words")

    assert "two words" not in str(refusal.value)


def test_the_base_url_of_the_settings_holds(given, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_BASE_URL", "http://127.0.0.1:8123")

    pipedrive_source("key")

    assert "http://127.0.0.1:8123" == given.settings.base_url


@pytest.mark.parametrize(
    "text",
    [
        '"2023-03-01 00:00:00Z"',
        '"2023-03-01"',
        '"2023-03-01T01:00:00+01:00"',
        "2023-03-01T00:00:00Z",
        "2023-03-01T00:00:00",
        "2023-03-01",
    ],
)
def test_the_start_is_found_in_the_configuration(given, folder, text):
    folder(config=f"[sources.pipedrive]\nsince_timestamp = {text}\n")

    pipedrive_source("key")

    assert MARCH == given.request.since


@pytest.mark.parametrize(
    "start",
    [
        "2023-03-01 00:00:00Z",
        "2023-03-01 00:00:00",
        "2023-03-01",
        "2023-03-01T00:00:00.000Z",
        "20230301T000000Z",
        "2023-03-01T05:30:00+05:30",
        pendulum.datetime(2023, 3, 1),
        pendulum.datetime(2023, 3, 1, 2, tz="Europe/Helsinki"),
        date(2023, 3, 1),
        datetime(2023, 3, 1),  # noqa: DTZ001 - naive means UTC
        datetime(2023, 2, 28, 19, tzinfo=timezone(timedelta(hours=-5))),
    ],
    ids=str,
)
def test_every_form_of_a_moment_is_understood(given, start):
    pipedrive_source("key", since_timestamp=start)

    assert MARCH == given.request.since


NO_MOMENTS = (
    "bogus",
    "yesterday",
    "March 1, 2023",
    "2023-13-01",
    "12:30",
    "P3D",
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+12:00",
    1677628800,
    1.5,
    [],
    [1],
    True,
    False,
)
FAR_AHEAD = datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))


@pytest.mark.parametrize("start", [*NO_MOMENTS, FAR_AHEAD])
def test_anything_else_is_one_sentence(given, start):
    with raises(ConfigurationError, "since_timestamp", repr(start)):
        pipedrive_source("key", since_timestamp=start)


@pytest.mark.parametrize("start", NO_MOMENTS)
def test_anything_else_in_the_configuration_is_the_same_sentence(given, folder, start):
    folder(config=f"[sources.pipedrive]\nsince_timestamp = {json.dumps(start)}\n")

    with raises(ConfigurationError, "since_timestamp", repr(start)):
        pipedrive_source("key")


@pytest.mark.parametrize("start", NO_MOMENTS)
def test_anything_else_in_the_environment_is_the_same_sentence(given, monkeypatch, start):
    monkeypatch.setenv("SOURCES__PIPEDRIVE__SINCE_TIMESTAMP", str(start))

    with pytest.raises(ConfigurationError, match="since_timestamp"):
        pipedrive_source("key")


@pytest.mark.parametrize("start", ["2023-03-01", " 2023-03-01T01:00:00+01:00 ", "20230301"])
def test_the_start_is_found_in_the_environment(given, monkeypatch, start):
    monkeypatch.setenv("SOURCES__PIPEDRIVE__SINCE_TIMESTAMP", start)

    pipedrive_source("key")

    assert MARCH == given.request.since


@pytest.mark.parametrize("start", ["", " "])
def test_an_empty_start_means_the_whole_history(given, folder, start):
    folder(config=f'[sources.pipedrive]\nsince_timestamp = "{start}"\n')

    pipedrive_source("key")
    pipedrive_source("key", since_timestamp=start)

    assert given.request.since is None


def test_now_is_the_present_moment_wherever_it_is_said(given, folder):
    folder(config='[sources.pipedrive]\nsince_timestamp = "now"\n')
    pipedrive_source("key")
    configured = given.request.since

    pipedrive_source("key", since_timestamp="now")

    assert timezone.utc == configured.tzinfo
    assert configured <= given.request.since


def test_nothing_means_the_whole_history(given):
    pipedrive_source("key")

    assert given.request.since is None


def test_dlt_configuration_may_ask_for_everything_again(given, folder):
    folder(config="[sources.pipedrive]\nincremental = false\nkeep_partial = true\n")

    pipedrive_source("key")

    assert (True, True) == (given.request.full, given.request.keep_partial)


def test_the_key_stands_in_no_text_of_the_source():
    source = pipedrive_source("s3cret-key-0123456789")

    assert "s3cret" not in f"{source} {source.resources['persons']} {source!r}"
    assert dlt.secrets.get("sources.pipedrive.pipedrive_api_key") is None


APP = {"client_id": "id", "client_secret": "s3cret"}


@pytest.mark.parametrize("place", ["argument", "secrets", "environment", "settings"])
def test_an_oauth_app_is_found_in_the_same_places(given, folder, monkeypatch, place):
    sections = "[sources.pipedrive]\n" if place == "secrets" else ""
    folder(secrets=sections + "".join(f'{k} = "{v}"\n' for k, v in APP.items() if sections))
    prefix = {"environment": "SOURCES__PIPEDRIVE__", "settings": "PIPEDRIVE_"}.get(place)
    for name, value in APP.items() if prefix else ():
        monkeypatch.setenv(f"{prefix}{name.upper()}", value)

    pipedrive_source(**(APP if place == "argument" else {}))

    assert ("id", "") == (given.settings.client_id, given.settings.api_token.get_secret_value())
    assert "s3cret" == given.settings.client_secret.get_secret_value()


def test_an_argument_of_one_kind_comes_before_the_other_kind(given, folder, monkeypatch):
    folder(secrets='[sources.pipedrive.credentials]\npipedrive_api_key = "k1"\n')
    pipedrive_source(**APP)
    assert ("id", "") == (given.settings.client_id, given.settings.api_token.get_secret_value())

    monkeypatch.setenv("SOURCES__PIPEDRIVE__CLIENT_ID", "id")
    monkeypatch.setenv("SOURCES__PIPEDRIVE__CLIENT_SECRET", "s3cret")
    pipedrive_source("k2")
    assert ("", "k2") == (given.settings.client_id, given.settings.api_token.get_secret_value())
    with raises(ConfigurationError, "client_id", "API token"):
        pipedrive_source("k2", **APP)
    with raises(ConfigurationError, "client_id", "API token"):
        pipedrive_source()
