"""The account: api token, rights of its user, limits, the day's tokens, Pipedrive's clock."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pipedrive_assets.api.verdict import BURST_SECONDS, ApiReply
from pipedrive_assets.doctor.finding import Finding, ok, warn

SKEW_SECONDS = 60
"""How far two clocks may be apart before it is worth a word."""

SCARCE_SHARE = 0.1
BURST_LIMIT, BURST_LEFT = "x-ratelimit-limit", "x-ratelimit-remaining"


def check_user(me: dict[str, Any]) -> Iterator[Finding]:
    """Whose api token it is, and whether that user sees everything (`v1/users/me`)."""
    company = f"{me.get('company_name')} ({me.get('company_domain')}, {me.get('company_id')})"
    yield ok("account", f"the api token is that of {me.get('name')} at {company}")
    access = me.get("access")
    grants = access if isinstance(access, list) else []
    if any(_is_global_admin(one) for one in grants):
        yield ok("rights", "this user is a global admin and sees every row")
    else:
        yield warn(
            "rights",
            "This user is no global admin: each list shows only what the user may see.",
            "Use the api token of a global admin, or take it that rows of others are missing.",
        )


def _is_global_admin(grant: object) -> bool:
    return isinstance(grant, dict) and grant.get("app") == "global" and grant.get("admin") is True


def check_limits(reply: ApiReply) -> Iterator[Finding]:
    """What the headers of a reply tell of the burst limit and the day's tokens."""
    burst, left = reply.number(BURST_LIMIT), reply.number(BURST_LEFT)
    if burst is None:
        yield warn(
            "limits",
            "Pipedrive does not tell its burst limit.",
            "Nothing to do: runs keep to 20 requests in 2 seconds, the smallest plan's limit.",
        )
    else:
        others = f", {left:.0f} of them free now" if left is not None else ""
        yield ok("limits", f"{burst:.0f} requests in {BURST_SECONDS:.0f} seconds{others}")
    yield _budget(reply.daily_limit, reply.daily_left)


def _budget(limit: int | None, left: int | None) -> Finding:
    if limit is None or left is None:
        return warn(
            "budget",
            "Pipedrive does not tell how many API tokens are left today.",
            "See Pipedrive > Company settings > API usage.",
        )
    text = f"{left:,} of {limit:,} API tokens are left today"
    if left < limit * SCARCE_SHARE:
        remedy = "Find out which program spends them, or wait for the reset; loads continue then."
        return warn("budget", f"Only {text}.", remedy)
    return ok("budget", text)


def check_clock(reply: ApiReply, now: datetime) -> Finding:
    """How far this machine's clock is from Pipedrive's."""
    if reply.date is None:
        return warn("clock", "Pipedrive's reply has no date.", "Nothing to do: ours counts.")
    seconds = (now - reply.date).total_seconds()
    if abs(seconds) <= SKEW_SECONDS:
        return ok("clock", f"this machine's clock is within {SKEW_SECONDS} s of Pipedrive's")
    way = "ahead of" if seconds > 0 else "behind"
    return warn(
        "clock",
        f"This machine's clock is {abs(seconds):,.0f} s {way} Pipedrive's.",
        "Set it by network time; until then schedules tick early or late, but no row is lost.",
    )
