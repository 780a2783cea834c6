"""Settings: where they are found, what wins, and one sentence for whatever is wrong."""

import os
import traceback
from datetime import date, datetime, timedelta, timezone

import pytest
from pydantic import SecretStr, ValidationError

from pipedrive_assets.config import SECRETS, SETTINGS, Settings, settings_of_accounts
from pipedrive_assets.config.files import found_in
from pipedrive_assets.config.rules import check_warehouse_only
from pipedrive_assets.doctor.settings_checks import check_settings
from pipedrive_assets.errors import ConfigurationError, MissingTokenError
from pipedrive_assets.singer.config import Config
from pipedrive_assets_tests.facts import raises


def read(tmp_path, **values):
    return Settings.from_env(values, tmp_path)


def token(tmp_path, **values):
    return read(tmp_path, **values).api_token.get_secret_value()


def test_without_anything_the_sandbox_stands_in_with_a_file_of_its_own(tmp_path):
    settings = read(tmp_path)

    assert settings.uses_sandbox
    assert tmp_path / "data" / "sandbox.duckdb" == settings.warehouse


def test_with_a_token_the_account_is_loaded_into_the_default_warehouse(tmp_path):
    settings = read(tmp_path, PIPEDRIVE_API_TOKEN="abc")

    assert not settings.uses_sandbox
    assert tmp_path / "data" / "warehouse.duckdb" == settings.warehouse
    assert "https://api.pipedrive.com" == settings.base_url


@pytest.mark.parametrize(
    "values",
    [
        {"PIPEDRIVE_BASE_URL": "acme"},
        {"PIPEDRIVE_WAREHOUSE": "mine.duckdb"},
        {"PIPEDRIVE_SANDBOX": "never"},
        {"PIPEDRIVE_DESTINATION": "postgres"},
    ],
)
def test_whatever_points_to_an_account_keeps_the_sandbox_away(tmp_path, values):
    with pytest.raises(MissingTokenError, match="PIPEDRIVE_API_TOKEN"):
        _ = read(tmp_path, **values).uses_sandbox


def test_an_accounts_warehouse_keeps_the_sandbox_away(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "warehouse.duckdb").touch()

    with pytest.raises(MissingTokenError, match=r"data/warehouse\.duckdb"):
        _ = read(tmp_path).uses_sandbox


def test_the_environment_wins_over_dotenv_and_dotenv_over_secrets(tmp_path):
    (tmp_path / ".dlt").mkdir()
    secrets = tmp_path / ".dlt" / "secrets.toml"
    secrets.write_text('[sources.pipedrive.credentials]\npipedrive_api_key = "from-secrets"\n')
    found = [token(tmp_path)]
    (tmp_path / ".env").write_text("PIPEDRIVE_API_TOKEN=from-dotenv\nPIPEDRIVE_DATASET=crm\n")
    found.append(token(tmp_path))
    found.append(token(tmp_path, PIPEDRIVE_API_TOKEN="from-environment"))

    assert ["from-secrets", "from-dotenv", "from-environment"] == found
    assert "crm" == read(tmp_path).dataset


def test_the_token_is_found_in_dlts_other_place_too(tmp_path):
    (tmp_path / ".dlt").mkdir()
    secrets = tmp_path / ".dlt" / "secrets.toml"
    secrets.write_text('[sources.pipedrive]\npipedrive_api_key = "plain"\n')

    assert "plain" == token(tmp_path)


