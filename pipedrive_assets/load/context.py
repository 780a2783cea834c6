"""The objects that all tables of a load share."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipedrive_assets.api import Client
from pipedrive_assets.connect import Account
from pipedrive_assets.extract.custom_fields import FieldMemory
from pipedrive_assets.load.raw_zone import RawRun
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.load.step import Step
from pipedrive_assets.load.tokens.usage import Spending
from pipedrive_assets.warehouse.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The objects that all tables of a load share.

    Attributes:
        client: The HTTP client.
        warehouse: Where rows are written.
        request: What to load.
        fields: The account's custom field definitions.
        spending: The token budget and the token usage of this load.
        account: The Pipedrive account.
        now: When the load began, UTC, by Pipedrive's clock.
        raw: Where the replies of this run are kept; None: nowhere.
        started: The same moment by the monotonic clock, in seconds.
        step: The step that the writer thread takes.
    """

    client: Client
    warehouse: Warehouse
    request: LoadRequest
    fields: FieldMemory
    spending: Spending
    account: Account
    now: datetime
    raw: RawRun | None = None
    started: float = field(default_factory=time.monotonic)
    step: Step = field(default_factory=Step)

    def moment(self) -> datetime:
        """Return the present, UTC, by Pipedrive's clock."""
        return self.step.moment or self.present()

    def present(self) -> datetime:
        """Return the present, UTC, by Pipedrive's clock, also during a step."""
        return self.now + timedelta(seconds=time.monotonic() - self.started)
