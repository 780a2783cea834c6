"""Every error says what happened, quotes Pipedrive, and ends with what to do next."""

import re
from datetime import datetime, timezone

import pytest

from pipedrive_assets import errors
from pipedrive_assets_tests.facts import mentions

RESET = datetime(2026, 3, 11, tzinfo=timezone.utc)
ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ApiError)
]


SENTENCES: list[tuple[errors.PipedriveError, str]] = [
    (
        errors.TransientApiError(path="x", quote="nothing came for 60 s"),
        (
            "Pipedrive did not answer GET /x: nothing came for 60 s. The request was retried "
            "several times. Rows already loaded are kept. Run again in a few minutes; if the error "
            "remains, check PIPEDRIVE_BASE_URL and the network."
        ),
    ),
    (
        errors.BudgetExhausted(path="x", reset_at=RESET),
        (
            "Pipedrive answered 429 to GET /x. The account's daily API tokens are spent until "
            "about 2026-03-11 00:00 UTC. Rows already loaded are kept. Run again after that time; "
            "the run continues where this one stopped."
        ),
    ),
    (
        errors.BudgetExhausted(path="x", reset_at=RESET, status=0, quote="it costs 10"),
        (
            "GET /x was not sent: it costs 10. The account's daily API tokens are spent until "
            "about 2026-03-11 00:00 UTC. Rows already loaded are kept. Run again after that time; "
            "the run continues where this one stopped."
        ),
    ),
    (
        errors.TooManyRequests(path="x", status=429, tokens_left=1_000),
        (
            "Pipedrive answered 429 to GET /x. Pipedrive kept answering 429 without reporting that "
            "the daily tokens are spent, so this run stopped. 1,000 daily API tokens remained. "
            "Rows already loaded are kept, and the next run continues. If this happens again, run "
            "fewer programs with this API token at the same time."
        ),
    ),
    (
        errors.PipedrivePaymentRequiredError(path="v1/users/me", status=402),
        (
            "Pipedrive answered 402 to GET /v1/users/me. The account's trial or subscription has "
            "ended. Nothing was loaded. Renew it in Pipedrive > Billing, then run again."
        ),
    ),
    (
        errors.FieldsRefused("persons", ["a", "b"]),
        (
            "Pipedrive refuses fields of persons that earlier runs have loaded (include_fields: "
            "a, b). Nothing was loaded, because dlt would set these columns to null in every row "
            "that it replaces. Run again later; each run requests them again. To load persons "
            "without them, reload it from the start: "
            'pipeline.run(source.with_resources("persons"), refresh="drop_resources").'
        ),
    ),
    (
        errors.ImplausibleLoss("persons", missing=1_000, held=2_000),
        (
            "Pipedrive no longer lists 1,000 of the 2,000 rows of persons (50%). No row was marked "
            "as deleted. Check that the API token can still see all records (use a global admin's "
            "token), and run again. If the rows were deleted in Pipedrive, accept the loss: "
            "python -m pipedrive_assets reconcile persons --accept-loss"
        ),
    ),
    (
        errors.ImplausibleLoss("users", missing=1, held=2, command="load", but="one exists"),
        (
            "Pipedrive no longer lists 1 of the 2 rows of users (50%), but one exists. No row was "
            "marked as deleted. Check that the API token can still see all records (use a global "
            "admin's token), and run again. If the rows were deleted in Pipedrive, accept the "
            "loss: python -m pipedrive_assets load users --accept-loss"
        ),
    ),
    (
        errors.InternalError("loading deals", "KeyError: 'x'"),
        (
            "Unexpected error while loading deals: KeyError: 'x'. This is a bug in "
            "pipedrive_assets; rows committed earlier are kept. Please report it with the "
            "traceback in the log."
        ),
    ),
    (
        errors.CapReached("a cap", RESET),
        "A cap. Rows already loaded are kept. Resumes at 2026-03-11 00:00 UTC.",
    ),
    (
        errors.LoadFailed({"a": errors.DataError("Odd."), "b": errors.DataError("Odder.")}),
        "a: Odd.\nb: Odder.",
    ),
    (
        errors.LoadFailed({name: errors.DataError(text) for name, text in ("aX", "bY", "cX")}),
        "a, c: X\nb: Y",
    ),
    (
        errors.PipedriveNotFoundError(path="v1/users/me", status=404, quote="Not found."),
        (
            "Pipedrive answered 404 to GET /v1/users/me: «Not found». There is no Pipedrive API at "
            "this address. Nothing was loaded. Correct PIPEDRIVE_BASE_URL, or remove it, then run "
            "again."
        ),
    ),
    (
        errors.ScopeMissing(path="v1/users/me", status=403),
        (
            "Pipedrive answered 403 to GET /v1/users/me. The OAuth app lacks a scope that each run "
            "needs. Nothing was loaded. Select the scopes of docs/oauth.md in Developer Hub > your "
            "app > OAuth & access scopes, then run `pipedrive-assets login`."
        ),
    ),
    (
        errors.Forbidden(path="v1/users/me", status=403),
        (
            "Pipedrive answered 403 to GET /v1/users/me. The API token is refused for the whole "
            "account. Nothing was loaded. Check in Pipedrive that the token's user is active and "
            "may use the API, then run again."
        ),
    ),
]
"""Errors that are built from facts, and their whole wording; other tests assert on the facts."""


