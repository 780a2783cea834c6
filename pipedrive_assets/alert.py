"""Alerts: post a message to a webhook when a run fails, or when the fields of a table change.

The body is `{"text": …}`, which Slack, Mattermost, Microsoft Teams workflows and most others
accept. The URL is a secret and is never logged.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import requests

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
LONGEST = 1500
"""Maximum length of a message in characters; chat programs cut or refuse longer ones."""


def failure_text(what: str, failure: str) -> str:
    """Build the text of an alert.

    Args:
        what: What failed, for example a run.
        failure: The error message; one line per failed table.

    Returns:
        The first line of the failure, followed by the names of the other failed tables.
    """
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    others = [line.partition(":")[0] for line in lines[1:]]
    more = f" (Also failed: {', '.join(others)}.)" if others else ""
    first = (lines or ["The run failed without an error message; see its log."])[0]
    return f"Pipedrive: {what} failed. {first}{more}"[:LONGEST]


def schema_text(changes: Sequence[str]) -> str:
    """Build the text of an alert about changed fields.

    Args:
        changes: A sentence per change; at least one.

    Returns:
        The sentences; if they are too long, the first ones and the number of the others.
    """
    text = (
        f"Pipedrive: {len(changes)} {'field has' if len(changes) == 1 else 'fields have'} changed."
    )
    for number, change in enumerate(changes):
        left = f" {len(changes) - number} more are in the log of the run."
        if len(text) + len(change) + len(left) >= LONGEST:
            return text + left
        text += f" {change}"
    return text


def post(url: str, text: str, *, send: Callable[..., Any] = requests.post) -> bool:
    """Post a message to the webhook. A failure is logged as a warning, not raised.

    Args:
        url: The webhook's URL (a secret).
        text: The message.
        send: Sends the request; `requests.post` by default.

    Returns:
        Whether the webhook accepted the message.
    """
    try:
        reply = send(url, json={"text": text}, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        log.warning(
            "The alert was not sent (%s): check PIPEDRIVE_ALERT_WEBHOOK.", type(error).__name__
        )
        return False
    if reply.status_code >= 300:
        log.warning(
            "The webhook refused the alert (HTTP %d): check PIPEDRIVE_ALERT_WEBHOOK.",
            reply.status_code,
        )
        return False
    return True
