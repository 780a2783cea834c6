"""Errors that Pipedrive returns, grouped by what to do next."""

from datetime import datetime

from pipedrive_assets.errors.base import PipedriveError


class ApiError(PipedriveError):
    """Pipedrive did not return the requested data.

    Attributes:
        path: Path of the endpoint below the base URL.
        status: HTTP status; 0 if there was no reply.
        quote: Pipedrive's error text, or what happened instead of a reply.
        exit_code: Exit code of the command line.
        next_step: What to do next, the last part of the message.
    """

    path: str
    status: int
    quote: str
    exit_code = 3
    next_step = (
        "Rows already loaded are kept. Look up the status in Pipedrive's documentation, then run "
        "again."
    )

    def __init__(self, *, path: str, status: int = 0, quote: str = "") -> None:
        """Build the message.

        Args:
            path: Path of the endpoint below the base URL.
            status: HTTP status; 0 if there was no reply.
            quote: Pipedrive's error text, or what happened instead of a reply.
        """
        self.path, self.status, self.quote = path, status, quote
        super().__init__(f"{self._what_happened()}. {self.next_step}")

    def _what_happened(self) -> str:
        if not self.status:
            return f"Pipedrive did not answer GET /{self.path}: {self.quote or 'no reply'}"
        quoted = f": «{self.quote.rstrip(' .')}»" if self.quote else ""
        return f"Pipedrive answered {self.status} to GET /{self.path}{quoted}"


class BadRequest(ApiError):
    """Status 400, 405, 422 or 501: Pipedrive does not accept the request itself."""

    next_step = (
        "The request does not match Pipedrive's current API. Rows already loaded are kept. "
        "Update pipedrive_assets, or report this message."
    )


class AuthenticationError(ApiError):
    """Status 401: the API token or the company host is unknown; Pipedrive does not distinguish."""

    next_step = (
        "Rows already loaded are kept. Compare PIPEDRIVE_API_TOKEN with the token in Pipedrive > "
        "Personal preferences > API (a regenerated token replaces the old one), and "
        "PIPEDRIVE_BASE_URL with the address in your browser: Pipedrive also answers 401 for a "
        "company host that does not exist."
    )


class PipedriveForbiddenError(ApiError):
    """Status 403, from Pipedrive's API or from its gateway."""


class Blocked(PipedriveForbiddenError):
    """Status 403 with a web page instead of JSON: Pipedrive's gateway blocks this IP address."""

    next_step = (
        "Pipedrive's gateway blocks this IP address. Rows already loaded are kept. Wait an hour "
        "before the next run, and run fewer programs with this API token at the same time."
    )


class Refused(ApiError):
    """The API token or the account has no access to this endpoint; others may be accessible.

    Attributes:
        next_step_for_account: What to do next if the account's own record is refused, with which
            each run begins; empty: the same as for a table.
    """

    next_step_for_account = ""

    def __init__(self, *, path: str, status: int = 0, quote: str = "") -> None:
        """Build the message.

        Args:
            path: Path of the endpoint below the base URL.
            status: HTTP status.
            quote: Pipedrive's error text.
        """
        if path.endswith("users/me"):
            self.next_step = self.next_step_for_account or self.next_step
        super().__init__(path=path, status=status, quote=quote)


class PermissionDenied(Refused):
    """Status 402 or 403: the user, the plan or the account does not allow the request."""

    next_step = (
        "Rows already loaded are kept. Use the API token of a global admin, check that the "
        "account's plan includes this feature, or deselect this table."
    )
    next_step_for_account = (
        "The API token is refused for the whole account. Nothing was loaded. Check in Pipedrive "
        "that the token's user is active and may use the API, then run again."
    )


class Missing(Refused):
    """Status 404 or 410: the record or the endpoint does not exist."""

    next_step = (
        "Rows already loaded are kept. Check PIPEDRIVE_BASE_URL. If it is correct, this account "
        "does not have the feature: deselect this table."
    )
    next_step_for_account = (
        "There is no Pipedrive API at this address. Nothing was loaded. Correct "
        "PIPEDRIVE_BASE_URL, or remove it, then run again."
    )


class FeatureUnavailable(Refused):
    """Status 415: the feature is disabled in this account."""

    next_step = (
        "Rows already loaded are kept. Enable the feature in Pipedrive, or deselect this table."
    )


class PageMarkerExpired(ApiError):
    """Pipedrive no longer accepts the page marker of a list that is being read."""

    next_step = (
        "Rows already loaded are kept. Run again: the next run reads this list from its start."
    )


class Redirected(ApiError):
    """Status 3xx: redirects are not followed, so the API token is not sent to another address."""

    next_step = (
        "The redirect was not followed. Rows already loaded are kept. Set PIPEDRIVE_BASE_URL to "
        "the address that Pipedrive shows in your browser."
    )


