"""Settings to a client that is ready to ask, and the account it asks for: the only place that
knows the sandbox exists.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipedrive_assets.api import READ_SECONDS, USER_AGENT, Caps, Client
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import DataError
from pipedrive_assets.windows import utc_now

log = logging.getLogger(__name__)

SANDBOX_TOKEN = "sandbox"  # noqa: S105 - opens nothing but the invented company
SANDBOX_DEALS = 100
SANDBOX_NOTICE = (
    "No api token found: this data is INVENTED, from the sandbox. "
    "Set PIPEDRIVE_API_TOKEN to load your own."
)
ME_TOKENS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The company that an api token belongs to."""

    company_id: int
    company_name: str
    is_sandbox: bool

    def __str__(self) -> str:
        """`Acme (123)`, or the same marked as invented."""
        return f"{self.company_name} ({self.company_id}){', invented' if self.is_sandbox else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A client and what it speaks for."""

    client: Client
    is_sandbox: bool

    def account(self) -> tuple[Account, datetime]:
        """Ask whose account this is (2 tokens), and when Pipedrive said so by its clock."""
        me, read_at = self.client.object("v1/users/me", cost=ME_TOKENS)
        if not isinstance(me.get("company_id"), int):
            raise DataError(
                "Pipedrive did not say which company the api token belongs to (v1/users/me has no "
                "company_id), so nothing was loaded. Check PIPEDRIVE_BASE_URL."
            )
        account = Account(
            company_id=me["company_id"],
            company_name=str(
                me.get("company_name") or me.get("company_domain") or me["company_id"]
            ),
            is_sandbox=self.is_sandbox,
        )
        return account, read_at


def caps_of(settings: Settings) -> Caps:
    """The caps that the settings put on histories and optional tables."""
    return Caps(per_run=settings.tokens_per_run, per_day=settings.tokens_per_day)


def connect(
    settings: Settings,
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = utc_now,
    user_agent: str = USER_AGENT,
    read_seconds: float = READ_SECONDS,
) -> Connection:
    """A connection to the account of the settings, or to the sandbox where nothing points to one.

    `user_agent` and `read_seconds` (how long to wait for a reply) are for an account only.

    Raises MissingTokenError where something points to an account but no api token was found.
    """
    if settings.uses_sandbox:
        return _sandbox(settings, sleep, now)
    client = Client(
        base_url=settings.base_url,
        api_token=settings.api_token.get_secret_value(),
        user_agent=user_agent,
        read_seconds=read_seconds,
        sleep=sleep,
        now=now,
    )
    return Connection(client=client, is_sandbox=False)


def _sandbox(
    settings: Settings, sleep: Callable[[float], None], now: Callable[[], datetime]
) -> Connection:
    from pipedrive_assets.sandbox import Sandbox, SandboxAdapter, World  # noqa: PLC0415 - only when it stands in

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
