"""`PipedriveComponent` without the command dg: attributes, templates, secrets and errors."""

import inspect
import re
import sys
import traceback
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from jsonschema import Draft202012Validator

import pipedrive_assets
from pipedrive_assets.config import SECRETS, Settings
from pipedrive_assets.config.files import env_name
from pipedrive_assets.config.table import settings_of
from pipedrive_assets.errors import ConfigurationError, MissingTokenError
from pipedrive_assets.orchestration.code_location import FIELDS, pipedrive_definitions
from pipedrive_assets.orchestration.component import PipedriveComponent
from pipedrive_assets.orchestration.scaffolder import PipedriveScaffolder, ScaffoldParams

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "in-your-dagster.md"
NAME = PipedriveComponent.__name__
SECRET = "0123456789abcdef0123456789abcdef01234567"
NOT_IN_YAML = {"executor"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "their_project"\n'
    )
    defs = tmp_path / "their_project" / "defs" / "crm"
    defs.mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    yield defs
    for name in [name for name in sys.modules if name.split(".")[0] == "their_project"]:
        del sys.modules[name]


@pytest.fixture
def load(project):
    def definitions(attributes):
        lines = "\n".join(f"  {line}" for line in attributes.strip().splitlines())
        text = f"type: pipedrive_assets.PipedriveComponent\nattributes:\n{lines}\n"
        (project / "defs.yaml").write_text(text, "utf-8")
        return dg.load_from_defs_folder(path_within_project=Path.cwd())

    return definitions


def settings_of_resource(definitions, key="pipedrive"):
    return definitions.resources[key].settings()


def wrong(error):
    """The error of ours within those of Dagster."""
    while not isinstance(error, ConfigurationError):
        error = error.__cause__ or error.__context__
    return str(error)


def test_the_attributes_are_the_arguments_of_the_function_and_their_defaults():
    arguments = dict(inspect.signature(pipedrive_definitions).parameters)
    fields = PipedriveComponent.model_fields

    assert (
        set(arguments) - NOT_IN_YAML == set(fields) == set(PipedriveComponent.model().model_fields)
    )
    defaults = {name: fields[name].get_default(call_default_factory=True) for name in fields}
    assert {name: arguments[name].default or None for name in fields} == {
        name: value or None for name, value in defaults.items()
    }
    assert set(FIELDS) <= set(fields)


def test_the_settings_in_yaml_are_all_settings_with_their_descriptions():
    schema = PipedriveComponent.model().model_json_schema()["$defs"]["SettingsAttributes"]
    expected = {
        name: field.description for name, field in settings_of(Settings.model_fields).items()
    }
    found = {name: each["description"] for name, each in schema["properties"].items()}

    assert {**expected, "token_variable": found["token_variable"]} == found
    assert schema["additionalProperties"] is False


def test_dg_finds_the_component_and_its_scaffolder():
    tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    registered = tomllib.loads(text)["project"]["entry-points"]["dagster_dg_cli.registry_modules"]

    assert {"pipedrive_assets"} == set(registered.values())
    assert "PipedriveComponent" in dir(pipedrive_assets)
    assert pipedrive_assets.PipedriveComponent is PipedriveComponent
    assert PipedriveComponent.__scaffolder_cls__ is PipedriveScaffolder


