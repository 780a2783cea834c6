"""The OAuth server of the invented company: consent, codes, access and refresh tokens."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from pipedrive_assets.sandbox.exchange import Body, Call, Reply, gateway_reply, json_reply
from pipedrive_assets.sandbox.http.scopes import ALL_SCOPES, scopes_of

CLIENT_ID = "sandbox-app"
CLIENT_SECRET = "sandbox-app-secret"  # noqa: S105 -- valid for the invented account only
LIFETIME_SECONDS = 3599
"""Lifetime of an access token at Pipedrive (official docs, OAuth authorization)."""

CODE_LIFETIME = timedelta(minutes=5)
REFRESH_LIFETIME = timedelta(days=60)
AUTHORIZE, TOKEN = "/oauth/authorize", "/oauth/token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An issued code or token: until when it is valid, and for what.

    Attributes:
        until: End of its validity (UTC).
        scopes: The granted scopes.
        redirect_uri: For codes, the callback URL of the consent.
    """

    until: datetime
    scopes: frozenset[str]
    redirect_uri: str = ""


class OAuthServer:
    """The paths below `/oauth/` and the tokens they issue.

    Attributes:
        scopes: Scopes that the app requests; the next consent grants them.
        rotates: Whether each renewal replaces the refresh token.
        ends_access: Whether a renewal ends the access tokens issued before it.
        lifetime: Lifetime of access tokens as told to clients, in seconds.
        early_seconds: By how much access tokens end before that, as with a skewed clock.
        renewals: Number of successful renewals.
        issued: All codes and tokens that were issued.
    """

    def __init__(
        self,
        *,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        scopes: Iterable[str] = ALL_SCOPES,
        rotates: bool = False,
        lifetime: int = LIFETIME_SECONDS,
    ) -> None:
        """Create the server.

        Args:
            client_id: Client ID of the app.
            client_secret: Its client secret.
            scopes: Scopes of the app.
            rotates: Whether each renewal replaces the refresh token.
            lifetime: Lifetime of access tokens, in seconds.
        """
        self._client = f"{client_id}:{client_secret}"
        self.client_id = client_id
        self.scopes = frozenset(scopes)
        self.rotates, self.lifetime = rotates, lifetime
        self.ends_access, self.early_seconds, self.renewals = False, 0, 0
        self._codes: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self.issued: list[str] = []

    def consent(self, now: datetime, redirect_uri: str = "") -> str:
        """Return a code, as if the user had clicked "Allow and install"."""
        code = self._new("code")
        self._codes[code] = Grant(
            until=now + CODE_LIFETIME, scopes=self.scopes, redirect_uri=redirect_uri
        )
        return code

    def refresh_token(self, now: datetime) -> str:
        """Return a refresh token of a new consent."""
        token = self._new("refresh")
        self._refresh[token] = Grant(until=now + REFRESH_LIFETIME, scopes=self.scopes)
        return token

    def expire_access(self) -> None:
        """End all access tokens."""
        self._access.clear()

    def replace_refresh_tokens(self) -> list[str]:
        """Replace all refresh tokens, as renewals by another program do; return the new ones."""
        self._refresh = {self._new("refresh"): grant for grant in self._refresh.values()}
        return list(self._refresh)

    def revoke(self) -> None:
        """End all tokens, as if the user had uninstalled the app."""
        self._access.clear()
        self._refresh.clear()

    def answer(self, call: Call, now: datetime) -> Reply:
        """Answer a call of a path below `/oauth/`."""
        if (call.method, call.path) == ("GET", AUTHORIZE):
            return self._authorize(call, now)
        if (call.method, call.path) == ("POST", TOKEN):
            return self._token(call, now)
        return json_reply(404, {"error": "not_found"})

    def accepts(self, call: Call, now: datetime) -> bool:
        """Whether the call has a valid access token."""
        grant = self._access.get(_bearer(call))
        return grant is not None and now < grant.until

    def refusal(self, call: Call, path: str) -> Reply | None:
        """Return the reply for a missing scope; None if the scope is granted.

        Args:
            call: The call, with a valid access token or an API token.
            path: The path of the route.
        """
        grant = self._access.get(_bearer(call))
        if grant is None or grant.scopes & scopes_of(path):
            return None
        return gateway_reply(403, "Scope and URL mismatch")

    def _authorize(self, call: Call, now: datetime) -> Reply:
        asked = dict(call.params)
        uri = asked.get("redirect_uri", "")
        if asked.get("client_id") != self.client_id or not uri:
            return json_reply(400, {"error": "invalid_client"})
        back = {"code": self.consent(now, uri), "state": asked.get("state", "")}
        return Reply(status=302, body=b"", headers={"Location": f"{uri}?{urlencode(back)}"})

    def _token(self, call: Call, now: datetime) -> Reply:
        basic = call.headers.get("authorization", "").removeprefix("Basic ")
        if base64.b64encode(self._client.encode()).decode() != basic:
            return json_reply(401, {"error": "invalid_client"})
        form = dict(parse_qsl(call.body.decode()))
        kind = form.get("grant_type")
        if kind == "authorization_code":
            grant = self._codes.pop(form.get("code", ""), None)
            if grant and grant.redirect_uri != form.get("redirect_uri"):
                grant = None
            refresh = None
        elif kind == "refresh_token":
            refresh = form.get("refresh_token", "")
            grant = self._refresh.get(refresh)
        else:
            return json_reply(400, {"error": "unsupported_grant_type"})
        if grant is None or now >= grant.until:
            return json_reply(400, {"error": "invalid_grant"})
        self.renewals += kind == "refresh_token"
        return json_reply(200, self._issue(call, grant, refresh, now))

    def _issue(self, call: Call, grant: Grant, refresh: str | None, now: datetime) -> Body:
        if refresh and self.rotates:
            del self._refresh[refresh]
            refresh = None
        refresh = refresh or self._new("refresh")
        self._refresh[refresh] = Grant(until=now + REFRESH_LIFETIME, scopes=grant.scopes)
        if self.ends_access:
            self._access.clear()
        access = self._new("access")
        ends = now + timedelta(seconds=self.lifetime - self.early_seconds)
        self._access[access] = Grant(until=ends, scopes=grant.scopes)
        host = call.headers.get("host")
        return {
            "access_token": access,
            "token_type": "Bearer",
            "refresh_token": refresh,
            "scope": ",".join(sorted(grant.scopes)),
            "expires_in": self.lifetime,
            "api_domain": f"http://{host}" if host else "https://sandbox.pipedrive.com",
        }

    def _new(self, kind: str) -> str:
        digest = hashlib.sha256(f"{self._client} {kind} {len(self.issued)}".encode()).hexdigest()
        self.issued.append(f"{kind}-{digest[:40]}")
        return self.issued[-1]


def _bearer(call: Call) -> str:
    return call.headers.get("authorization", "").removeprefix("Bearer ")
