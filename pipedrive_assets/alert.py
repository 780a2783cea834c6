"""Alerts: one sentence to a webhook when a run fails.

The body is `{"text": …}`, which Slack, Mattermost, Teams' workflows and most others take. The URL
is a secret: it is in no log.
"""

import logging
from collections.abc import Callable
from typing import Any

import requests

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
LONGEST = 1500
"""Characters; chat programs cut or refuse longer ones."""


def failure_text(what: str, failure: str) -> str:
    """One readable sentence with its remedy: of several tables' failures the first is quoted, and
    the others are named.
    """
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    others = [line.partition(":")[0] for line in lines[1:]]
    more = f" ({', '.join(others)} failed too.)" if others else ""
    said = (lines or ["The run ended without a word; its log may tell more."])[0]
    return f"Pipedrive: {what} failed. {said}{more}"[:LONGEST]


def post(url: str, text: str, *, send: Callable[..., Any] = requests.post) -> bool:
    """Whether the webhook took it; a webhook in trouble is a log line, never an error."""
    try:
        reply = send(url, json={"text": text}, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        log.warning(
            "The alert was not sent (%s): check PIPEDRIVE_ALERT_WEBHOOK.", type(error).__name__
        )
        return False
    if reply.status_code >= 300:
        log.warning(
            "The alert was not taken (HTTP %d): check PIPEDRIVE_ALERT_WEBHOOK.", reply.status_code
        )
        return False
    return True
