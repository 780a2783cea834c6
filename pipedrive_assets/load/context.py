"""What all tables of a load share."""

from dataclasses import dataclass
from datetime import datetime

from pipedrive_assets.api import Client
from pipedrive_assets.connect import Account
from pipedrive_assets.extract.custom_fields import FieldMemory
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.load.tokens.usage import Spending
from pipedrive_assets.warehouse.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What all tables of a load share. `now` is Pipedrive's clock when the load began."""

    client: Client
    warehouse: Warehouse
    request: LoadRequest
    fields: FieldMemory
    spending: Spending
    account: Account
    now: datetime
