"""Alerts: one sentence, a secret URL, and no error of its own."""

import logging
import re
from types import SimpleNamespace

import pytest
import requests

from pipedrive_assets.alert import LONGEST, failure_text, post, schema_text
from pipedrive_assets.cli import main

URL = "https://hooks.example.com/services/T0/B0/s3cret"


def test_the_first_failure_is_quoted_and_the_others_are_named():
    said = failure_text(
        "run 1a2b3c4d (pipedrive_daily)",
        "users: PermissionDenied: Pipedrive answered 403. Use a global admin's.\n"
        "deals: X\nleads: Y",
    )

    assert (
        "Pipedrive: run 1a2b3c4d (pipedrive_daily) failed. users: PermissionDenied: Pipedrive "
        "answered 403. Use a global admin's. (Also failed: deals, leads.)"
    ) == said


def test_a_failure_without_a_word_is_told_all_the_same():
    assert "run 1" in failure_text("run 1", "")


def test_changed_fields_are_listed_until_the_text_is_too_long():
    one = schema_text(["deals has a new column x."])
    many = schema_text([f"deals has a new column {number:0100}." for number in range(40)])

    assert one == "Pipedrive: 1 field has changed. deals has a new column x."
    assert len(many) <= LONGEST
    left = int(re.search(r"(\d+) more are in the log", many)[1])
    assert many.count("new column") + left == 40


def test_the_webhook_gets_the_text_and_follows_nowhere():
    sent = []

    def send(url, **how):
        sent.append((url, how["json"], how["allow_redirects"]))
        return SimpleNamespace(status_code=200)

    assert post(URL, "It failed.", send=send)
    assert [(URL, {"text": "It failed."}, False)] == sent


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_refuses_is_a_log_line_without_its_url(caplog, status):
    with caplog.at_level(logging.WARNING):
        assert not post(URL, "x", send=lambda *_, **__: SimpleNamespace(status_code=status))

    assert f"HTTP {status}" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_webhook_that_cannot_be_reached_is_a_log_line_without_its_url(caplog):
    def send(url, **_):
        raise requests.ConnectionError(f"no route to {url}")

    with caplog.at_level(logging.WARNING):
        assert not post(URL, "x", send=send)

    assert "ConnectionError" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(("command", "told"), [("load", 1), ("reconcile", 1), ("entities", 0)])
def test_a_command_that_loads_tells_of_its_failure(monkeypatch, capsys, command, told):
    sent = []
    monkeypatch.setattr("pipedrive_assets.alert.post", lambda url, text: sent.append((url, text)))
    monkeypatch.setenv("PIPEDRIVE_ALERT_WEBHOOK", URL)
    monkeypatch.setenv("PIPEDRIVE_BASE_URL", "acme")

    main([command])

    assert told == len(sent)
    assert all(
        url == URL
        and text.startswith(f"Pipedrive: `python -m pipedrive_assets {command}` failed. Missing")
        for url, text in sent
    )
    assert "s3cret" not in capsys.readouterr().err
