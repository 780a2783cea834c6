"""Each status that Pipedrive documents is raised by the client as a class of its own, below the
group that says what to do."""

import pytest

from pipedrive_assets import errors
from pipedrive_assets.sandbox import Reply
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.api.conftest import client_of

REFUSAL = {"success": False, "error": "No"}
SPENT = {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "2"}
BURST = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3"}
GROUPS = {
    errors.PipedriveBadRequestError: errors.BadRequest,
    errors.PipedriveUnauthorizedError: errors.AuthenticationError,
    errors.PipedrivePaymentRequiredError: errors.PermissionDenied,
    errors.PipedriveForbiddenError: errors.PermissionDenied,
    errors.PipedriveNotFoundError: errors.Missing,
    errors.PipedriveGoneError: errors.Missing,
    errors.PipedriveUnsupportedMediaError: errors.FeatureUnavailable,
    errors.PipedriveUnprocessableEntityError: errors.BadRequest,
    errors.PipedriveTooManyRequestsError: errors.BudgetExhausted,
    errors.PipedriveTooManyRequestsInSecondError: errors.TransientApiError,
    errors.PipedriveInternalServiceError: errors.TransientApiError,
    errors.PipedriveNotImplementedError: errors.BadRequest,
    errors.PipedriveServiceUnavailableError: errors.TransientApiError,
    errors.PipedriveNull200Error: errors.TransientApiError,
}


def said(status, body=REFUSAL, **headers):
    reply = json_reply(status, body)
    return Reply(status=status, headers={**reply.headers, **headers}, body=reply.body)


def nothing(body):
    return Reply(status=200, headers={"content-type": "application/json"}, body=body)


def raised(clock, reply):
    client, _ = client_of(lambda: reply, clock)
    with pytest.raises(errors.PipedriveError) as caught:
        list(client.pages("api/v2/deals", cost=10, paging="cursor", page_rows=5))
    return caught.value


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (said(400), errors.PipedriveBadRequestError),
        (said(401), errors.PipedriveUnauthorizedError),
        (said(402), errors.PipedrivePaymentRequiredError),
        (said(403), errors.PipedriveForbiddenError),
        (said(404), errors.PipedriveNotFoundError),
        (said(410), errors.PipedriveGoneError),
        (said(415), errors.PipedriveUnsupportedMediaError),
        (said(422), errors.PipedriveUnprocessableEntityError),
        (said(429, **SPENT), errors.PipedriveTooManyRequestsError),
        (said(429, **BURST), errors.PipedriveTooManyRequestsInSecondError),
        (said(500), errors.PipedriveInternalServiceError),
        (said(501), errors.PipedriveNotImplementedError),
        (said(503), errors.PipedriveServiceUnavailableError),
        (nothing(b"null"), errors.PipedriveNull200Error),
        (nothing(b""), errors.PipedriveNull200Error),
        (said(200, {"success": True, "data": None}), errors.PipedriveNull200Error),
    ],
)
def test_a_status_is_raised_as_its_class_and_as_its_group(clock, reply, kind):
    error = raised(clock, reply)
    assert isinstance(error, kind)
    assert isinstance(error, GROUPS[kind])
    assert reply.status == error.status
    assert error.next_step in str(error)


def test_a_gateway_that_turns_the_address_away_is_a_403_too(clock):
    error = raised(clock, Reply(status=403, headers={}, body=b"<html>no</html>"))
    assert isinstance(error, errors.PipedriveForbiddenError)
    assert isinstance(error, errors.Blocked)


def test_a_burst_is_waited_for_as_long_as_the_header_says(clock):
    replies = iter([said(429, **BURST), said(200, {"success": True, "data": []})])
    client, _ = client_of(lambda: next(replies), clock)
    list(client.pages("api/v2/deals", cost=10, paging="cursor", page_rows=5))
    assert [3.0] == clock.slept


def test_who_asks_and_how_long_it_waits_is_the_caller_s_to_say(clock):
    client, door = client_of(
        lambda: said(200, {"success": True, "data": []}), clock, user_agent="me/1", read_seconds=7.0
    )
    list(client.pages("api/v2/deals", cost=10, paging="cursor", page_rows=5))
    assert "me/1" == door.sent[0].headers["user-agent"]
    assert 7.0 == door.settings[0]["timeout"][1]
