"""Requests to the OAuth server's token endpoint, and what its replies mean.

Source: official docs, OAuth authorization; RFC 6749, section 5.
"""

import base64
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipedrive_assets import errors
from pipedrive_assets.api.access import AccessUnavailable
from pipedrive_assets.api.json_body import decode
from pipedrive_assets.api.oauth.app import OAuthApp, Tokens, oauth_url
from pipedrive_assets.api.verdict import BURST_SECONDS, Action, ApiReply, Verdict
from pipedrive_assets.api.wire import NoReply, Wire

DEFAULT_LIFETIME = 3600.0
"""Lifetime of an access token in seconds, if the reply does not contain it."""

_REFUSALS: dict[str, type[errors.OAuthError]] = {
    "invalid_grant": errors.ConsentEnded,
    "invalid_client": errors.OAuthAppUnknown,
    "unauthorized_client": errors.OAuthAppUnknown,
}


def request_tokens(wire: Wire, app: OAuthApp, form: Mapping[str, str], now: datetime) -> Tokens:
    """Exchange a code or a refresh token for new tokens. Costs no API tokens.

    Args:
        wire: The HTTP connection.
        app: The OAuth app.
        form: The grant: `grant_type`, and `refresh_token`, or `code` and `redirect_uri`.
        now: The current time (UTC).

    Returns:
        The tokens. If the reply has no refresh token, the one in the form stays valid.

    Raises:
        AccessUnavailable: There was no reply, or the OAuth server refused.
        ConfigurationError: The certificate of the host is not trusted.
    """
    client = f"{app.client_id}:{app.client_secret}".encode()
    headers = {"authorization": f"Basic {base64.b64encode(client).decode()}"}
    given = (form.get(name, "") for name in ("code", "refresh_token"))
    wire.hide(app.client_secret, headers["authorization"].removeprefix("Basic "), *given)
    try:
        reply = wire.post(f"{oauth_url(wire.base_url)}/oauth/token", form, headers)
    except NoReply as trouble:
        raise AccessUnavailable(
            Verdict(action=Action.RETRY, quote=f"no access token: {trouble}")
        ) from None
    found = decode(reply.content)
    body = found if isinstance(found, dict) else {}
    refresh_token = body.get("refresh_token") or form.get("refresh_token")
    access_token = body.get("access_token")
    if not (reply.status == 200 and _is_token(access_token) and _is_token(refresh_token)):
        raise AccessUnavailable(_refusal(reply, body, wire))
    return Tokens(
        access_token=str(access_token),
        refresh_token=str(refresh_token),
        lifetime=_lifetime(body.get("expires_in")),
        scopes=frozenset(re.findall(r"[^\s,]+", str(body.get("scope") or ""))),
        api_domain=str(body.get("api_domain") or ""),
        obtained_at=now,
    )


def _refusal(reply: ApiReply, body: Mapping[str, Any], wire: Wire) -> Verdict:
    """Decide what to do after a reply without usable tokens."""
    texts = (body.get(name) for name in ("error", "error_description", "message"))
    said = " - ".join(text for text in texts if isinstance(text, str) and text)
    quote = wire.clean(f"status {reply.status} of the OAuth server{f': {said}' if said else ''}")
    if reply.status == 429:
        seconds = max(reply.retry_after or 0.0, BURST_SECONDS)
        return Verdict(
            action=Action.WAIT, error=errors.TooManyRequests, quote=quote, seconds=seconds
        )
    if reply.status in {200, 408} or reply.status >= 500:
        return Verdict(action=Action.RETRY, quote=f"no access token: {quote}")
    unknown = errors.OAuthAppUnknown if reply.status == 401 else errors.OAuthRefused
    kind = _REFUSALS.get(str(body.get("error")), unknown)
    return Verdict(action=Action.STOP, error=kind, quote=quote)


def _is_token(text: object) -> bool:
    """Whether this is a token that an HTTP header can carry."""
    return isinstance(text, str) and re.fullmatch(r"[!-~]+", text) is not None


def _lifetime(given: object) -> float:
    try:
        seconds = float(str(given))
    except ValueError:
        return DEFAULT_LIFETIME
    return seconds if math.isfinite(seconds) and seconds > 0 else DEFAULT_LIFETIME
