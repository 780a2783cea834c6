"""A client that returns the replies of a recorded run, and sends no request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from pipedrive_assets.api import ApiCall, ApiReply, Client
from pipedrive_assets.api.calls import ReadReply
from pipedrive_assets.api.json_body import decode
from pipedrive_assets.api.paging import IncompletePage
from pipedrive_assets.api.verdict import judge
from pipedrive_assets.connect import Account, Connection
from pipedrive_assets.errors import RebuildError
from pipedrive_assets.load.recording.recorded import RecordedRun
from pipedrive_assets.load.recording.start import account_of
from pipedrive_assets.windows import parse_stamp


class RecordedClient(Client):
    """Answers from a recorded run. Only the few requests of the writer thread need replies."""

    def __init__(self, run: RecordedRun) -> None:
        """Read nothing yet.

        Args:
            run: The run.
        """
        _, now = account_of(run.facts)
        super().__init__(base_url="https://recorded.invalid", now=lambda: now)
        self._run = run

    def _ask(self, call: ApiCall, read: Callable[[dict[str, Any]], Any]) -> ReadReply:
        query = urlencode(call.params)
        kept = self._run.reply(call.path, query)
        if kept is None:
            asked = f"/{call.path}?{query}".rstrip("?")
            raise RebuildError(
                f"{self._run} has no reply to GET {asked}, which a repetition needs: another "
                "version of pipedrive_assets has kept it. Rebuild with that version, or restore a "
                "backup of the warehouse."
            )
        self.stats.add(requests=1, tokens=call.cost)
        call.stats.add(requests=1, tokens=call.cost)
        content = orjson.dumps(kept["body"])
        reply = ApiReply(status=kept["status"], headers={}, content=content)
        if reply.status >= 300:
            verdict = judge(reply, cost=call.cost, paged_on=call.paged_on)
            raise self._error(call, reply, verdict, 1)
        body = self._storable(reply, decode(content))
        try:
            result = read(body)
        except IncompletePage:
            # An empty reply that was accepted when it was returned twice is kept once.
            result = read(body)
        return ReadReply(result, parse_stamp(kept["read_at"]), len(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedConnection(Connection):
    """A recorded run instead of an account.

    Attributes:
        run: The run.
    """

    run: RecordedRun

    def account(self) -> tuple[Account, datetime]:
        """Return the account, and when the run began (UTC)."""
        return account_of(self.run.facts)