PLACEHOLDERS = ("<configure me>", "PIPEDRIVE_API_TOKEN", "please set me up !", "fill this in!")


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_placeholder_in_the_tokens_place_is_as_good_as_none(tmp_path, placeholder):
    (tmp_path / ".env").write_text(f'PIPEDRIVE_API_TOKEN="{placeholder}"\n')

    assert read(tmp_path, PIPEDRIVE_API_TOKEN=placeholder).uses_sandbox


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_placeholder_leaves_the_token_its_next_place(tmp_path, placeholder):
    (tmp_path / ".dlt").mkdir()
    secrets = tmp_path / ".dlt" / "secrets.toml"
    secrets.write_text(
        f'[sources.pipedrive]\npipedrive_api_key = "plain"\n'
        f'[sources.pipedrive.credentials]\npipedrive_api_key = "{placeholder}"\n'
    )
    found = [token(tmp_path, PIPEDRIVE_API_TOKEN=placeholder)]
    (tmp_path / ".env").write_text("PIPEDRIVE_API_TOKEN=from-dotenv\n")
    found.append(token(tmp_path, PIPEDRIVE_API_TOKEN=placeholder))

    assert ["plain", "from-dotenv"] == found


@pytest.mark.parametrize(
    "line",
    ["PIPEDRIVE_API_TOKEN hunter2", 'PIPEDRIVE_API_TOKEN="hunter2', "DESTINATION__X hunter2"],
)
def test_a_line_of_dotenv_that_cannot_be_read_is_refused_and_not_shown(tmp_path, line):
    """Without its API token, a run would load the sandbox's invented company."""
    (tmp_path / ".env").write_text(f"# mine\n{line}\nPIPEDRIVE_DATASET=crm\n", "utf-8")

    with raises(ConfigurationError, tmp_path / ".env", "line 2", "NAME=value") as caught:
        read(tmp_path)

    assert "hunter2" not in str(caught.value)


def test_the_number_of_a_line_of_dotenv_counts_blank_lines(tmp_path):
    text = "# Pipedrive\n\n\nPIPEDRIVE_TABLES='deals\n"
    (tmp_path / ".env").write_text(text, "utf-8")

    with raises(ConfigurationError, "line 4,"):
        read(tmp_path)


def test_lines_of_other_programs_in_dotenv_are_left_alone(tmp_path, caplog):
    (tmp_path / ".env").write_text("what is this\nexport PIPEDRIVE_DATASET=crm\n", "utf-8")

    assert "crm" == read(tmp_path).dataset
    assert not caplog.text


def test_a_folder_in_place_of_dotenv_is_refused(tmp_path):
    (tmp_path / ".env").mkdir()

    with raises(ConfigurationError, tmp_path / ".env", "is a folder"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PIPEDRIVE_EXCLUDE_COLUMN", "PIPEDRIVE_EXCLUDE_COLUMNS"),
        ("PIPEDRIVE_TABELS", "PIPEDRIVE_TABLES"),
        ("PIPEDRIVE_BASEURL", "PIPEDRIVE_BASE_URL"),
        ("PIPEDRIVE_API_TOKEN_ACME", None),
        ("PIPEDRIVE_B_API_TOKEN", None),
        ("PIPEDRIVE_CLIENT_SECRET_ACME", None),
        ("PIPEDRIVE_REFRESH_TOKEN_ACME", None),
        ("PIPEDRIVE_OF_ANOTHER_PROGRAM", None),
        ("PIPEDRIVE_TOKEN_VARIABLES", None),
    ],
)
def test_a_misspelled_setting_is_a_warning(tmp_path, caplog, name, meant):
    for _ in range(2):
        read(tmp_path, **{name: "hunter2"})

    wanted = [f"{name} (environment) is not a setting and has no effect. Did you mean {meant}?"]
    assert (wanted if meant else []) == caplog.messages


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_value_is_as_good_as_none(tmp_path, blank):
    assert read(tmp_path, PIPEDRIVE_API_TOKEN=blank, PIPEDRIVE_BASE_URL=blank).uses_sandbox


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("acme", "https://acme.pipedrive.com"),
        ("acme.pipedrive.com", "https://acme.pipedrive.com"),
        ("https://acme.pipedrive.com/", "https://acme.pipedrive.com"),
        ("https://api.pipedrive.com/v1", "https://api.pipedrive.com"),
        ("https://api.pipedrive.com/api/v2/", "https://api.pipedrive.com"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("http://localhost:8123/", "http://localhost:8123"),
    ],
)
def test_the_base_url_may_be_a_url_a_host_or_a_company(tmp_path, given, expected):
    assert expected == read(tmp_path, PIPEDRIVE_BASE_URL=given).base_url


