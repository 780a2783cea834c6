"""The consent page, and the exchange of its code for the first tokens."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from pipedrive_assets.api.access import AccessUnavailable
from pipedrive_assets.api.oauth.app import OAuthApp, Tokens, api_host, oauth_url
from pipedrive_assets.api.oauth.endpoint import request_tokens
from pipedrive_assets.api.oauth.token_file import TokenFile
from pipedrive_assets.api.wire import Wire
from pipedrive_assets.errors import LoginFailed
from pipedrive_assets.windows import utc_now

NO_TOKENS = (
    "The OAuth server issued no tokens («{quote}»). The token file was not changed. Compare the "
    "client ID, the client secret and the callback URL with Developer Hub > your app, then run "
    "`pipedrive-assets login` again."
)


def consent_url(app: OAuthApp, base_url: str, redirect_uri: str, state: str) -> str:
    """Return the address of the page where the user allows the app.

    Args:
        app: The OAuth app.
        base_url: Address of the API.
        redirect_uri: The callback URL, as it is in Developer Hub.
        state: Random text that the callback returns.
    """
    asked = {"client_id": app.client_id, "redirect_uri": redirect_uri, "state": state}
    return f"{oauth_url(base_url)}/oauth/authorize?{urlencode(asked)}"


def exchange_code(
    app: OAuthApp,
    base_url: str,
    code: str,
    redirect_uri: str,
    *,
    now: Callable[[], datetime] = utc_now,
) -> Tokens:
    """Exchange the code of a consent for tokens, and store them in the token file.

    Args:
        app: The OAuth app.
        base_url: Address of the API.
        code: The code. It can be used once, within five minutes.
        redirect_uri: The callback URL that received it.
        now: Returns the current time (UTC).

    Returns:
        The tokens.

    Raises:
        LoginFailed: The OAuth server issued no tokens.
        ConfigurationError: The token file cannot be written, or the company's host is not one of
            Pipedrive.
    """
    wire = Wire(base_url=base_url, adapter=None, monotonic=time.monotonic)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    file = TokenFile(app.token_file)
    with file.locked(), file.replacing() as write:
        try:
            found = request_tokens(wire, app, form, now())
        except AccessUnavailable as refusal:
            quote = refusal.verdict.quote
        else:
            api_host(found.api_domain, base_url)
            write(replace(found, origin=app.origin))
            return found
    raise LoginFailed(NO_TOKENS.format(quote=quote))
