"""A client that reads the sandbox with an OAuth app."""

from collections.abc import Iterable
from pathlib import Path

from pipedrive_assets.api import Client, OAuthApp
from pipedrive_assets.connect import Connection
from pipedrive_assets.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, SandboxAdapter
from pipedrive_assets.sandbox.http.scopes import ALL_SCOPES


def signed_in(
    sandbox: Sandbox, folder: Path, *, without: Iterable[str] = (), base_url: str | None = None
) -> Connection:
    """Connect with a new consent; `base_url` is a real port, by default the adapter is used."""
    sandbox.oauth.scopes = ALL_SCOPES - set(without)
    app = OAuthApp(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        refresh_token=sandbox.oauth.refresh_token(sandbox.now),
        token_file=folder / "oauth.json",
    )
    client = Client(
        base_url=base_url or "https://api.pipedrive.com",
        oauth=app,
        adapter=None if base_url else SandboxAdapter(sandbox),
        sleep=lambda _: None,
        now=lambda: sandbox.now,
    )
    return Connection(client=client, is_sandbox=False)
