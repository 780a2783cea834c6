"""The job and the schedule of the weekly digest, and the command that previews it."""

import dagster as dg
import pytest

from pipedrive_assets.cli import digest as command
from pipedrive_assets.cli import main
from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.orchestration.automation import digest
from pipedrive_assets.orchestration.resources import WarehouseResource
from pipedrive_assets_tests.orchestration.test_assets import OFFICES, OfficeResource

URL = "https://hooks.example.com/services/T0/B0/s3cret"
WEBHOOK = {"PIPEDRIVE_ALERT_WEBHOOK": URL}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({**WEBHOOK, "PIPEDRIVE_DIGEST_AT": "off"}, None),
        (WEBHOOK, ("0 7 * * 1", dg.DefaultScheduleStatus.RUNNING)),
        (
            {**WEBHOOK, "PIPEDRIVE_DIGEST_AT": "fri 16:30", "PIPEDRIVE_SCHEDULE": "off"},
            ("30 16 * * 5", dg.DefaultScheduleStatus.STOPPED),
        ),
    ],
)
def test_the_schedule_is_there_if_a_webhook_is_set(environment, expected):
    definitions = build(Settings.from_env(environment), OfficeResource(office="digest"))

    found = {each.name: each for each in definitions.schedules}.get("pipedrive_digest_schedule")

    assert expected == (found and (found.cron_schedule, found.default_status))


def run(office, monkeypatch, accepted):
    sent = []

    def post(url, text):
        sent.append((url, text))
        return accepted

    monkeypatch.setattr(digest, "post", post)
    monkeypatch.setenv("PIPEDRIVE_ALERT_WEBHOOK", URL)
    OFFICES["digest"] = office
    database = WarehouseResource(database=str(office.warehouse.path), dataset="pipedrive_data")
    (job,), _ = digest.build_digest(Settings.from_env(WEBHOOK))
    result = job.execute_in_process(
        resources={"pipedrive": OfficeResource(office="digest"), "duckdb": database},
        raise_on_error=False,
    )
    return result.success, sent


@pytest.mark.samples(1)
@pytest.mark.parametrize("accepted", [True, False])
def test_the_job_posts_the_digest_and_fails_if_the_webhook_refuses(office, monkeypatch, accepted):
    office.load("deals")
    office.sandbox.log.clear()

    success, sent = run(office, monkeypatch, accepted)

    ((url, text),) = sent
    assert (accepted, URL) == (success, url)
    assert "Deals won" in text
    assert [] == list(office.sandbox.log)


@pytest.mark.slow
def test_nothing_is_posted_before_the_first_load(office, monkeypatch):
    assert (True, []) == run(office, monkeypatch, accepted=True)


@pytest.mark.slow
def test_the_command_shows_the_digest_and_sends_it_only_if_asked(office, monkeypatch, capsys):
    sent = []
    monkeypatch.setattr(command, "post", lambda url, text: not sent.append((url, text)))
    monkeypatch.setattr(command, "warehouse_of", lambda _: office.warehouse)
    assert 0 != main(["digest"])
    assert "first load of deals" in capsys.readouterr().err
    office.load("deals")

    assert 0 == main(["digest"])
    shown = capsys.readouterr().out
    assert "Deals won" in shown
    assert [] == sent
    assert 0 != main(["digest", "--send"])
    assert "PIPEDRIVE_ALERT_WEBHOOK" in capsys.readouterr().err
    monkeypatch.setenv("PIPEDRIVE_ALERT_WEBHOOK", URL)
    assert 0 == main(["digest", "--send"])
    assert [(URL, shown.rstrip("\n"))] == sent
