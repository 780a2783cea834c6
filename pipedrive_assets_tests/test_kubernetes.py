"""The files for Kubernetes and Dagster+ agree with the chart's schema, the code and the page."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pipedrive_assets.config import SECRETS, SETTINGS
from pipedrive_assets.orchestration.automation.target import WAREHOUSE_TAG

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
VALUES = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "values.yaml").read_text("utf-8"))
CLOUD = yaml.safe_load((ROOT / "dagster_cloud.yaml").read_text("utf-8"))
SCHEMA = json.loads((Path(__file__).parent / "helm_values.schema.json").read_text("utf-8"))
(DEPLOYMENT,) = VALUES["dagster-user-deployments"]["deployments"]
(LOCATION,) = CLOUD["locations"]


def blocks(page, language="yaml"):
    """The code blocks of a document."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def merged(base, changes):
    """What Helm makes of two values files."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return {
        name: merged(base.get(name), changes[name]) if name in changes else base[name]
        for name in {**base, **changes}
    }


def test_the_values_are_accepted_by_the_schema_of_the_chart():
    Draft202012Validator.check_schema(SCHEMA)

    assert [] == [error.message for error in Draft202012Validator(SCHEMA).iter_errors(VALUES)]


def test_the_values_of_the_page_are_accepted_together_with_the_file():
    values = [block for block in blocks(PAGE) if "runLauncher:" in block]

    assert values
    for block in values:
        both = merged(VALUES, yaml.safe_load(block))
        assert [] == [error.message for error in Draft202012Validator(SCHEMA).iter_errors(both)]


def test_one_run_at_a_time_is_limited_by_the_tag_of_the_warehouse():
    coordinator = VALUES["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    (limit,) = coordinator["tagConcurrencyLimits"]

    assert (WAREHOUSE_TAG, 1) == (limit["key"], limit["limit"])
    assert {"applyLimitPerUniqueValue": True} == limit["value"]


def test_the_instance_is_that_of_the_other_deployments():
    other = yaml.safe_load((ROOT / "deploy" / "postgres" / "dagster.yaml").read_text("utf-8"))
    daemon = VALUES["scheduler"]["config"]["daemonScheduler"]

    assert other["scheduler"]["config"]["max_catchup_runs"] == daemon["maxCatchupRuns"]
    assert (
        other["python_logs"]["managed_python_loggers"]
        == (VALUES["pythonLogs"]["managedPythonLoggers"])
    )
    assert {name: other[name] for name in ("freshness", "nux")} == VALUES[
        "additionalInstanceConfig"
    ]
    assert (
        other["storage"]["postgres"]["postgres_db"]["scheme"]
        == (VALUES["postgresql"]["postgresqlScheme"])
    )


def test_dagster_home_is_a_folder_of_the_image_that_its_user_owns():
    image = (ROOT / "Dockerfile").read_text("utf-8")
    home = VALUES["global"]["dagsterHome"]

    assert f"DAGSTER_HOME={home}" in image
    assert f"chown dagster:dagster {home}" in image


def test_settings_in_the_files_exist_and_secrets_are_in_none():
    variables = LOCATION["container_context"]["k8s"]["env_vars"]
    plain = {**DEPLOYMENT["env"], **dict(each.split("=") for each in variables)}

    assert set(plain) <= set(SETTINGS)
    assert set() == set(plain) & set(SECRETS)
    assert DEPLOYMENT["env"] == plain


def test_the_secrets_that_the_page_creates_are_those_that_the_files_use():
    created = set(re.findall(r"kubectl create secret generic (\S+)", PAGE))

    assert created == {
        VALUES["global"]["postgresqlSecretName"],
        *(each["name"] for each in DEPLOYMENT["envSecrets"]),
        *LOCATION["container_context"]["k8s"]["env_secrets"],
    }
    assert "--from-literal=postgresql-password=" in PAGE


def test_the_chart_has_the_version_of_dagster_in_the_lock():
    lock = (ROOT / "deploy" / "kubernetes" / "requirements.lock").read_text("utf-8")
    (version,) = re.findall(r"^dagster==(\S+)", lock, re.MULTILINE)
    file = (ROOT / "deploy" / "kubernetes" / "values.yaml").read_text("utf-8")

    assert {version} == set(re.findall(r"--version (\S+)", PAGE + file))
    assert "deploy/kubernetes/requirements.lock" in PAGE
