"""The sandbox: makes a reply from a call by way of limits, routes and parameter checks.

The reply depends on the world and the call only. The sandbox itself counts and logs calls.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import format_datetime
from functools import partial
from threading import RLock

from pipedrive_assets.sandbox.company.world import World
from pipedrive_assets.sandbox.exchange import (
    Call,
    Pairs,
    Refusal,
    Reply,
    gateway_reply,
    json_reply,
    refusal_reply,
)
from pipedrive_assets.sandbox.faults import FIREWALL_PAGE, Fault, Script
from pipedrive_assets.sandbox.http import parameters, routes, storage
from pipedrive_assets.sandbox.http.route import Route
from pipedrive_assets.sandbox.http.v2_lists import Ask, Habits
from pipedrive_assets.sandbox.limits import Limits, Quota
from pipedrive_assets.sandbox.oauth import OAuthServer

log = logging.getLogger(__name__)

API_TOKEN = "sandbox"  # noqa: S105 -- valid for the invented account only
SPENT_RETRY_AFTER = "3"
"""`retry-after` in seconds that real accounts send when no daily tokens are left."""

SECRET_PARAMETERS = ("api_token", "code")
V1_ALIAS = re.compile(r"api/(v1/.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A logged call without its headers; status 0 means that the connection was closed."""

    method: str
    path: str
    params: Pairs
    status: int
    tokens: int


class Sandbox:
    """An account of the invented company: API token, OAuth app, limits and scripted faults."""

    def __init__(  # noqa: PLR0913 -- one argument per thing a test may want to set
        self,
        world: World,
        *,
        clock: Callable[[], datetime] | None = None,
        api_token: str = API_TOKEN,
        limits: Limits | None = None,
        habits: Habits | None = None,
        oauth: OAuthServer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        """Create the account.

        Args:
            world: The company's data.
            clock: Returns the current time; each call first advances the world to it. By default
                only `world.advance` changes the time.
            api_token: API token that calls must have.
            limits: Rate limits of the account.
            habits: Behaviour that Pipedrive's documentation leaves open.
            oauth: The OAuth server; its access tokens are accepted besides the API token.
            monotonic: Clock in seconds for the limit of two seconds.
            faults: Scripted faults.
        """
        self.world = world
        self.api_token = api_token
        self.allowance = Quota(limits or Limits())
        self.habits = habits or Habits()
        self.oauth = oauth or OAuthServer()
        self.log: list[LogLine] = []
        self.is_revoked = False
        self._clock = clock
        self._monotonic = monotonic
        self._scripts = [Script(fault) for fault in faults]
        # Reentrant: a fault may call the sandbox from inside a call.
        self._lock = RLock()

    def inject(self, *faults: Fault) -> None:
        """Add scripted faults; their counting starts with the next call."""
        self._scripts += [Script(fault) for fault in faults]

    def clear_faults(self) -> None:
        """Remove all scripted faults, and accept the API token again."""
        self._scripts = []
        self.is_revoked = False

    @property
    def tokens_spent(self) -> int:
        """API tokens that all calls so far have cost."""
        return sum(line.tokens for line in self.log)

    @property
    def now(self) -> datetime:
        """Current time in UTC: from the clock, or the world's time without one."""
        instant = self._clock() if self._clock else self.world.instant
        return instant.astimezone(timezone.utc)

    def calls(self, path: str = "") -> list[LogLine]:
        """Logged calls whose path contains `path`."""
        return [line for line in self.log if path in line.path]

    def answer(self, call: Call) -> Reply:
        """Answer a call and log it.

        Args:
            call: The request.

        Returns:
            The reply, also if it is an error.

        Raises:
            Dropped: If a fault closes the connection before a reply.
        """
        with self._lock:
            now = self.now
            self.world.advance(now)
            before = self.allowance.spent_total
            status = 0
            try:
                reply = self._reply(call, now)
                status = reply.status
            finally:
                tokens = self.allowance.spent_total - before
                self._note(call, status, tokens)
        return reply

    def _note(self, call: Call, status: int, tokens: int) -> None:
        hidden = tuple(
            (name, "***" if name in SECRET_PARAMETERS else value) for name, value in call.params
        )
        self.log.append(
            LogLine(method=call.method, path=call.path, params=hidden, status=status, tokens=tokens)
        )

    def _reply(self, call: Call, now: datetime) -> Reply:
        due = [script.fault for script in self._scripts if script.is_due(call)]
        serve: Callable[[], Reply] = partial(self._serve, call, now)
        for fault in due:
            serve = partial(fault.act, self, call, serve)
        reply = serve()
        headers = {"Date": format_datetime(now.replace(microsecond=0), usegmt=True)}
        return Reply(
            status=reply.status,
            body=reply.body,
            headers={**headers, **reply.headers},
            cut=reply.cut,
        )

    def _serve(self, call: Call, now: datetime) -> Reply:
        if call.path.startswith("/oauth/"):
            return self.oauth.answer(call, now)
        if call.path.startswith(storage.PREFIX):
            return storage.answer(call, self.world)
        if self.is_revoked or not self._is_known(call, now):
            return gateway_reply(401, "unauthorized access", {"x-401-by-gw": "1"})
        moment = self._monotonic()
        self.allowance.begin(now.date().isoformat())
        admitted = self.allowance.admit(moment)
        if self.allowance.is_blocked:
            return firewall_reply()
        if not admitted or self.allowance.is_spent:
            headers = self.allowance.headers(moment)
            if admitted:
                headers["retry-after"] = SPENT_RETRY_AFTER
            return gateway_reply(429, "request over limit", headers)
        left = self.allowance.left_today
        reply = self._route(call, now)
        return Reply(
            status=reply.status,
            body=reply.body,
            headers={**reply.headers, **self.allowance.headers(moment, left)},
        )

    def _is_known(self, call: Call, now: datetime) -> bool:
        if self.oauth.accepts(call, now):
            return True
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        return self.api_token in {call.headers.get("x-api-token"), bearer}

    def _route(self, call: Call, now: datetime) -> Reply:
        path = call.path.strip("/")
        alias = V1_ALIAS.fullmatch(path)
        path = alias[1] if alias else path
        is_v1 = path.startswith("v1/")
        try:
            route, keys = routes.open_for(path, call.method, by_alias=alias is not None)
            if refused := self.oauth.refusal(call, route.path):
                return refused
            return self._ask(call, now, route, keys)
        except Refusal as refusal:
            return refusal_reply(refusal, v1=is_v1)

    def _ask(self, call: Call, now: datetime, route: Route, keys: tuple[str, ...]) -> Reply:
        # The documentation does not say whether refused calls cost tokens; here they do.
        self.allowance.spend(route.cost)
        params = parameters.read(call.params, route.accepts, route.requires)
        ask = Ask(world=self.world, now=now, habits=self.habits, params=params, keys=keys)
        try:
            answered = route.answer(ask)
        except Refusal:
            raise
        except Exception:
            # To the client it is a connection that failed: only this line has the cause.
            log.exception("The sandbox cannot answer %s: its code failed", route.path)
            raise
        return answered if isinstance(answered, Reply) else json_reply(200, answered)


def firewall_reply() -> Reply:
    """Build the page of the firewall in front of Pipedrive: HTML, without rate limit headers."""
    return Reply(status=403, body=FIREWALL_PAGE, headers={"Content-Type": "text/html"})
