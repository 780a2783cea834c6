"""Authentication by an OAuth 2 app: token requests, the token file, and renewal in time."""

from pipedrive_assets.api.oauth.app import OAuthApp, Tokens, is_pipedrive, oauth_url
from pipedrive_assets.api.oauth.login import consent_url, exchange_code
from pipedrive_assets.api.oauth.renewal import OAuthAccess
from pipedrive_assets.api.oauth.token_file import TokenFile

__all__ = [
    "OAuthAccess",
    "OAuthApp",
    "TokenFile",
    "Tokens",
    "consent_url",
    "exchange_code",
    "is_pipedrive",
    "oauth_url",
]