class BudgetExhausted(ApiError):
    """The account's daily API tokens are spent.

    Pipedrive refused the request (429), or the request was not sent because it costs more than the
    remaining tokens (`status` is then 0).

    Attributes:
        reset_at: When the tokens reset (UTC).
        is_reported: Whether Pipedrive reported `reset_at`; otherwise it is an estimate.
        exit_code: Exit code of the command line.
    """

    reset_at: datetime
    is_reported: bool
    exit_code = 4

    def __init__(
        self,
        *,
        path: str,
        reset_at: datetime,
        status: int = 429,
        quote: str = "",
        is_reported: bool = False,
    ) -> None:
        """Build the message.

        Args:
            path: Path of the endpoint below the base URL.
            reset_at: When the tokens reset (UTC).
            status: 429, or 0 if the request was not sent.
            quote: Pipedrive's error text, or why the request was not sent.
            is_reported: Whether Pipedrive reported `reset_at`.
        """
        self.reset_at, self.is_reported = reset_at, is_reported
        self.next_step = (
            "The account's daily API tokens are spent until about "
            f"{reset_at:%Y-%m-%d %H:%M} UTC. Rows already loaded are kept. Run again after that "
            "time; the run continues where this one stopped."
        )
        super().__init__(path=path, status=status, quote=quote)

    def _what_happened(self) -> str:
        if not self.status:
            return f"GET /{self.path} was not sent: {self.quote}"
        return super()._what_happened()


class TransientApiError(ApiError):
    """A transient fault that remained after all retries.

    Covers status 5xx, timeouts, dropped connections, and replies that are not the expected JSON.

    Attributes:
        attempts: Number of attempts, including the first.
        exit_code: Exit code of the command line.
        next_step: What to do next, the last part of the message.
    """

    attempts: int
    exit_code = 5
    next_step = (
        "The request was retried several times. Rows already loaded are kept. Run again in a few "
        "minutes; if the error remains, check PIPEDRIVE_BASE_URL and the network."
    )

    def __init__(self, *, path: str, status: int = 0, quote: str = "", attempts: int = 1) -> None:
        """Build the message.

        Args:
            path: Path of the endpoint below the base URL.
            status: HTTP status; 0 if there was no reply.
            quote: Pipedrive's error text, or what happened instead of a reply.
            attempts: Number of attempts, including the first.
        """
        self.attempts = attempts
        super().__init__(path=path, status=status, quote=quote)


class TooManyRequests(TransientApiError):
    """Status 429 after all retries, although the daily tokens are not known to be spent."""

    def __init__(
        self,
        *,
        path: str,
        status: int = 0,
        quote: str = "",
        attempts: int = 1,
        tokens_left: int | None = None,
    ) -> None:
        """Build the message.

        Args:
            path: Path of the endpoint below the base URL.
            status: HTTP status.
            quote: Pipedrive's error text.
            attempts: Number of attempts, including the first.
            tokens_left: Daily tokens remaining after the last reply that reported them.
        """
        known = "" if tokens_left is None else f" {tokens_left:,} daily API tokens remained."
        self.next_step = (
            "Pipedrive kept answering 429 without reporting that the daily tokens are spent, so "
            f"this run stopped.{known} Rows already loaded are kept, and the next run continues. "
            "If this happens again, run fewer programs with this API token at the same time."
        )
        super().__init__(path=path, status=status, quote=quote, attempts=attempts)


class PipedriveBadRequestError(BadRequest):
    """Status 400: a parameter is missing or invalid."""


class PipedriveUnauthorizedError(AuthenticationError):
    """Status 401: the API token or the company host is unknown."""


class PipedrivePaymentRequiredError(PermissionDenied):
    """Status 402: the account's trial or subscription has ended.

    For a single list, the cause can also be a plan without this feature.
    """

    next_step_for_account = (
        "The account's trial or subscription has ended. Nothing was loaded. Renew it in Pipedrive "
        "> Billing, then run again."
    )


class Forbidden(PermissionDenied, PipedriveForbiddenError):
    """Status 403 from Pipedrive's API: the user lacks the permission."""


class PipedriveNotFoundError(Missing):
    """Status 404: the record or the endpoint does not exist."""


class PipedriveGoneError(Missing):
    """Status 410: the record or the endpoint no longer exists."""


class PipedriveUnsupportedMediaError(FeatureUnavailable):
    """Status 415: the feature is disabled in this account."""


class PipedriveUnprocessableEntityError(BadRequest):
    """Status 422: Pipedrive could not process the request."""


class PipedriveNotImplementedError(BadRequest):
    """Status 501: Pipedrive does not implement the request."""


class PipedriveTooManyRequestsError(BudgetExhausted):
    """Status 429 for the daily token limit."""


class PipedriveTooManyRequestsInSecondError(TooManyRequests):
    """Status 429 for the burst limit, after all retries."""


class PipedriveInternalServiceError(TransientApiError):
    """Status 500: an internal error of Pipedrive."""


class PipedriveServiceUnavailableError(TransientApiError):
    """Status 503: Pipedrive is in maintenance or overloaded."""


class PipedriveNull200Error(TransientApiError):
    """Status 200 without data: an empty body, `null`, or `data: null` instead of rows."""
