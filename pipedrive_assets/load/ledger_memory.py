"""The warehouse's memory of a table: its watermark in the ledger, and the table itself."""

from dataclasses import dataclass

from pipedrive_assets.extract.plan import TableStats, Watermark
from pipedrive_assets.load import merge
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse import ledger
from pipedrive_assets.warehouse.statements import Sql
from pipedrive_assets.windows import utc_now


@dataclass(frozen=True, slots=True)
class LedgerMemory:
    """A `Memory` in the ledger. Use it with the file held."""

    sql: Sql
    entity: Entity

    def watermark(self) -> Watermark:
        """Return what the ledger has of the table."""
        return ledger.watermark(self.sql, self.entity)

    def table_stats(self) -> TableStats:
        """Return the newest change and the highest id in the table."""
        return merge.table_stats(self.sql, self.entity)

    def record(self, watermark: Watermark) -> None:
        """Write a watermark into the ledger."""
        ledger.record_watermark(self.sql, self.entity, watermark, utc_now())