@pytest.mark.parametrize(
    "given",
    [
        "https://acme.pipedrive.com?api_token=s3cret",
        "https://acme.pipedrive.com#api_token=s3cret",
        "https://user:s3cret@acme.pipedrive.com",
        "https://:s3cret@acme.pipedrive.com",
        "acme?api_token=s3cret",
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_and_shown_nowhere(tmp_path, given):
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_BASE_URL") as caught:
        read(tmp_path, PIPEDRIVE_BASE_URL=given)
    found, _ = check_settings({"PIPEDRIVE_BASE_URL": given}, tmp_path)
    with pytest.raises(ConfigurationError, match="base_url") as of_tap:
        Config.of({"base_url": given}, read(tmp_path), datetime.now(timezone.utc))
    assert "s3cret" not in f"{caught.value} {of_tap.value} {found}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIPEDRIVE_BASE_URL", "http://example.com"),
        ("PIPEDRIVE_BASE_URL", "ftp://acme.pipedrive.com"),
        ("PIPEDRIVE_BASE_URL", "https://acme.pipedrive.com:port"),
        ("PIPEDRIVE_FIRST_PARTITION", "yesterday"),
        ("PIPEDRIVE_FIRST_PARTITION", "2026-13-01"),
        ("PIPEDRIVE_SINCE_TIMESTAMP", "last week"),
        ("PIPEDRIVE_SINCE_TIMESTAMP", "12:30"),
        ("PIPEDRIVE_SINCE_TIMESTAMP", "9999-12-31T23:59:59-12:00"),
        ("PIPEDRIVE_WAREHOUSE", "warehouse.sqlite"),
        ("PIPEDRIVE_DATASET", "Robert'); DROP TABLE deals;--"),
        ("PIPEDRIVE_DATASET", "pg_catalog"),
        ("PIPEDRIVE_DATASET", "pg_crm"),
        ("PIPEDRIVE_DATASET", "information_schema"),
        ("PIPEDRIVE_DATASET", "main"),
        ("PIPEDRIVE_DATASET", "temp"),
        ("PIPEDRIVE_DATASET", "system"),
        ("PIPEDRIVE_DATASET", "_dlt_loads"),
        ("PIPEDRIVE_DATASET", "pipedrive_data_staging"),
        ("PIPEDRIVE_DATASET", "d" * 56),
        ("PIPEDRIVE_SANDBOX", "perhaps"),
        ("PIPEDRIVE_DAILY_AT", "25:00"),
        ("PIPEDRIVE_OVERLAP_MINUTES", "-1"),
        ("PIPEDRIVE_TOKENS_PER_DAY", "-1"),
        ("PIPEDRIVE_TOKENS_PER_DAY", "half"),
        ("PIPEDRIVE_TOKENS_PER_RUN", "1.5"),
        ("PIPEDRIVE_SCHEDULE", "maybe"),
        ("PIPEDRIVE_SENSOR", "always"),
        ("PIPEDRIVE_FRESHNESS_CRM", "0m"),
        ("PIPEDRIVE_FRESHNESS_FILES", "hourly"),
        ("PIPEDRIVE_FRESHNESS_REFERENCE", "-1h"),
        ("PIPEDRIVE_FRESHNESS_DEAL_DETAILS", "1.5h"),
        ("PIPEDRIVE_READ_COPY", "copy.parquet"),
        ("PIPEDRIVE_DUCKDB_MEMORY", "plenty"),
        ("PIPEDRIVE_DUCKDB_MEMORY", "50MB"),
        ("PIPEDRIVE_DUCKDB_MEMORY", "80%"),
        ("PIPEDRIVE_FILE_MODE", "0440"),
        ("PIPEDRIVE_FILE_MODE", "0750"),
        ("PIPEDRIVE_FILE_MODE", "rw-r-----"),
        ("PIPEDRIVE_FILE_MODE", "1640"),
        ("PIPEDRIVE_RECONCILE_AT", "sunday 03:45"),
        ("PIPEDRIVE_RECONCILE_AT", "sun"),
        ("PIPEDRIVE_ASSET_OWNERS", "anna"),
        ("PIPEDRIVE_ASSET_OWNERS", "anna@example.com, team:"),
        ("PIPEDRIVE_ASSET_OWNERS", "team:sales team"),
        ("PIPEDRIVE_ASSET_TAGS", "domain=sales force"),
        ("PIPEDRIVE_ASSET_TAGS", "dagster/priority=3"),
        ("PIPEDRIVE_ASSET_TAGS", "=sales"),
        ("PIPEDRIVE_ASSET_GROUP", "sales-data"),
        ("PIPEDRIVE_PREVIEW", "some"),
    ],
)
def test_a_wrong_value_gets_one_sentence_with_setting_value_and_remedy(tmp_path, name, value):
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, **{name: value, "PIPEDRIVE_API_TOKEN": "abc"})

    said = str(refused.value)
    assert name in said
    assert value in said or repr(value)[1:-1] in said
    assert said.endswith(".")
    assert "\n" not in said


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "naïve"])
def test_a_wrong_token_is_refused_without_being_shown(tmp_path, token):
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, PIPEDRIVE_API_TOKEN=token)

    assert token not in str(refused.value)


