"""The warehouse's memory of a table: its watermark in the ledger, and the table itself."""

from pipedrive_assets.extract.plan import TableStats, Watermark
from pipedrive_assets.load import merge
from pipedrive_assets.registry import Entity
from pipedrive_assets.warehouse import ledger
from pipedrive_assets.warehouse.statements import Sql
from pipedrive_assets.windows import utc_now


class LedgerMemory:
    """A `Memory` in the ledger. Use an instance only as long as the warehouse lock is held.

    It reads the watermark once: until the lock is released, no other run can change it.
    """

    def __init__(self, sql: Sql, entity: Entity) -> None:
        """Read nothing yet.

        Args:
            sql: The warehouse; the caller holds its lock.
            entity: The table.
        """
        self.sql, self.entity = sql, entity
        self._held: Watermark | None = None

    def watermark(self) -> Watermark:
        """Return what the ledger has of the table."""
        if self._held is None:
            self._held = ledger.watermark(self.sql, self.entity)
        return self._held

    def table_stats(self) -> TableStats:
        """Return the newest change and the highest id in the table."""
        return merge.table_stats(self.sql, self.entity)

    def record(self, watermark: Watermark) -> None:
        """Write a watermark into the ledger."""
        ledger.record_watermark(self.sql, self.entity, watermark, utc_now())
        self._held = watermark
