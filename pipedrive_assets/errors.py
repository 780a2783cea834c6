"""Every error, grouped by what to do next.

    PipedriveError
      ConfigurationError       fix a setting                                         exit 2
        MissingTokenError      give an api token
        WrongAccountError      the warehouse belongs to another company
      WarehouseError           free the warehouse file, or its disk                  exit 2
      ApiError                 Pipedrive said no                                     exit 3
        BadRequest             400, 405, 422, 501: update this project
        AuthenticationError    401: check the API token and the company host
        Blocked                403: wait: the gateway turned this address away
        Redirected             set the base URL
        PageMarkerExpired      walk the list again from its start
        Refused                this entity only; the others go on
          PermissionDenied     402, 403
          Missing              404, 410
          FeatureUnavailable   415
        BudgetExhausted        wait until `reset_at`; progress is kept               exit 4
        TransientApiError      retried already; run again later                      exit 5
          TooManyRequests      429 that names no limit, or the burst limit
      DataError                a reply broke a promise                               exit 6
        FieldsRefused          fields that were loaded before are refused now
        ParentNotLoaded        load the table first that it is read for
        ImplausibleLoss        too many rows are gone at once to be believed
      InternalError            a bug of this project: report it                      exit 7
      CapReached               the rest waits: a cap of this project's settings       exit 4
      LoadFailed               some tables failed; the others are loaded             the first one's

Below these groups each status that Pipedrive documents has a class of its own, under the names
that users of the Singer tap catch: PipedriveNotFoundError is the Missing of a 404.

Facts are attributes; the message quotes Pipedrive and ends with the next step. No message ever
holds the api token.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NoReturn


class PipedriveError(Exception):
    """Root of all errors of this project."""

    exit_code = 1


class ConfigurationError(PipedriveError):
    """A setting is wrong; nothing was requested and nothing was written."""

    exit_code = 2


class MissingTokenError(ConfigurationError):
    """Something points to an account, but no api token was found."""


class WrongAccountError(ConfigurationError):
    """The api token belongs to another company than the warehouse."""


class WarehouseError(PipedriveError):
    """The warehouse cannot be opened or written."""

    exit_code = 2


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
    """A page marker in mid-walk is no longer accepted."""

    next_step = "Run again: this table's walk starts anew, everything already loaded stays."


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


# One class per status, below the group that says what to do


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


class DataError(PipedriveError):
    """A reply broke a promise of the API, so that going on could lose rows."""

    exit_code = 6


class ParentNotLoaded(DataError):
    """A table is read for each row of another, which does not exist yet."""


class FieldsRefused(DataError):
    """Pipedrive refuses fields that a table already has; loading without them would empty them."""

    def __init__(self, table: str, names: Sequence[str]) -> None:
        """`names` are the fields in `include_fields` that are refused."""
        self.table, self.names = table, tuple(names)
        super().__init__(
            f"Pipedrive refuses fields of {table} that earlier runs have loaded (include_fields: "
            f"{', '.join(names)}). Nothing was loaded, because dlt would set these columns to "
            "null in every row that it replaces. Run again later; each run asks for them again. "
            f"To load {table} without them, load it again from the start: "
            f'pipeline.run(source.with_resources("{table}"), refresh="drop_resources").'
        )


class ImplausibleLoss(DataError):
    """So many rows of a table are no longer listed that something else must be wrong."""

    def __init__(
        self, table: str, *, missing: int, held: int, command: str = "reconcile", but: str = ""
    ) -> None:
        """Build the sentence.

        Args:
            table: The table's name.
            missing: How many of its rows are not listed.
            held: How many rows it holds.
            command: The command that accepts the loss, `load` or `reconcile`.
            but: What else makes the loss implausible, half a sentence.
        """
        self.table, self.missing, self.held = table, missing, held
        so = f", but {but}" if but else ""
        super().__init__(
            f"Pipedrive no longer lists {missing:,} of the {held:,} rows of {table} "
            f"({missing / held:.0%}){so}; none was marked as deleted. Check that the api token "
            "still sees everything (a global admin's does) and run again. If they really are gone, "
            "accept it: "
            f"python -m pipedrive_assets {command} {table} --accept-loss"
        )


class InternalError(PipedriveError):
    """An exception that this project did not foresee: a bug.

    `trace` is its traceback without row content. The exception itself is not attached, because its
    text may quote rows.
    """

    exit_code = 7

    def __init__(self, doing: str, fault: str, *, trace: str = "") -> None:
        """Build the sentence.

        Args:
            doing: What was going on, such as `loading deals`.
            fault: The exception in a few words that hold no row content.
            trace: The traceback.
        """
        self.trace = trace
        super().__init__(
            f"Unexpected error while {doing}: {fault}. This is a bug in pipedrive_assets; rows "
            "committed earlier are kept. Please report it with the traceback in the log."
        )


class CapReached(PipedriveError):
    """A cap of the settings forbids the next call of a table: its rest waits until `resumes_at`
    (UTC).
    """

    exit_code = 4

    def __init__(self, reason: str, resumes_at: datetime) -> None:
        """`reason` says which cap, in half a sentence."""
        self.reason, self.resumes_at = reason, resumes_at
        super().__init__(f"Waiting until {resumes_at:%Y-%m-%d %H:%M} UTC: {reason}.")


class LoadFailed(PipedriveError):
    """Some tables failed; `failures` maps each to its error.

    Every other table of the run is loaded.
    """

    def __init__(self, failures: Mapping[str, PipedriveError]) -> None:
        """The exit code is the first failure's."""
        self.failures = dict(failures)
        self.exit_code = next(iter(self.failures.values())).exit_code
        super().__init__("\n".join(f"{name}: {error}" for name, error in self.failures.items()))


def raise_alone(error: BaseException) -> NoReturn:
    """Raise an error without a reference to the one that is being handled.

    Texts of libraries may quote rows. `from None` only hides such a text from tracebacks: it stays
    in `__context__`, where loggers and error trackers find it.
    """
    try:
        raise error
    finally:
        error.__cause__ = error.__context__ = None
