"""`login`: allows an OAuth app in the browser, and stores its tokens."""

import secrets
import webbrowser

from pipedrive_assets.api.oauth import consent_url, exchange_code
from pipedrive_assets.cli.accounts import accounts_at
from pipedrive_assets.cli.loopback import Loopback
from pipedrive_assets.config import Settings
from pipedrive_assets.connect import oauth_app
from pipedrive_assets.doctor.scopes import check_scopes
from pipedrive_assets.errors import ConfigurationError

NO_APP = (
    "There is no OAuth app to sign in with. Set PIPEDRIVE_CLIENT_ID and PIPEDRIVE_CLIENT_SECRET; "
    "docs/oauth.md has the steps."
)


def settings_to_sign_in(place: str | None, account: str | None) -> Settings:
    """Return the settings of the account to sign in to.

    Args:
        place: The mapping of several accounts, as `module:name`; None: that of the environment.
        account: The name of the account in the mapping.

    Raises:
        ConfigurationError: The mapping has no such account, or a setting is wrong.
    """
    if place is None:
        return Settings.from_env()
    found = accounts_at(place)
    if account not in found:
        raise ConfigurationError(f"--account: use one of {', '.join(found)}.")
    return found[account]


def login(settings: Settings, port: int, timeout: float, *, opens_browser: bool) -> None:
    """Open the consent page, wait for the callback, and store the tokens.

    Args:
        settings: The settings of the account.
        port: The port of the callback URL on this machine; 0 takes a free one.
        timeout: How long to wait for the callback, in seconds.
        opens_browser: Whether to open the page in a browser. Its address is always printed.

    Raises:
        ConfigurationError: There is no OAuth app, or the port or the token file is not usable.
        LoginFailed: The user declined, or the OAuth server issued no tokens.
    """
    app = oauth_app(settings)
    if app is None:
        raise ConfigurationError(NO_APP)
    state = secrets.token_urlsafe(32)
    with Loopback(port, state) as loopback:
        uri = loopback.redirect_uri
        page = consent_url(app, settings.base_url, uri, state)
        print(f"Allow the app on this page:\n\n  {page}\n\nWaiting for {uri} …", flush=True)
        if opens_browser:
            webbrowser.open(page)
        code = loopback.wait(timeout)
    tokens = exchange_code(app, settings.base_url, code, uri)
    print(f"Signed in to {tokens.api_domain or settings.base_url}. Tokens: {app.token_file}")
    for finding in check_scopes(settings.entities, tokens.scopes):
        print(f"{finding.text}{f' -> {finding.remedy}' if finding.remedy else ''}")
