"""Every error says what happened, quotes Pipedrive, and ends with what to do next."""

from datetime import datetime, timezone

import pytest

from pipedrive_assets import errors

RESET = datetime(2026, 3, 11, tzinfo=timezone.utc)
ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ApiError)
]


@pytest.mark.parametrize("kind", ALL)
def test_the_message_names_the_call_quotes_and_ends_with_the_next_step(
    kind: type[errors.ApiError],
) -> None:
    facts = {"reset_at": RESET} if issubclass(kind, errors.BudgetExhausted) else {}
    error = kind(path="v1/users", status=418, quote="I am a teapot", **facts)
    assert f"Pipedrive answered 418 to GET /v1/users: «I am a teapot». {error.next_step}" == str(
        error
    )
    assert error.next_step.endswith(".")
    assert (418, "v1/users", "I am a teapot") == (error.status, error.path, error.quote)


def test_without_a_reply_nobody_is_quoted() -> None:
    error = errors.TransientApiError(path="x", quote="nothing came for 60 s", attempts=6)
    assert str(error).startswith("Pipedrive did not answer GET /x: nothing came for 60 s. It was")
    assert 6 == error.attempts


def test_an_account_that_is_not_open_is_settled_in_pipedrive_and_no_table_left_out() -> None:
    error = errors.PipedrivePaymentRequiredError(path="v1/users/me", status=402)
    assert str(error).endswith("has ended; settle it in Pipedrive.")
    assert "leave this table out" in str(errors.PipedrivePaymentRequiredError(path="v1/goals"))


def test_a_401_names_the_token_and_the_company_host() -> None:
    error = errors.PipedriveUnauthorizedError(path="v1/users/me", status=401)
    assert "PIPEDRIVE_API_TOKEN" in str(error)
    assert "company host in PIPEDRIVE_BASE_URL" in str(error)


def test_a_spent_budget_names_its_reset() -> None:
    error = errors.BudgetExhausted(path="x", reset_at=RESET)
    assert "until about 2026-03-11 00:00 UTC" in str(error)
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
    assert "deals: odd\nusers: Pipedrive answered 404 to GET /v1/users." in str(error)
