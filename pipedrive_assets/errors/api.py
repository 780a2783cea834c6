"""Errors that Pipedrive returns, grouped by what to do next."""

from datetime import datetime

from pipedrive_assets.errors.base import PipedriveError


class ApiError(PipedriveError):
    """Pipedrive answered with something other than the data asked for.

    `status` is the HTTP status (0: no answer at all), `path` the endpoint, `quote` Pipedrive's
    own words.
    """

    exit_code = 3
    next_step = "Look the status up in Pipedrive's documentation and run again."

    def __init__(self, *, path: str, status: int = 0, quote: str = "") -> None:
        """Build the sentence from the facts."""
        self.path, self.status, self.quote = path, status, quote
        super().__init__(f"{self._what_happened()}. {self.next_step}")

    def _what_happened(self) -> str:
        if not self.status:
            return f"Pipedrive did not answer GET /{self.path}: {self.quote or 'no reply came'}"
        said = f": «{self.quote}»" if self.quote else ""
        return f"Pipedrive answered {self.status} to GET /{self.path}{said}"


class BadRequest(ApiError):
    """400, 405, 422, 501: the call itself is wrong."""

    next_step = (
        "The call does not fit Pipedrive's API of today; nothing was lost. "
        "Update pipedrive_assets, or report this message."
    )


class AuthenticationError(ApiError):
    """401: the API token or the company host is not known; Pipedrive answers both the same."""

    next_step = (
        "Check PIPEDRIVE_API_TOKEN against Pipedrive > Personal preferences > API (a regenerated "
        "token replaces the old one), and check that the company host in PIPEDRIVE_BASE_URL is the "
        "address in your browser: Pipedrive answers a host that does not exist in the same way."
    )


class PipedriveForbiddenError(ApiError):
    """403, whoever said it: Pipedrive itself, or its gateway."""


class Blocked(PipedriveForbiddenError):
    """403 with a web page instead of JSON: Pipedrive's gateway turned this address away."""

    next_step = (
        "Wait an hour before the next run, and run fewer programs on this api token at once."
    )


class Refused(ApiError):
    """This endpoint is closed to this api token or account; other endpoints may be open."""


class PermissionDenied(Refused):
    """402 or 403: the user, the plan or the account does not allow it."""

    next_step = (
        "Use the api token of a global admin, check that the account's plan has this feature, "
        "or leave this table out."
    )


class Missing(Refused):
    """404 or 410: no such record, or no such endpoint any more."""

    next_step = "Check PIPEDRIVE_BASE_URL; if it is right, this account does not have the feature."


class FeatureUnavailable(Refused):
    """415: the feature is switched off in this account."""

    next_step = "Switch the feature on in Pipedrive, or leave this table out."


class PageMarkerExpired(ApiError):
    """A page marker in mid-scan is no longer accepted."""

    next_step = "Run again: this table's scan starts anew, everything already loaded stays."


class Redirected(ApiError):
    """3xx: the api token is not carried to another address."""

    next_step = "Set PIPEDRIVE_BASE_URL to the address that Pipedrive shows in your browser."


class BudgetExhausted(ApiError):
    """The account's tokens of the day are spent until `reset_at` (UTC).

    Pipedrive refused the call (429), or the call was not sent (`status` 0) because earlier replies
    left fewer tokens than it costs.
    """

    exit_code = 4

    def __init__(
        self,
        *,
        path: str,
        reset_at: datetime,
        status: int = 429,
        quote: str = "",
        is_told: bool = False,
    ) -> None:
        """Build the sentence from the facts.

        Args:
            path: The endpoint.
            reset_at: The moment from which Pipedrive answers again.
            status: 429, or 0 where the call was not sent.
            quote: Pipedrive's own words, or why the call was not sent.
            is_told: Whether Pipedrive itself reported `reset_at`.
        """
        self.reset_at, self.is_told = reset_at, is_told
        self.next_step = (
            "The account's daily API tokens are spent until about "
            f"{reset_at:%Y-%m-%d %H:%M} UTC; everything loaded so far is kept, and the next run "
            "after that continues."
        )
        super().__init__(path=path, status=status, quote=quote)

    def _what_happened(self) -> str:
        if not self.status:
            return f"GET /{self.path} was not sent: {self.quote}"
        return super()._what_happened()


class TransientApiError(ApiError):
    """5xx, time-outs, dropped connections, replies that are not the JSON expected: retried, in
    vain.
    """

    exit_code = 5
    next_step = (
        "It was retried several times; everything loaded so far is kept. Run again in a few "
        "minutes; if it says the same, check PIPEDRIVE_BASE_URL and the network."
    )

    def __init__(self, *, path: str, status: int = 0, quote: str = "", attempts: int = 1) -> None:
        """`attempts` counts the tries made, the first one included."""
        self.attempts = attempts
        super().__init__(path=path, status=status, quote=quote)


class TooManyRequests(TransientApiError):
    """429 although the day's tokens are not known to be spent, for as long as a call is tried."""

    def __init__(
        self,
        *,
        path: str,
        status: int = 0,
        quote: str = "",
        attempts: int = 1,
        tokens_left: int | None = None,
    ) -> None:
        """`tokens_left`: tokens of the day left by the last reply that reported them."""
        known = (
            "" if tokens_left is None else f" {tokens_left:,} of the day's API tokens were left."
        )
        self.next_step = (
            "Pipedrive kept refusing further calls (429) without reporting that the day's tokens "
            f"are spent, so this run ends.{known} Everything loaded so far is kept, and the next "
            "run continues. If this repeats, run fewer programs on this API token at once."
        )
        super().__init__(path=path, status=status, quote=quote, attempts=attempts)


class PipedriveBadRequestError(BadRequest):
    """400: a parameter is missing or wrong."""


class PipedriveUnauthorizedError(AuthenticationError):
    """401: the api token is not known."""


class PipedrivePaymentRequiredError(PermissionDenied):
    """402: the company's account is not open: its trial is over, or it is not paid for.

    Of a single list it may be the plan instead.
    """

    def __init__(self, *, path: str, status: int = 0, quote: str = "") -> None:
        """Where even the user itself is refused, it is the whole account."""
        if path.endswith("users/me"):
            self.next_step = (
                "The account's trial or subscription has ended; settle it in Pipedrive."
            )
        super().__init__(path=path, status=status, quote=quote)


class Forbidden(PermissionDenied, PipedriveForbiddenError):
    """403 in Pipedrive's own words: this user may not."""


class PipedriveNotFoundError(Missing):
    """404: no such record or endpoint."""


class PipedriveGoneError(Missing):
    """410: it was there, and is not any more."""


class PipedriveUnsupportedMediaError(FeatureUnavailable):
    """415: the feature is switched off in this account."""


class PipedriveUnprocessableEntityError(BadRequest):
    """422: understood, and not done."""


class PipedriveNotImplementedError(BadRequest):
    """501: Pipedrive has no such function."""


class PipedriveTooManyRequestsError(BudgetExhausted):
    """429 for the day."""


class PipedriveTooManyRequestsInSecondError(TooManyRequests):
    """429 for the burst window, again and again, however long it was waited for."""


class PipedriveInternalServiceError(TransientApiError):
    """500: an error of Pipedrive's own."""


class PipedriveServiceUnavailableError(TransientApiError):
    """503: maintenance, or overload."""


class PipedriveNull200Error(TransientApiError):
    """200 with nothing in it: an empty body, `null`, or `data: null` where rows were promised."""