def test_an_unreadable_secrets_file_is_one_sentence(tmp_path):
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text("[broken")

    with pytest.raises(ConfigurationError, match=r"secrets\.toml"):
        read(tmp_path)


def test_a_dataset_named_like_the_file_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_DATASET"):
        read(tmp_path, PIPEDRIVE_DATASET="warehouse", PIPEDRIVE_API_TOKEN="abc")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2025-01-01", datetime(2025, 1, 1, tzinfo=timezone.utc)),
        ("2025-01-01T08:00:00+02:00", datetime(2025, 1, 1, 6, tzinfo=timezone.utc)),
        ("2025-01-01 08:00:00", datetime(2025, 1, 1, 8, tzinfo=timezone.utc)),
    ],
)
def test_history_may_be_limited_by_any_iso_moment_in_utc(tmp_path, given, expected):
    assert expected == read(tmp_path, PIPEDRIVE_SINCE_TIMESTAMP=given).since_timestamp


def test_every_default_is_usable_and_every_setting_is_explained(tmp_path):
    settings = read(tmp_path)

    assert date(2026, 1, 1) == settings.first_partition
    assert all(setting.description.endswith(".") for setting in SETTINGS.values())


def test_the_token_is_not_in_the_settings_text(tmp_path):
    assert "abc123" not in repr(read(tmp_path, PIPEDRIVE_API_TOKEN="abc123"))


@pytest.mark.parametrize("url", ["hooks.slack.com/T1", "ftp://x.test/T1", "https://x.test/T 1"])
def test_a_wrong_webhook_is_refused_without_being_shown(tmp_path, url):
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, PIPEDRIVE_ALERT_WEBHOOK=url)

    assert url not in str(refused.value)


def test_the_webhook_is_not_in_the_settings_text(tmp_path):
    url = "https://hooks.slack.com/services/T0/B0/s3cret"
    settings = read(tmp_path, PIPEDRIVE_ALERT_WEBHOOK=url)

    assert url == settings.alert_webhook.get_secret_value()
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "tolerance"),
    [
        ("1m", timedelta(minutes=1)),
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("daily", None),
    ],
)
def test_tolerances_are_spans_or_daily(tmp_path, text, tolerance):
    assert tolerance == read(tmp_path, PIPEDRIVE_FRESHNESS_CRM=text).freshness["crm"]


