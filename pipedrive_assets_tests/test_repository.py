"""What runs in CI, before a commit and at installation is pinned."""

import json
import re
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
LOCKS = [
    "requirements.lock",
    "deploy/requirements.lock",
    "deploy/kubernetes/requirements.lock",
]


def read(path):
    return yaml.safe_load(path.read_text("utf-8"))


def locked(name):
    """Each requirement of a lock with what is written below it."""
    text = (ROOT / name).read_text("utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    return {re.split(r" \\?\n", entry)[0]: entry for entry in entries}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_name_their_version(workflow):
    used = re.findall(r"uses: (.+)", workflow.read_text("utf-8"))

    assert used
    assert [] == [
        each for each in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v[\d.]+", each)
    ]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_only_read_unless_a_job_says_otherwise(workflow):
    asked = read(workflow)

    assert {"contents": "read"} == asked["permissions"]
    granted = {
        name: job["permissions"] for name, job in asked["jobs"].items() if "permissions" in job
    }
    assert granted == ({"publish": {"id-token": "write"}} if workflow.stem == "release" else {})


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_commands_of_the_makefile_that_exist(workflow):
    targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    steps = [
        step.get("run", "") for job in read(workflow)["jobs"].values() for step in job["steps"]
    ]
    called = {name for step in steps for name in re.findall(r"\bmake (\w+)", step)}

    assert called
    assert called <= set(targets)


def test_only_the_job_with_the_newest_releases_may_fail():
    jobs = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]

    assert ["newest"] == [name for name, job in jobs.items() if job.get("continue-on-error")]


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_issue_forms_have_what_github_requires(form):
    asked = read(form)
    if form.stem == "config":
        assert {"blank_issues_enabled"} == set(asked)
        return
    fields = [field for field in asked["body"] if field["type"] != "markdown"]

    assert {"name", "description", "body"} <= set(asked)
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert all(
        len(set(field["attributes"]["options"])) == len(field["attributes"]["options"])
        for field in fields
        if field["type"] == "dropdown"
    )


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_locked_to_a_version_and_hashes(name):
    entries = locked(name)

    assert entries
    assert [] == [each for each in entries if not re.match(r"[a-z0-9._-]+(\[[a-z,-]+\])?==", each)]
    assert [] == [each for each, text in entries.items() if "--hash=sha256:" not in text]


def test_the_images_have_the_versions_that_were_tested():
    tested, image, of_kubernetes = (
        {entry.partition(" ;")[0] for entry in locked(name)} for name in LOCKS
    )

    assert image < tested
    assert image < of_kubernetes


def test_the_run_launcher_is_of_the_release_of_dagster_that_was_tested():
    tested, _, of_kubernetes = (
        dict(entry.partition(" ;")[0].split("==") for entry in locked(name)) for name in LOCKS
    )

    assert tested["dagster-postgres"] == of_kubernetes["dagster-k8s"]


def test_what_is_installed_from_a_lock_is_compared_with_its_hashes():
    for name in ("Makefile", "Dockerfile"):
        text = (ROOT / name).read_text("utf-8")
        installed = [line for line in text.splitlines() if "install" in line and ".lock" in line]
        installed = [line for line in installed if "echo" not in line and not line.startswith(".")]

        assert installed
        assert all("--require-hashes" in line for line in installed)


def test_hooks_run_the_locked_programs():
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"] for hook in repository["hooks"]]

    assert "local" == repository["repo"]
    assert {".venv/bin/ruff", ".venv/bin/codespell"} == {entry.split()[0] for entry in entries}


def test_renovate_renews_the_locks():
    pattern = json.loads((ROOT / ".github" / "renovate.json").read_text("utf-8"))["pip-compile"]

    (expression,) = pattern["managerFilePatterns"]
    assert all(re.search(expression.strip("/"), name) for name in LOCKS)