def test_attributes_reach_the_definitions(load, monkeypatch, tmp_path):
    monkeypatch.setenv("CRM_TOKEN", SECRET)
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "of-nobody")
    monkeypatch.setenv("PIPEDRIVE_DATASET", "from_environment")

    definitions = load(
        """
key_prefix: [crm]
name_prefix: crm
warehouse_key: store
group_name: sales
first_partition: 2025-05-01
tables: [deals, users]
owners: ["team:sales"]
tags: {domain: sales}
settings:
  api_token: "{{ env.CRM_TOKEN }}"
  reconcile_at: off
  schedule: off
  freshness_crm: 30m
  file_mode: 0600
  warehouse: crm.duckdb
"""
    )

    assert {"crm/deals", "crm/users"} <= {
        key.to_user_string() for key in definitions.resolve_all_asset_keys()
    }
    assert {"crm_daily", "crm_reconcile"} == {job.name for job in definitions.jobs}
    assert {"pipedrive", "store"} == set(definitions.resources)
    (deals,) = [
        spec for spec in definitions.resolve_all_asset_specs() if "deals" == spec.key.path[-1]
    ]
    assert ("sales", ["team:sales"]) == (deals.group_name, deals.owners)
    assert "sales" == deals.tags["domain"]
    found = settings_of_resource(definitions)
    assert SECRET == found.api_token.get_secret_value()
    assert (None, False, 0o600) == (found.reconcile_at, found.schedule, found.file_mode)
    assert (timedelta(minutes=30), date(2025, 5, 1)) == (found.freshness_crm, found.first_partition)
    assert (tmp_path / "crm.duckdb", "from_environment") == (found.warehouse, found.dataset)


def test_each_account_of_a_file_has_its_own_settings(load, monkeypatch, tmp_path):
    monkeypatch.setenv("ACME_TOKEN", "of-acme")
    monkeypatch.setenv("GLOBEX_TOKEN", "of-globex")

    definitions = load(
        """
tables: deals
accounts:
  acme:
    token_variable: ACME_TOKEN
  globex:
    api_token: "{{ env.GLOBEX_TOKEN }}"
    tokens_per_day: 5000
"""
    )

    acme, globex = (
        settings_of_resource(definitions, f"pipedrive_{name}") for name in ("acme", "globex")
    )
    assert ["of-acme", "of-globex"] == [one.api_token.get_secret_value() for one in (acme, globex)]
    assert (None, 5000) == (acme.tokens_per_day, globex.tokens_per_day)
    assert tmp_path / "data" / "acme.duckdb" == acme.warehouse


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ('api_token: "{{ env.CRM_TOKEN }}"', "api_token"),
        ('client_id: "{{ env.CRM_ID }}"\n  client_secret: "{{ env.CRM_SECRET }}"', "client_id"),
    ],
)
@pytest.mark.parametrize(
    "others", [("PIPEDRIVE_API_TOKEN",), ("PIPEDRIVE_CLIENT_ID", "PIPEDRIVE_CLIENT_SECRET")]
)
def test_an_unset_variable_means_neither_the_sandbox_nor_another_account(
    load, monkeypatch, attributes, field, others
):
    for name in others:
        monkeypatch.setenv(name, "of-another-account")

    found = settings_of_resource(load(f"tables: deals\nsettings:\n  {attributes}"))

    assert not found.has_access
    with pytest.raises(MissingTokenError, match=f"^{field} is given, but it is empty"):
        _ = found.uses_sandbox


@pytest.mark.parametrize(
    ("attributes", "key"),
    [
        ("tables: nothing", "attributes.tables"),
        ("owners: [sales]", "attributes.owners"),
        ("first_partition: soon", "attributes.first_partition"),
        ("settings: {daily_at: 12:15}", "attributes.settings.daily_at"),
        ("settings: {tokens_per_day: many}", "attributes.settings.tokens_per_day"),
        (f"settings: {{api_token: {SECRET}}}", "attributes.settings.api_token"),
        (f"settings: {{alert_webhook: 'https://x.test/{SECRET}'}}", "settings.alert_webhook"),
        ("accounts: {acme: {preview: loud}}", "attributes.accounts.acme.preview"),
        ("accounts: {Acme Inc: {token_variable: T}}", "Acme Inc"),
        ("accounts: {a: {token_variable: T}}\nsettings: {schedule: off}", "settings or accounts"),
    ],
)
def test_a_wrong_value_is_one_sentence_with_the_file_and_the_key(load, attributes, key):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster's own, which wraps ours
        load(attributes)

    sentence = wrong(caught.value)
    assert sentence.startswith("their_project/defs/crm/defs.yaml: ")
    assert key in sentence
    assert 1 == len(sentence.splitlines())
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("attributes", "path"),
    [
        ({"typo": "deals"}, []),
        ({"settings": {"typo": "02:15", "api_token": SECRET}}, ["settings"]),
        ({"accounts": {"acme": {"typo": 1, "api_token": SECRET}}}, ["accounts", "acme"]),
        (
            {"accounts": {"acme": {"token_variable": SECRET}}},
            ["accounts", "acme", "token_variable"],
        ),
    ],
)
def test_the_schema_of_dg_check_yaml_points_to_the_wrong_key(attributes, path):
    schema = PipedriveComponent.get_model_cls().model_json_schema()

    (error,) = Draft202012Validator(schema).iter_errors(attributes)

    assert path == list(error.absolute_path)
    if path[-1:] != ["token_variable"]:
        assert "'typo' was unexpected" in error.message
        assert SECRET not in error.message