@pytest.mark.parametrize("path", ["data/warehouse.duckdb", "data/../data/warehouse.duckdb"])
def test_a_read_copy_in_the_warehouses_place_is_refused(tmp_path, path):
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_READ_COPY"):
        read(tmp_path, PIPEDRIVE_READ_COPY=path, PIPEDRIVE_API_TOKEN="abc")


def test_a_read_copy_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "copy.duckdb").mkdir()
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_READ_COPY"):
        read(tmp_path, PIPEDRIVE_READ_COPY="copy.duckdb")


def test_a_read_copy_named_like_the_dataset_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_READ_COPY"):
        read(tmp_path, PIPEDRIVE_READ_COPY="bi/pipedrive_data.duckdb")


@pytest.mark.parametrize(
    ("given", "expected"), [("", None), ("0", 0), ("15000", 15_000), ("15,000", 15_000)]
)
def test_a_cap_is_a_number_of_tokens_and_0_is_not_the_default(tmp_path, given, expected):
    settings = read(tmp_path, PIPEDRIVE_TOKENS_PER_DAY=given, PIPEDRIVE_TOKENS_PER_RUN=given)

    assert (expected, expected) == (settings.tokens_per_day, settings.tokens_per_run)


def test_settings_in_code_take_text_or_plain_values_and_win_over_what_is_found(tmp_path):
    environ = {"PIPEDRIVE_DATASET": "found", "PIPEDRIVE_OVERLAP_MINUTES": "7"}
    found = found_in({**environ, "PIPEDRIVE_API_TOKEN": "found"}, tmp_path)
    as_text = {
        "api_token": "abc",
        "destination": "postgres",
        "dataset": "code",
        "first_partition": "2025-02-03",
        "freshness_crm": "daily",
        "freshness_files": "2h",
        "tables": "deals,stages",
        "exclude_columns": "deals.title",
        "file_mode": "0644",
        "schedule": "off",
        "asset_tags": "domain=sales",
        "reconcile_at": "off",
    }
    as_values = {
        **as_text,
        "api_token": SecretStr("abc"),
        "first_partition": date(2025, 2, 3),
        "freshness_crm": None,
        "freshness_files": timedelta(hours=2),
        "tables": ["deals", "stages"],
        "exclude_columns": {"deals": ["title"]},
        "file_mode": 0o644,
        "schedule": False,
        "asset_tags": {"domain": "sales"},
        "reconcile_at": None,
    }

    one = Settings(root=tmp_path, found=found, **as_text)
    other = Settings(root=tmp_path, found=found, **as_values)

    assert one.model_dump() == other.model_dump()
    assert ("code", 7, False) == (one.dataset, one.overlap_minutes, one.schedule)
    assert ["deals", "stages"] == [entity.name for entity in one.entities]
    assert one.model_dump() == one.replace().model_dump()


def test_the_environment_is_read_for_what_code_leaves_out_and_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_DATASET", "from_environment")
    monkeypatch.setenv("PIPEDRIVE_DELETED", "purge")
    before = dict(os.environ)

    settings = Settings(root=tmp_path, dataset="code")

    assert ("code", "purge") == (settings.dataset, settings.deleted)
    assert before == dict(os.environ)


def test_fields_that_are_not_settings_are_not_read_from_the_environment(tmp_path):
    given = {"SANDBOX_INSTANT": "2026-01-01T00:00:00Z", "ROOT": "/", "TOKEN_VARIABLE": "HOME"}
    settings = read(tmp_path, **{f"PIPEDRIVE_{name}": value for name, value in given.items()})

    assert (None, tmp_path) == (settings.sandbox_instant, settings.root)
    assert "PIPEDRIVE_API_TOKEN" == settings.token_variable


def test_the_token_may_be_in_another_variable(tmp_path):
    environ = {"ACME": "of-acme", "PIPEDRIVE_API_TOKEN": "of-another"}
    (tmp_path / ".env").write_text("GLOBEX=of-globex\n")

    tokens = [
        Settings(
            root=tmp_path, token_variable=name, found=found_in(environ, tmp_path, name)
        ).api_token.get_secret_value()
        for name in ("ACME", "GLOBEX", "NOWHERE")
    ]

    assert ["of-acme", "of-globex", ""] == tokens


