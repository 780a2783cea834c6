"""Checks of the account: API token, rights of its user, rate limit, token budget, and clock."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pipedrive_assets.api.verdict import BURST_SECONDS, ApiReply
from pipedrive_assets.doctor.finding import Finding, ok, warn

SKEW_SECONDS = 60
"""How far the local clock may differ from Pipedrive's without a warning, in seconds."""

SCARCE_SHARE = 0.1
BURST_LIMIT, BURST_LEFT = "x-ratelimit-limit", "x-ratelimit-remaining"


def check_user(me: dict[str, Any], by: str = "API token") -> Iterator[Finding]:
    """Report who the requests are made as, and whether this user may see every row.

    Args:
        me: Pipedrive's reply to `v1/users/me`.
        by: What authenticates the requests.

    Yields:
        One finding on the account and one on the user's rights.
    """
    company = f"{me.get('company_name')} ({me.get('company_domain')}, {me.get('company_id')})"
    yield ok("account", f"the {by} reads as {me.get('name')} at {company}")
    access = me.get("access")
    grants = access if isinstance(access, list) else []
    if any(_is_global_admin(one) for one in grants):
        yield ok("rights", "this user is a global admin and sees every row")
    else:
        yield warn(
            "rights",
            "This user is not a global admin: Pipedrive returns only rows that the user may see.",
            f"Use the {by} of a global admin, unless you want to load only these rows.",
        )


def _is_global_admin(grant: object) -> bool:
    return isinstance(grant, dict) and grant.get("app") == "global" and grant.get("admin") is True


def check_limits(reply: ApiReply) -> Iterator[Finding]:
    """Report the burst limit and the daily token budget from the headers of a reply.

    Args:
        reply: A reply of Pipedrive.

    Yields:
        One finding on the burst limit and one on the token budget.
    """
    burst, left = reply.number(BURST_LIMIT), reply.number(BURST_LEFT)
    if burst is None:
        yield warn(
            "limits",
            "Pipedrive does not return its burst limit.",
            "Nothing to do: runs send at most 20 requests in 2 seconds, the smallest plan's limit.",
        )
    else:
        others = f", {left:.0f} of them free now" if left is not None else ""
        yield ok("limits", f"{burst:.0f} requests in {BURST_SECONDS:.0f} seconds{others}")
    yield _budget(reply.daily_limit, reply.daily_left)


def _budget(limit: int | None, left: int | None) -> Finding:
    if limit is None or left is None:
        return warn(
            "budget",
            "Pipedrive does not return how much of the daily token budget is left.",
            "See Pipedrive > Company settings > API usage.",
        )
    text = f"{left:,} tokens of the daily token budget of {limit:,} are left"
    if left < limit * SCARCE_SHARE:
        remedy = (
            "Loads stop when the budget is used up and continue after the daily reset. Check "
            "which other programs use the API."
        )
        return warn("budget", f"Only {text}.", remedy)
    return ok("budget", text)


def check_clock(reply: ApiReply, now: datetime) -> Finding:
    """Compare this machine's clock with Pipedrive's.

    Args:
        reply: A reply of Pipedrive, with its date.
        now: When the reply arrived by this machine's clock, UTC.

    Returns:
        A warning if the clocks differ by more than a minute or the reply has no date.
    """
    if reply.date is None:
        return warn(
            "clock",
            "Pipedrive's reply has no Date header.",
            "Nothing to do: loads use this machine's clock.",
        )
    seconds = (now - reply.date).total_seconds()
    if abs(seconds) <= SKEW_SECONDS:
        return ok("clock", f"this machine's clock is within {SKEW_SECONDS} s of Pipedrive's")
    way = "ahead of" if seconds > 0 else "behind"
    return warn(
        "clock",
        f"This machine's clock is {abs(seconds):,.0f} s {way} Pipedrive's.",
        "Synchronize it by network time (NTP). Until then schedules start early or late; no row "
        "is lost.",
    )