def test_a_wrong_setting_of_the_environment_keeps_its_name(load, monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_DAILY_AT", "noon")

    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster's own, which wraps ours
        load("tables: deals")

    assert "PIPEDRIVE_DAILY_AT" in wrong(caught.value)


def test_the_documented_files_load(project, monkeypatch):
    monkeypatch.setenv("GLOBEX_TOKEN", SECRET)
    texts = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

    assert 2 == len(texts)
    for text in texts:
        given = text if text.startswith("type:") else f"type: pipedrive_assets.{NAME}\n{text}"
        (project / "defs.yaml").write_text(given, "utf-8")
        dg.Definitions.validate_loadable(dg.load_from_defs_folder(path_within_project=Path.cwd()))


def test_the_documented_merge_loads(project):
    (text, *_) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found = {"__name__": "theirs"}

    exec(text, found)  # noqa: S102 - our own document

    dg.Definitions.validate_loadable(found["defs"])
    assert {"duckdb", "crm", "crm_warehouse"} == set(found["defs"].resources)


def test_secrets_are_in_no_text_of_the_component(monkeypatch):
    given = {}
    for name in SECRETS:
        monkeypatch.setenv(name, f"https://hooks.test/{SECRET}")
        field = next(each for each in Settings.model_fields if env_name(each) == name)
        given[field] = f"{{{{ env.{name} }}}}"

    component = PipedriveComponent.from_attributes_dict(attributes={"settings": given})

    assert SECRET in str(component.settings)
    assert SECRET not in repr(component)
    assert SECRET not in str(component)


def test_settings_in_python_are_taken_as_they_are(project):
    settings = Settings(api_token=SECRET, tables="deals")

    definitions = dg.build_defs_for_component(component=PipedriveComponent(settings=settings))

    assert settings_of_resource(definitions) is settings


@pytest.mark.parametrize("append", [False, True])
def test_scaffolding_writes_a_file_that_loads(project, monkeypatch, append):
    monkeypatch.setenv("CRM_TOKEN", SECRET)
    file = project / "defs.yaml"
    if append:
        file.write_text("type: dagster.DefinitionsComponent\n", "utf-8")
    request = dg.ScaffoldRequest(
        type_name="pipedrive_assets.PipedriveComponent",
        target_path=file if append else project,
        scaffold_format="yaml",
        project_root=Path.cwd(),
        params=ScaffoldParams(key_prefix="crm", token_variable="CRM_TOKEN"),
        append=append,
    )

    PipedriveScaffolder().scaffold(request)

    text = file.read_text("utf-8")
    assert append == ("---\n" in text)
    if append:
        file.write_text(text.partition("---\n")[2], "utf-8")
    definitions = dg.load_from_defs_folder(path_within_project=Path.cwd())
    assert dg.AssetKey(["crm", "deals"]) in definitions.resolve_all_asset_keys()
    assert SECRET == settings_of_resource(definitions).api_token.get_secret_value()
    assert "env:\n    - CRM_TOKEN" in text


def test_scaffolding_python_writes_a_function(project):
    request = dg.ScaffoldRequest(
        type_name="pipedrive_assets.PipedriveComponent",
        target_path=project,
        scaffold_format="python",
        project_root=Path.cwd(),
        params=ScaffoldParams(),
    )

    PipedriveScaffolder().scaffold(request)

    assert "from pipedrive_assets import PipedriveComponent" in (
        project / "component.py"
    ).read_text("utf-8")