def test_settings_do_not_change_and_replacing_one_checks_it(tmp_path):
    settings = read(tmp_path, PIPEDRIVE_DATASET="crm")

    with pytest.raises(ConfigurationError, match="PIPEDRIVE_DATASET"):
        settings.replace(dataset="pg_crm")
    with pytest.raises(ValidationError):
        settings.dataset = "other"
    assert ("other", "crm") == (settings.replace(dataset="other").dataset, settings.dataset)
    assert tmp_path / "data" / "warehouse.duckdb" == settings.replace(api_token="a").warehouse


@pytest.mark.parametrize("given", [{"api_tokn": "s3cret"}, {"api_token": "s3 cret"}])
def test_a_wrong_value_in_code_is_one_sentence_without_pydantic_or_the_value(tmp_path, given):
    with pytest.raises(ConfigurationError) as refused:
        Settings(root=tmp_path, found={}, **given)

    shown = "".join(traceback.format_exception(refused.value))
    assert "api_token" in str(refused.value) or "API token" in str(refused.value)
    assert refused.value.__context__ is refused.value.__cause__ is None
    assert not [word for word in ("cret", "errors.pydantic.dev") if word in str(refused.value)]
    assert "validation error" not in shown


@pytest.mark.parametrize("name", ["motherduck", "snowflake", "bigquery", "DuckDB"])
def test_a_destination_that_nobody_tested_is_refused(tmp_path, name):
    with raises(ConfigurationError, name, "duckdb", "postgres"):
        read(tmp_path, PIPEDRIVE_DESTINATION=name)


@pytest.mark.parametrize(
    ("given", "deals", "persons"),
    [
        ("", "evolve", "evolve"),
        ("alert", "alert", "alert"),
        (" deals : freeze , alert ", "freeze", "alert"),
        ({"persons": "alert"}, "evolve", "alert"),
    ],
)
def test_a_schema_policy_is_for_all_tables_or_for_one(tmp_path, given, deals, persons):
    settings = Settings(root=tmp_path, found={}, schema_policy=given)

    policies = {each.name: each.schema_policy for each in settings.named(["deals", "persons"])}
    assert policies == {"deals": deals, "persons": persons}


@pytest.mark.parametrize("given", ["deals:frozen", "deal:freeze", "frozen", "deals"])
def test_a_wrong_schema_policy_is_one_sentence(tmp_path, given):
    with raises(ConfigurationError, "PIPEDRIVE_SCHEMA_POLICY", given, "deals:freeze"):
        read(tmp_path, PIPEDRIVE_SCHEMA_POLICY=given)


def test_every_setting_has_a_remedy_or_a_reason_of_its_own():
    own = {
        *("PIPEDRIVE_TABLES", "PIPEDRIVE_EXCLUDE_COLUMNS"),
        *("PIPEDRIVE_HASH_COLUMNS", "PIPEDRIVE_ROW_FILTER", "PIPEDRIVE_SCHEMA_POLICY"),
    }

    assert own == {
        name for name, field in SETTINGS.items() if not field.json_schema_extra["remedy"]
    }
    assert {
        "PIPEDRIVE_API_TOKEN",
        "PIPEDRIVE_CLIENT_SECRET",
        "PIPEDRIVE_REFRESH_TOKEN",
        "PIPEDRIVE_ALERT_WEBHOOK",
        "PIPEDRIVE_HASH_KEY",
    } == set(SECRETS)


@pytest.mark.parametrize("key", ["", "too short"])
def test_hashed_columns_need_a_key(tmp_path, key):
    with raises(ConfigurationError, "PIPEDRIVE_HASH_KEY", "16"):
        read(tmp_path, PIPEDRIVE_HASH_COLUMNS="persons.emails", PIPEDRIVE_HASH_KEY=key)


