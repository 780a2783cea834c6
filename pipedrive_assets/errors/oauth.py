"""Errors of OAuth apps: the consent, the app, and its scopes."""

from pipedrive_assets.errors.api import AuthenticationError, Forbidden
from pipedrive_assets.errors.base import PipedriveError


class LoginFailed(PipedriveError):
    """A sign-in with an OAuth app was not completed; no token was stored."""

    exit_code = 3


class AccessTokenRefused(AuthenticationError):
    """Status 401 for an access token that was just renewed."""

    next_step = (
        "The access token was renewed, and Pipedrive refused the new one as well. Rows already "
        "loaded are kept. Check PIPEDRIVE_BASE_URL, and that the app is still installed in "
        "Pipedrive > Settings > Marketplace apps. Then run `pipedrive-assets login`."
    )


class OAuthError(AuthenticationError):
    """The OAuth server did not renew the access token, so the request was not sent."""

    def _what_happened(self) -> str:
        quoted = f" («{self.quote}»)" if self.quote else ""
        return (
            f"The OAuth access token could not be renewed{quoted}, so GET /{self.path} was not sent"
        )


class OAuthRefused(OAuthError):
    """The OAuth server refused the request for another reason than those below."""

    next_step = (
        "Rows already loaded are kept. Compare the app's settings in Developer Hub with "
        "docs/oauth.md, then run `pipedrive-assets login`."
    )


class ConsentEnded(OAuthError):
    """The refresh token is expired, revoked or replaced (`invalid_grant`)."""

    next_step = (
        "The refresh token is no longer valid: it was not used for 60 days, the app was "
        "uninstalled, or another login replaced it. Rows already loaded are kept. Run "
        "`pipedrive-assets login`, then run again; the run continues where this one stopped."
    )


class OAuthAppUnknown(OAuthError):
    """The client ID or the client secret is wrong (`invalid_client`)."""

    next_step = (
        "Rows already loaded are kept. Compare PIPEDRIVE_CLIENT_ID and PIPEDRIVE_CLIENT_SECRET "
        "with Developer Hub > your app > OAuth & access scopes, then run again."
    )


class ScopeMissing(Forbidden):
    """Status 403 because the OAuth app does not have the scope of this endpoint."""

    next_step = (
        "Rows already loaded are kept. The OAuth app lacks a scope; `pipedrive-assets doctor` "
        "shows which one. Select it in Developer Hub > your app > OAuth & access scopes and run "
        "`pipedrive-assets login`, or deselect this table."
    )
    next_step_for_account = (
        "The OAuth app lacks a scope that each run needs. Nothing was loaded. Select the scopes of "
        "docs/oauth.md in Developer Hub > your app > OAuth & access scopes, then run "
        "`pipedrive-assets login`."
    )
