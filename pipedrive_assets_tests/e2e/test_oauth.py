"""Processes that share one token file of an OAuth app."""

import subprocess
import sys

from pipedrive_assets.api import OAuthApp
from pipedrive_assets.sandbox import serve
from pipedrive_assets_tests.api.conftest import Account, clock
from pipedrive_assets_tests.api.test_oauth import account, app, held, world

__all__ = ["account", "app", "clock", "world"]


PROCESS = """
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from pipedrive_assets.api import Client, OAuthApp
url, client_id, client_secret, refresh_token, token_file, number = sys.argv[1:]
app = OAuthApp(client_id=client_id, client_secret=client_secret, refresh_token=refresh_token,
               token_file=Path(token_file))
for round_ in range(6):
    now = datetime.now(timezone.utc) + timedelta(hours=2 * (1 + 4 * round_ + int(number)))
    Client(base_url=url, oauth=app, now=lambda: now).object("v1/users/me", cost=2)
"""


def test_processes_that_renew_at_the_same_time_use_each_refresh_token_once(
    account: Account, app: OAuthApp
) -> None:
    account.oauth.rotates = True
    facts = (app.client_id, app.client_secret, app.refresh_token, str(app.token_file))
    with serve(account) as server:
        running = [
            subprocess.Popen([sys.executable, "-c", PROCESS, server.url, *facts, str(number)])
            for number in range(3)
        ]
        assert [0, 0, 0] == [process.wait(timeout=120) for process in running]

    assert [] == [line for line in account.log if line.status != 200]
    assert {held(app)["refresh_token"]} == set(account.oauth._refresh)
    assert account.oauth.renewals > 3