@pytest.mark.parametrize(
    ("name", "value"),
    [("HASH_COLUMNS", "persons.emails"), ("ROW_FILTER", "deals.pipeline_id = 1")],
)
def test_front_ends_without_a_warehouse_refuse_what_they_would_ignore(tmp_path, name, value):
    key = {"PIPEDRIVE_HASH_KEY": "0123456789abcdef"}
    settings = read(tmp_path, **{f"PIPEDRIVE_{name}": value}, **key)

    with raises(ConfigurationError, f"PIPEDRIVE_{name}", "The Singer tap"):
        check_warehouse_only(settings, "The Singer tap")


APP = {"PIPEDRIVE_CLIENT_ID": "id", "PIPEDRIVE_CLIENT_SECRET": "s3cret"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({**APP, "PIPEDRIVE_API_TOKEN": "t"}, ("PIPEDRIVE_CLIENT_ID", "PIPEDRIVE_API_TOKEN")),
        ({"PIPEDRIVE_CLIENT_ID": "id"}, ("PIPEDRIVE_CLIENT_SECRET", "PIPEDRIVE_CLIENT_ID")),
        ({"PIPEDRIVE_CLIENT_SECRET": "s3cret"}, ("PIPEDRIVE_CLIENT_ID", "Developer Hub")),
        ({"PIPEDRIVE_REFRESH_TOKEN": "s3cret"}, ("PIPEDRIVE_CLIENT_ID", "Developer Hub")),
        ({**APP, "PIPEDRIVE_REFRESH_TOKEN": "s3 cret"}, ("PIPEDRIVE_REFRESH_TOKEN",)),
        (
            {"PIPEDRIVE_REFRESH_TOKEN": "s3cret", "PIPEDRIVE_API_TOKEN": "t"},
            ("PIPEDRIVE_REFRESH_TOKEN", "PIPEDRIVE_API_TOKEN"),
        ),
    ],
)
def test_an_api_token_and_an_oauth_app_or_half_an_app_is_one_sentence(tmp_path, given, named):
    with raises(ConfigurationError, *named) as refused:
        read(tmp_path, **given)

    assert "cret" not in str(refused.value).replace("_SECRET", "").replace("client secret", "")


def test_an_oauth_app_is_an_account_whose_tokens_are_kept_below_the_root(tmp_path):
    settings = read(tmp_path, **APP)

    assert settings.has_access
    assert not settings.uses_sandbox
    assert tmp_path / "data" / "warehouse.duckdb" == settings.warehouse
    assert tmp_path / "data" / "oauth.json" == settings.token_file
    assert "s3cret" not in repr(settings)


def test_an_access_given_in_code_replaces_the_other_kind(tmp_path, monkeypatch):
    app = {"client_id": "id", "client_secret": "s3cret"}
    settings = read(tmp_path, **APP).replace(api_token="t")
    assert ("", "t") == (settings.client_id, settings.api_token.get_secret_value())
    settings = read(tmp_path, PIPEDRIVE_API_TOKEN="t").replace(**app)
    assert ("id", "") == (settings.client_id, settings.api_token.get_secret_value())

    for name, value in APP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACME_TOKEN", "acme")
    assert "" == Settings(root=tmp_path, api_token="t").client_id
    assert "" == Settings(root=tmp_path, token_variable="ACME_TOKEN").client_id
    assert settings_of_accounts({"acme": "ACME_TOKEN"})["acme"].api_token
    assert not Settings(root=tmp_path, sandbox_instant="2026-03-10").has_access


def test_accounts_have_token_files_of_their_own(tmp_path):
    def app(**more):
        return Settings(root=tmp_path, found={}, client_id="id", client_secret="s", **more)

    found = settings_of_accounts({"acme": app(), "beta": app()})
    assert ["acme_oauth.json", "beta_oauth.json"] == [s.token_file.name for s in found.values()]
    with raises(ConfigurationError, "acme", "beta", "token file"):
        settings_of_accounts({"acme": app(token_file="x"), "beta": app(token_file="x")})
    with raises(ConfigurationError, "acme", "beta", "refresh token"):
        settings_of_accounts({"acme": app(refresh_token="x"), "beta": app(refresh_token="x")})


