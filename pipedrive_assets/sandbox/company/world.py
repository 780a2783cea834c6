"""The invented company: initial rows, events day by day, and methods that change it.

Events depend on the seed and the day alone. The same seed and instant therefore give the same
rows, however many calls to `advance` led there.
"""

from datetime import date, datetime, timezone
from random import Random
from typing import Any

from pipedrive_assets.sandbox.company import (
    calendar,
    consequences,
    custom_fields,
    deals,
    events_optional,
    initial_rows,
    initial_rows_optional,
    reference_rows,
    references,
)
from pipedrive_assets.sandbox.company.blank_rows import BLANKS, blank
from pipedrive_assets.sandbox.company.field_edits import FieldEdits
from pipedrive_assets.sandbox.company.history import RECORDED, History
from pipedrive_assets.sandbox.company.tables import Key, Row, Table, clock, stamp_of

EPOCH = datetime(2025, 9, 1, tzinfo=timezone.utc)
DAY_SECONDS = 86_400
SETTLED = 10


class World(FieldEdits):
    """An invented company at a point in time.

    Events never delete, archive or merge away the first ten rows of a table.
    """

    def __init__(self, seed: int = 1, deals: int = 100, instant: datetime = EPOCH) -> None:
        """Create the company.

        Args:
            seed: Seed of all random numbers.
            deals: Number of deals at the epoch, about; other tables are in proportion.
            instant: Time up to which the events have happened.
        """
        super().__init__(seed)
        self.instant = min(instant, EPOCH)
        self.stamp = stamp_of(EPOCH)
        self.tables = {
            name: Table()
            for name in (*BLANKS, *reference_rows.TABLES, *initial_rows.PROJECT_TABLES)
        }
        self.histories = {name: History() for name in RECORDED}
        self.history = self.histories["deals"]
        self.hidden: set[tuple[str, Key]] = set()
        self._day = -1
        self.today = ""
        self._rng = Random(0)
        self._agenda: list[tuple[int, calendar.Event]] = []
        initial_rows.fill(self, deals)
        initial_rows_optional.fill(self, deals)
        for table in self.tables.values():
            table.settle(SETTLED)
        self.sizes = {name: len(table.alive) for name, table in self.tables.items()}
        self.advance(instant)

    # Time

    def advance(self, to: datetime) -> None:
        """Run all events up to `to`; an earlier instant changes nothing."""
        if to <= self.instant:
            return
        until = (to - EPOCH).total_seconds()
        while until >= 0:
            if not self._agenda:
                if (self._day + 1) * DAY_SECONDS > until:
                    break
                self._begin_day(self._day + 1)
            second, event = self._agenda[-1]
            if self._day * DAY_SECONDS + second > until:
                break
            self._agenda.pop()
            self.stamp = f"{self.today}T{clock(second)}Z"
            event(self, self._rng)
        self.instant = to
        self.stamp = stamp_of(max(to, EPOCH))

    def _begin_day(self, day: int) -> None:
        self._day = day
        self.today = date.fromordinal(EPOCH.toordinal() + day).isoformat()
        self._rng = Random(f"{self.seed}:{day}")
        self._agenda = calendar.agenda(self._rng, events_optional.agenda(self.seed, day))

    @property
    def days_lived(self) -> int:
        """Days since the epoch."""
        return max(0, self._day)

    # Reading

    def row(self, table: str, key: Key) -> Row:
        """Return a row by its key.

        Args:
            table: Table of the row.
            key: Key of the row.

        Returns:
            The row itself, not a copy.

        Raises:
            KeyError: If the table has no such row; the message names the table.
        """
        try:
            return self.tables[table].rows[key]
        except KeyError:
            raise KeyError(f"{table} has no row {key!r}") from None

    def ids(self, table: str) -> list[Key]:
        """Keys of all rows that are not deleted."""
        return list(self.tables[table].alive)

    def pools(self) -> custom_fields.Pools:
        """Ids that user, organization and person fields can refer to."""
        return {name: self.tables[name].alive for name in ("users", "organizations", "persons")}

    # Rows

    def add(self, table: str, **values: Any) -> Key:
        """Add a row.

        Args:
            table: Table of the row.
            **values: Values by column. `update_time=None` makes a row that was never edited;
                `custom_fields` has values by code.

        Returns:
            Key of the row.
        """
        row = blank(table)
        _check(table, row, values)
        key: Key = values.get("id") or self._next_key(table)
        for column in ("add_time", "update_time", "created_at", "updated_at"):
            if column in row:
                row[column] = self._stamp_in(table)
        row.update(values, id=key)
        self.tables[table].put(key, row)
        consequences.complete(self, table, row, values)
        return key

    def edit(self, table: str, key: Key, *, bulk: bool = False, **values: Any) -> None:
        """Edit a row and set its `update_time` to the world's time.

        Args:
            table: Table of the row.
            key: Key of the row.
            bulk: Whether the history marks the change as a bulk edit.
            **values: New values by column. `custom_fields` is merged into the present values, where
                None clears a field; `update_time` replaces the world's time.
        """
        row = self.row(table, key)
        _check(table, row, values)
        stamp = values.pop("update_time", self._stamp_in(table))
        before = {column: row[column] for column in values}
        custom = values.pop("custom_fields", None)
        row.update(values)
        if custom is not None:
            before["custom_fields"] = row["custom_fields"] or {}
            row["custom_fields"] = {**before["custom_fields"], **custom}
        if table == "deals":
            consequences.deal_changed(self, row, before, bulk=bulk)
        elif table in RECORDED:
            consequences.record_changes(self, table, row, before)
        if "update_time" in row:
            row["update_time"] = stamp
        self.tables[table].touch()

    def delete(self, table: str, key: Key) -> None:
        """Delete a row as Pipedrive does: softly if it has `is_deleted`, otherwise permanently."""
        row = self.row(table, key)
        references.unlink(self, table, key)
        if "is_deleted" not in row:
            self.purge(table, key)
            return
        if table == "deals":
            consequences.record_deletion(self, row)
            deals.mark_deleted(row)
        row["is_deleted"] = True
        row["update_time"] = self.stamp
        self.tables[table].retire(key, self.stamp)

    def purge(self, table: str, *keys: Key) -> None:
        """Delete rows and their dependents permanently."""
        if keys:
            self.tables[table].drop_all({*keys})
            references.delete_dependents(self, table, *keys)

    def merge(self, table: str, loser: Key, winner: Key) -> None:
        """Merge two deals, persons or organizations.

        References to the loser change to the winner. A losing deal is deleted softly, other rows
        permanently.

        Args:
            table: Table of both rows.
            loser: Key of the row that disappears.
            winner: Key of the row that stays.
        """
        references.move(self, table, loser, winner)
        if table == "deals":
            self.delete(table, loser)
        else:
            self.tables[table].drop(loser)
            references.delete_dependents(self, table, loser)
        self.edit(table, winner)

    def hide(self, table: str, key: Key) -> None:
        """Hide a row from the API token's user; its `update_time` does not change."""
        self.row(table, key)
        self.hidden.add((table, key))
        self.tables[table].touch()

    def show(self, table: str, key: Key) -> None:
        """Show a hidden row to the API token's user again."""
        self.hidden.discard((table, key))
        self.tables[table].touch()

    def sees(self, table: str, row: Row) -> bool:
        """Whether the API token's user may see a row."""
        return not self.hidden or (table, row["id"]) not in self.hidden

    def archive(self, table: str, key: Key) -> None:
        """Archive a deal, a lead or a project."""
        self._set_archived(table, key, archived=True)

    def unarchive(self, table: str, key: Key) -> None:
        """Unarchive a deal, a lead or a project."""
        self._set_archived(table, key, archived=False)

    def _set_archived(self, table: str, key: Key, *, archived: bool) -> None:
        values: Row = {"is_archived": archived}
        if table in {"deals", "leads"}:
            values["archive_time"] = self.stamp if archived else None
        self.edit(table, key, **values)

    def touch(self, table: str, key: Key, update_time: str | None) -> None:
        """Change the `update_time` of a row and nothing else.

        Args:
            table: Table of the row.
            key: Key of the row.
            update_time: The new time, UTC, or None.
        """
        self.row(table, key)["update_time"] = update_time
        self.tables[table].touch()

    # Products and participants of deals

    def add_product(self, deal_id: Key, product_id: Key, *, touch: bool = True, **line: Any) -> Key:
        """Add a product to a deal.

        Args:
            deal_id: Key of the deal.
            product_id: Key of the product.
            touch: Whether to update the deal's value and `update_time`.
            **line: Values of the product line by column.

        Returns:
            Key of the product line.
        """
        return consequences.add_line(self, deal_id, product_id, line, touch=touch)

    def remove_product(self, line_id: Key, *, touch: bool = True) -> None:
        """Remove a product line; `touch` updates the deal's value and `update_time`."""
        line = self.tables["deal_products"].drop(line_id)
        consequences.end_terms(self, line["deal_id"])
        if touch:
            consequences.revalue(self, line["deal_id"])

    def add_participant(self, deal_id: Key, person_id: Key, *, touch: bool = True) -> Key:
        """Add a participant to a deal.

        Args:
            deal_id: Key of the deal.
            person_id: Key of the person.
            touch: Whether to update the deal's `update_time`.

        Returns:
            Key of the participant row.
        """
        key = consequences.join(self, deal_id, person_id)
        if touch:
            self.edit("deals", deal_id)
        return key

    def remove_participant(self, deal_id: Key, person_id: Key, *, touch: bool = True) -> None:
        """Remove a participant from a deal.

        Args:
            deal_id: Key of the deal.
            person_id: Key of the person.
            touch: Whether to update the deal's `update_time`.
        """
        for row in self.tables["participants"].where("deal_id", deal_id):
            if row["person_id"] == person_id:
                consequences.leave_deal(self, row)
        if touch:
            self.edit("deals", deal_id)

    def _next_key(self, table: str) -> Key:
        rows = self.tables[table]
        if isinstance(BLANKS[table]["id"], str):
            rows.last += 1
            return reference_rows.uuid_of(self.seed, table, rows.last)
        return rows.last + 1

    def _stamp_in(self, table: str) -> str:
        # Only leads have times with milliseconds (official documentation, leads list).
        if table != "leads":
            return self.stamp
        return f"{self.stamp[:-1]}.{self.tables[table].changes * 37 % 1000:03d}Z"


def _check(table: str, row: Row, values: Row) -> None:
    if not values.keys() <= row.keys():
        raise ValueError(f"{table} has no columns {sorted(values.keys() - row.keys())}")