@pytest.mark.parametrize(("error", "sentence"), SENTENCES, ids=lambda value: type(value).__name__)
def test_the_sentence_is_built_from_the_facts(error: errors.PipedriveError, sentence: str) -> None:
    assert sentence == str(error)


@pytest.mark.parametrize("kind", ALL)
def test_the_message_names_the_call_quotes_and_ends_with_the_next_step(
    kind: type[errors.ApiError],
) -> None:
    facts = {"reset_at": RESET} if issubclass(kind, errors.BudgetExhausted) else {}
    error = kind(path="v1/users", status=418, quote="I am a teapot", **facts)
    facts = mentions("418", "GET /v1/users", "«I am a teapot»")
    if issubclass(kind, errors.OAuthError):
        facts = mentions("access token", "«I am a teapot»", "GET /v1/users", "not sent")
    assert re.match(rf"{facts}.*{re.escape(error.next_step)}$", str(error))
    assert error.next_step.endswith(".")
    assert (418, "v1/users", "I am a teapot") == (error.status, error.path, error.quote)


@pytest.mark.parametrize("kind", ALL)
def test_the_next_step_says_what_is_safe(kind: type[errors.ApiError]) -> None:
    facts = {"reset_at": RESET} if issubclass(kind, errors.BudgetExhausted) else {}
    error = kind(path="v1/goals", status=418, **facts)

    assert "Rows already loaded are kept" in error.next_step


def test_attempts_are_an_attribute() -> None:
    assert 6 == errors.TransientApiError(path="x", attempts=6).attempts


def test_an_account_that_is_not_open_is_not_the_fault_of_a_table() -> None:
    account = errors.PipedrivePaymentRequiredError(path="v1/users/me", status=402)
    table = errors.PipedrivePaymentRequiredError(path="v1/goals", status=402)
    assert account.next_step != table.next_step == errors.PermissionDenied.next_step


def test_a_401_names_the_token_and_the_company_host() -> None:
    next_step = errors.PipedriveUnauthorizedError(path="v1/users/me", status=401).next_step
    assert re.match(mentions("PIPEDRIVE_API_TOKEN", "PIPEDRIVE_BASE_URL"), next_step)


def test_a_spent_budget_names_its_reset() -> None:
    error = errors.BudgetExhausted(path="x", reset_at=RESET)
    assert (RESET, 429) == (error.reset_at, error.status)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.PipedriveError, 1),
        (errors.ConfigurationError, 2),
        (errors.MissingTokenError, 2),
        (errors.WrongAccountError, 2),
        (errors.WarehouseError, 2),
        (errors.ApiError, 3),
        (errors.AuthenticationError, 3),
        (errors.Missing, 3),
        (errors.BudgetExhausted, 4),
        (errors.TransientApiError, 5),
        (errors.DataError, 6),
        (errors.InternalError, 7),
    ],
)
def test_exit_codes_tell_what_to_do(kind: type[errors.PipedriveError], code: int) -> None:
    assert code == kind.exit_code


def test_a_failed_load_lists_its_tables_and_takes_the_first_exit_code() -> None:
    failures = {
        "deals": errors.DataError("odd"),
        "users": errors.Missing(path="v1/users", status=404),
    }
    error = errors.LoadFailed(failures)
    assert (6, failures) == (error.exit_code, error.failures)


def test_a_network_that_fails_for_several_tables_is_one_cause() -> None:
    refused = "the connection was refused"
    error = errors.LoadFailed(
        {
            "deals_products": errors.TransientApiError(path="api/v2/deals/products", quote=refused),
            "deals_flow": errors.TransientApiError(path="v1/deals/16/flow", quote=refused),
            "notes": errors.TransientApiError(path="v1/notes", status=502, quote="Bad gateway"),
        }
    )

    network, gateway = str(error).splitlines()

    assert network.startswith(
        "deals_products, deals_flow: Pipedrive did not answer GET /api/v2/deals/products: "
    )
    assert gateway.startswith("notes: Pipedrive answered 502 to GET /v1/notes: ")
