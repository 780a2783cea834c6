"""Create a client from the settings: for an account, or for the sandbox.

This is the only module outside `sandbox/` that uses the sandbox in production code.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipedrive_assets.api import READ_SECONDS, USER_AGENT, Caps, Client, OAuthApp
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import DataError
from pipedrive_assets.windows import utc_now

log = logging.getLogger(__name__)

SANDBOX_TOKEN = "sandbox"  # noqa: S105 - valid for the sandbox only
SANDBOX_DEALS = 100
SANDBOX_NOTICE = (
    "No API token found: this data is INVENTED by the sandbox. "
    "Set PIPEDRIVE_API_TOKEN to load your own account."
)
ME_TOKENS = 2
_IS_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The company that an API token belongs to.

    Attributes:
        company_id: Pipedrive's id of the company.
        company_name: Its name, or its domain or id if it has no name.
        company_domain: Its part of `https://<domain>.pipedrive.com`; empty if Pipedrive returns
            none.
        is_sandbox: Whether the data is invented by the sandbox.
    """

    company_id: int
    company_name: str
    is_sandbox: bool
    company_domain: str = ""

    def __str__(self) -> str:
        """Return `Acme (123)`, with `, invented` added for the sandbox."""
        return f"{self.company_name} ({self.company_id}){', invented' if self.is_sandbox else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A client, and whether it reads from the sandbox."""

    client: Client
    is_sandbox: bool

    def account(self) -> tuple[Account, datetime]:
        """Request the account that the API token belongs to. Costs 2 API tokens.

        Returns:
            The account, and the time of the reply (UTC).

        Raises:
            ApiError: Pipedrive refused the request.
            DataError: The reply contains no company id.
        """
        me, read_at = self.client.object("v1/users/me", cost=ME_TOKENS)
        if not isinstance(me.get("company_id"), int):
            raise DataError(
                "Pipedrive's reply to GET /v1/users/me has no company_id, so the company of the "
                "API token is unknown. Nothing was loaded. Check PIPEDRIVE_BASE_URL."
            )
        account = Account(
            company_id=me["company_id"],
            company_name=str(
                me.get("company_name") or me.get("company_domain") or me["company_id"]
            ),
            is_sandbox=self.is_sandbox,
            company_domain=_domain(me.get("company_domain")),
        )
        return account, read_at


def _domain(sent: object) -> str:
    """Return a company's domain, or an empty text if it cannot be a part of a web address."""
    return sent if isinstance(sent, str) and _IS_DOMAIN(sent) else ""


def caps_of(settings: Settings) -> Caps:
    """Return the token caps that the settings define for histories and optional tables."""
    return Caps(per_run=settings.tokens_per_run, per_day=settings.tokens_per_day)


def oauth_app(settings: Settings) -> OAuthApp | None:
    """Return the OAuth app of the settings; None if they have none."""
    if not settings.client_id:
        return None
    return OAuthApp(
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        refresh_token=settings.refresh_token.get_secret_value(),
        token_file=settings.token_file,
    )


def connect(
    settings: Settings,
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = utc_now,
    user_agent: str = USER_AGENT,
    read_seconds: float = READ_SECONDS,
) -> Connection:
    """Create a connection to the account, or to the sandbox if the settings name no account.

    Args:
        settings: The validated settings.
        sleep: Waits the given number of seconds.
        now: Returns the current time (UTC).
        user_agent: Value of the `User-Agent` header; not used for the sandbox.
        read_seconds: Read timeout in seconds; not used for the sandbox.

    Returns:
        The connection; no request is sent.

    Raises:
        MissingTokenError: The settings refer to an account, but there is neither an API token
            nor an OAuth app.
    """
    if settings.uses_sandbox:
        return _sandbox(settings, sleep, now)
    client = Client(
        base_url=settings.base_url,
        api_token=settings.api_token.get_secret_value(),
        oauth=oauth_app(settings),
        user_agent=user_agent,
        read_seconds=read_seconds,
        sleep=sleep,
        now=now,
    )
    return Connection(client=client, is_sandbox=False)


def _sandbox(
    settings: Settings, sleep: Callable[[float], None], now: Callable[[], datetime]
) -> Connection:
    from pipedrive_assets.sandbox import Sandbox, SandboxAdapter, World  # noqa: PLC0415 - only if it is used

    fixed = settings.sandbox_instant
    if not fixed:
        log.warning(SANDBOX_NOTICE)

    def clock() -> datetime:
        return fixed or now()

    sandbox = Sandbox(
        World(deals=SANDBOX_DEALS, instant=clock()), api_token=SANDBOX_TOKEN, clock=clock
    )
    client = Client(
        base_url="https://sandbox.invalid",
        api_token=SANDBOX_TOKEN,
        adapter=SandboxAdapter(sandbox),
        sleep=sleep,
        now=clock,
    )
    return Connection(client=client, is_sandbox=True)