def test_an_account_of_the_wrong_kind_is_refused_with_its_name():
    for given in (None, {"api_token": "x"}):
        with raises(ConfigurationError, "acme", type(given).__name__):
            settings_of_accounts({"acme": given})


def test_an_api_token_in_place_of_its_variable_is_refused_and_not_shown():
    for token in ("0123456789" * 4, "abcdef0123" * 4, "abc def"):
        with raises(ConfigurationError, "environment variable") as error:
            settings_of_accounts({"acme": token})
        assert token not in str(error.value)


def test_a_missing_token_of_an_account_names_its_variable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = settings_of_accounts({"acme": "ACME_TOKEN"})["acme"]
    with pytest.raises(MissingTokenError) as error:
        _ = found.uses_sandbox
    assert "ACME_TOKEN" in str(error.value)
    assert "PIPEDRIVE_WAREHOUSE" not in str(error.value)


def test_two_accounts_in_one_schema_of_postgres_are_refused(tmp_path):
    def one(token):
        return Settings(
            root=tmp_path, found={}, api_token=token, destination="postgres", dataset="crm"
        )

    with raises(ConfigurationError, "acme", "beta", "schema"):
        settings_of_accounts({"acme": one("a"), "beta": one("b")})


def test_a_secret_that_is_none_counts_as_blank(tmp_path):
    def given(**more):
        return Settings(root=tmp_path, found={}, **more)

    assert not given(alert_webhook=None).alert_webhook
    with pytest.raises(MissingTokenError):
        _ = given(api_token=None).uses_sandbox
    with raises(ConfigurationError, "PIPEDRIVE_CLIENT_SECRET", "not set"):
        given(client_id="id", client_secret=None)


def test_the_config_of_the_tap_can_have_an_oauth_app(tmp_path):
    now = datetime(2026, 3, 10, tzinfo=timezone.utc)
    app = {"client_id": "id", "client_secret": "s3cret", "refresh_token": "r3fresh"}
    given = {**app, "token_file": str(tmp_path / "t")}
    settings = Config.of(given, read(tmp_path, PIPEDRIVE_API_TOKEN="t"), now).settings

    assert ("id", "") == (settings.client_id, settings.api_token.get_secret_value())
    assert "r3fresh" == settings.refresh_token.get_secret_value()
    assert tmp_path / "t" == settings.token_file
    with raises(ConfigurationError, "client_secret", "CLIENT_ID"):
        Config.of({"client_id": "id"}, read(tmp_path), now)


@pytest.mark.parametrize(
    ("history", "words"),
    [("deal", ("deal'", "deals")), ("deals,projects", ("projects", "PIPEDRIVE_TABLES"))],
)
def test_a_history_of_a_table_that_is_not_loaded_is_one_sentence(tmp_path, history, words):
    with raises(ConfigurationError, "PIPEDRIVE_HISTORY", *words):
        read(tmp_path, PIPEDRIVE_HISTORY=history)


def test_tables_with_a_history_are_marked(tmp_path):
    settings = read(tmp_path, PIPEDRIVE_HISTORY=" deals, persons ")

    assert {"deals", "persons"} == {each.name for each in settings.entities if each.history}


@pytest.mark.parametrize(
    ("tables", "mails", "expected"),
    [
        ("default", "once", None),
        ("default,+deals_mails", "once", "deals_mails"),
        ("default,+deals_mails", "always", None),
    ],
)
def test_histories_leave_out_emails_if_they_have_a_table(tmp_path, tables, mails, expected):
    settings = read(tmp_path, PIPEDRIVE_TABLES=tables, PIPEDRIVE_FLOW_MAILS=mails)

    found = {entity.name: entity.mails_in for entity in settings.entities if entity.mails_in}
    assert ({"deals_flow": expected} if expected else {}) == found
