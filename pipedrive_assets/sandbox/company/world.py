"""The invented company as a whole: it starts with a stock, lives day by day, and can be changed.

Life is folded forward from the epoch by events that depend on the seed and the day alone, so
the same seed and the same instant give the same rows, however many steps led there.
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
)
from pipedrive_assets.sandbox.company.blank_rows import BLANKS, blank
from pipedrive_assets.sandbox.company.history import RECORDED, History
from pipedrive_assets.sandbox.company.tables import Key, Row, Table, clock, stamp_of

EPOCH = datetime(2025, 9, 1, tzinfo=timezone.utc)
DAY_SECONDS = 86_400
SETTLED = 10


class World:
    """An invented company of about `deals` deals, as it stands at `instant`.

    Life never deletes, archives or merges away the first ten rows of a table.
    """

    def __init__(self, seed: int = 1, deals: int = 100, instant: datetime = EPOCH) -> None:
        self.seed = seed
        self.instant = min(instant, EPOCH)
        self.stamp = stamp_of(EPOCH)
        self.tables = {
            name: Table()
            for name in (*BLANKS, *reference_rows.TABLES, *initial_rows.PROJECT_TABLES)
        }
        self.histories = {name: History() for name in RECORDED}
        self.history = self.histories["deals"]
        self.hidden: set[tuple[str, Key]] = set()
        self.fields = {
            entity: custom_fields.initial_fields(seed, entity, reference_rows.FOUNDED)
            for entity in custom_fields.FIELD_OWNERS
        }
        self._next_option = 10_000
        self._next_field = 1_000
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
        """Live on until `to`; an earlier instant changes nothing, time never goes back."""
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
        """A row by its key; KeyError names the table."""
        try:
            return self.tables[table].rows[key]
        except KeyError:
            msg = f"{table} has no row {key!r}"
            raise KeyError(msg) from None

    def ids(self, table: str) -> list[Key]:
        """The keys of all rows that are not deleted."""
        return list(self.tables[table].alive)

    def code(self, entity: str, label: str) -> str:
        """The code of the first custom field with this label."""
        return next(
            code for code, field in self.fields[entity].items() if field["field_name"] == label
        )

    def pools(self) -> custom_fields.Pools:
        """Keys that values of custom fields may point to."""
        return {name: self.tables[name].alive for name in ("users", "organizations", "persons")}

    # Rows

    def add(self, table: str, **values: Any) -> Key:
        """Store a new row and return its key; `update_time=None` makes one that was never edited.

        A list of custom values goes under `custom_fields`, by code.
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
        """Change a row, move its `update_time` to the world's instant (or to the one given).

        Values under `custom_fields` are laid over the present ones; None there unsets one.
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
        """Delete a row the way Pipedrive does: softly, where the API knows that, else at once."""
        row = self.row(table, key)
        consequences.unlink(self, table, key)
        if "is_deleted" not in row:
            self.purge(table, key)
            return
        if table == "deals":
            consequences.record_deletion(self, row)
            deals.mark_deleted(row)
        row["is_deleted"] = True
        row["update_time"] = self.stamp
        self.tables[table].retire(key, self.stamp)

    def purge(self, table: str, key: Key) -> None:
        """Take a row away for good, with everything that hangs on it."""
        self.tables[table].drop(key)
        consequences.delete_dependents(self, table, key)

    def merge(self, table: str, loser: Key, winner: Key) -> None:
        """Merge two deals, persons or organizations: what the loser owned moves over; a deal is
        deleted by that, the others vanish at once.
        """
        consequences.move(self, table, loser, winner)
        if table == "deals":
            self.delete(table, loser)
        else:
            self.tables[table].drop(loser)
            consequences.delete_dependents(self, table, loser)
        self.edit(table, winner)

    def hide(self, table: str, key: Key) -> None:
        """Take a row out of the view of the api token's user; its `update_time` stays."""
        self.row(table, key)
        self.hidden.add((table, key))
        self.tables[table].touch()

    def show(self, table: str, key: Key) -> None:
        """Let the api token's user see a row again."""
        self.hidden.discard((table, key))
        self.tables[table].touch()

    def sees(self, table: str, row: Row) -> bool:
        """Whether the api token's user may see a row."""
        return not self.hidden or (table, row["id"]) not in self.hidden

    def archive(self, table: str, key: Key) -> None:
        """Move a deal or a lead to the archive."""
        self._set_archived(table, key, archived=True)

    def unarchive(self, table: str, key: Key) -> None:
        """Take a deal or a lead back from the archive."""
        self._set_archived(table, key, archived=False)

    def _set_archived(self, table: str, key: Key, *, archived: bool) -> None:
        values: Row = {"is_archived": archived}
        if table in {"deals", "leads"}:
            values["archive_time"] = self.stamp if archived else None
        self.edit(table, key, **values)

    def touch(self, table: str, key: Key, update_time: str | None) -> None:
        """Give a row another `update_time` and nothing else."""
        self.row(table, key)["update_time"] = update_time
        self.tables[table].touch()

    # Deals and what hangs on them

    def add_product(self, deal_id: Key, product_id: Key, *, touch: bool = True, **line: Any) -> Key:
        """Put a product on a deal; the deal's value follows, unless `touch` is off."""
        return consequences.add_line(self, deal_id, product_id, line, touch=touch)

    def remove_product(self, line_id: Key, *, touch: bool = True) -> None:
        """Take a product line off its deal; the deal's value follows, unless `touch` is off."""
        line = self.tables["deal_products"].drop(line_id)
        consequences.end_terms(self, line["deal_id"])
        if touch:
            consequences.revalue(self, line["deal_id"])

    def add_participant(self, deal_id: Key, person_id: Key, *, touch: bool = True) -> Key:
        """Let a person take part in a deal."""
        key = consequences.join(self, deal_id, person_id)
        if touch:
            self.edit("deals", deal_id)
        return key

    def remove_participant(self, deal_id: Key, person_id: Key, *, touch: bool = True) -> None:
        """End a person's part in a deal."""
        for row in self.tables["participants"].where("deal_id", deal_id):
            if row["person_id"] == person_id:
                consequences.leave_deal(self, row)
        if touch:
            self.edit("deals", deal_id)

    # Custom fields

    def add_field(self, entity: str, label: str, field_type: str = "varchar") -> str:
        """Create a custom field and return its code; enum and set start with two options."""
        self._next_field += 1
        code = custom_fields.code_of(self.seed, entity, self._next_field)
        listed: list[Row] | None = [] if field_type in {"enum", "set"} else None
        self.fields[entity][code] = custom_fields.custom_field(code, label, field_type, listed)
        if listed is not None:
            for name in ("One", "Two"):
                self.add_option(entity, code, name)
        return code

    def rename_field(self, entity: str, code: str, label: str) -> None:
        """Give a custom field another label; its code stays."""
        field = self.fields[entity][code]
        renamed = custom_fields.custom_field(code, label, field["field_type"], field["options"])
        self.fields[entity][code] = renamed

    def remove_field(self, entity: str, code: str) -> None:
        """Delete a custom field: it leaves the fields list and every record."""
        del self.fields[entity][code]

    def add_option(self, entity: str, code: str, label: str) -> int:
        """Add a choice to an enum or set field and return its id."""
        self._next_option += 1
        added = custom_fields.option(self._next_option, label, self.stamp)
        self.fields[entity][code]["options"].append(added)
        return self._next_option

    def rename_option(self, entity: str, code: str, option_id: int, label: str) -> None:
        """Give a choice another label."""
        for each in self.fields[entity][code]["options"]:
            if each["id"] == option_id:
                each.update(label=label, update_time=self.stamp)

    def remove_option(self, entity: str, code: str, option_id: int) -> None:
        """Delete a choice; records that hold its id keep it."""
        field = self.fields[entity][code]
        field["options"] = [each for each in field["options"] if each["id"] != option_id]

    def _next_key(self, table: str) -> Key:
        rows = self.tables[table]
        if isinstance(BLANKS[table]["id"], str):
            rows.last += 1
            return reference_rows.uuid_of(self.seed, table, rows.last)
        return rows.last + 1

    def _stamp_in(self, table: str) -> str:
        # Leads are the one timed table with milliseconds (official docs, leads list).
        if table != "leads":
            return self.stamp
        return f"{self.stamp[:-1]}.{self.tables[table].changes * 37 % 1000:03d}Z"


def _check(table: str, row: Row, values: Row) -> None:
    if not values.keys() <= row.keys():
        msg = f"{table} has no {sorted(values.keys() - row.keys())}"
        raise ValueError(msg)
