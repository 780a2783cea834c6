"""The streams: one per table, fifteen of them under the names of the old tap."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pipedrive_assets.registry import BY_NAME, ENTITIES, Entity, Kind
from pipedrive_assets.rows.columns import Columns, columns_of
from pipedrive_assets.rows.normalize import normalize_row
from pipedrive_assets.singer.stage_changes import (
    STAGE_CHANGE_COLUMNS,
    change_events,
    stage_change_row,
)

if TYPE_CHECKING:
    from pipedrive_assets.singer.tap import PipedriveTap

Row = dict[str, Any]

DELETED_AT = "_sdc_deleted_at"
"""When a record was found to be deleted. Singer targets use this name."""

SINGER_NAMES = {"_deleted_at": DELETED_AT}
"""Singer's names of columns that this project adds to every table."""


class Stream:
    """A table of the registry as a Singer stream.

    Attributes:
        tap_stream_id: The stream's name.
        table: The table's name.
        selected_by_default: Whether a catalog without a selection sends it.
        is_optional: Whether it is read only if the config names it, because it costs a request per
            record or is an optional table.
        tap: The tap that the stream belongs to; None for the stream that all taps share.
    """

    tap_stream_id: ClassVar[str] = ""
    table: ClassVar[str] = ""
    selected_by_default: ClassVar[bool] = True
    is_optional: ClassVar[bool] = False
    tap: "PipedriveTap | None" = None

    def of(self, tap: "PipedriveTap") -> "Stream":
        """Return a copy of the stream that belongs to a tap."""
        made = copy(self)
        made.tap = tap
        return made

    def __repr__(self) -> str:
        """Return the stream's name."""
        return f"<stream {self.tap_stream_id}>"

    @property
    def entity(self) -> Entity:
        """The table that is read."""
        return BY_NAME[self.table]

    @property
    def key_properties(self) -> list[str]:
        """The properties that identify a record."""
        return list(self.entity.key)

    @property
    def parent_cursor(self) -> str | None:
        """The property with the `update_time` of a child record's parent, for example
        `deal_update_time`. It orders child records, which have no change time of their own.
        """
        is_child = self.entity.kind is Kind.CHILD
        return f"{self.entity.parent_name}_update_time" if is_child else None

    @property
    def replication_key(self) -> str | None:
        """The property that orders changes; None if every sync sends the complete stream."""
        return self.parent_cursor or self.entity.cursor

    @property
    def replication_method(self) -> Literal["INCREMENTAL", "FULL_TABLE"]:
        """How the stream is read, in Singer's terms."""
        return "INCREMENTAL" if self.replication_key else "FULL_TABLE"

    @property
    def columns(self) -> Columns:
        """The columns of Pipedrive's own fields, with dlt's types, and `DELETED_AT`."""
        found = columns_of(self.table)
        return replace(
            found,
            columns={SINGER_NAMES.get(name, name): each for name, each in found.columns.items()},
        )

    def row(self, row: Mapping[str, Any], parent_id: int | None) -> Row | None:
        """Return a row as it is sent.

        Args:
            row: The record as Pipedrive returns it, with readable names of custom fields.
            parent_id: The parent's id, for a child stream.

        Returns:
            The row; None if it does not belong to the stream.
        """
        found = normalize_row(self.entity, row, parent_id=parent_id)[0]
        for name, singer_name in SINGER_NAMES.items():
            found[singer_name] = found.pop(name, None)
        return found


class CurrenciesStream(Stream):
    """Currencies; every sync sends all."""

    tap_stream_id, table = "currency", "currencies"


class ActivityTypesStream(Stream):
    """Activity types; every sync sends all."""

    tap_stream_id = table = "activity_types"


class StagesStream(Stream):
    """Stages of the pipelines; every sync sends all."""

    tap_stream_id = table = "stages"


class FiltersStream(Stream):
    """Saved filters; every sync sends all."""

    tap_stream_id = table = "filters"


class PipelinesStream(Stream):
    """Pipelines; every sync sends all."""

    tap_stream_id = table = "pipelines"


class RecentNotesStream(Stream):
    """Notes, by update time."""

    tap_stream_id = table = "notes"


class RecentUsersStream(Stream):
    """Users; every sync sends all."""

    tap_stream_id = table = "users"


class RecentActivitiesStream(Stream):
    """Activities, by update time."""

    tap_stream_id = table = "activities"


class RecentDealsStream(Stream):
    """Deals, by update time."""

    tap_stream_id = table = "deals"


class RecentFilesStream(Stream):
    """Files, by update time."""

    tap_stream_id = table = "files"


class RecentOrganizationsStream(Stream):
    """Organizations, by update time."""

    tap_stream_id = table = "organizations"


class RecentPersonsStream(Stream):
    """Persons, by update time."""

    tap_stream_id = table = "persons"


class RecentProductsStream(Stream):
    """Products, by update time."""

    tap_stream_id = table = "products"


class DealStageChangeStream(Stream):
    """When each deal was created and changed its stage; `deals_flow` has the complete history."""

    tap_stream_id, table = "dealflow", "deals_flow"

    @property
    def entity(self) -> Entity:
        """The flow, limited to field changes."""
        return change_events(BY_NAME[self.table])

    @property
    def key_properties(self) -> list[str]:
        """The id of the change."""
        return ["id"]

    @property
    def replication_key(self) -> str | None:
        """When the change happened."""
        return "log_time"

    @property
    def columns(self) -> Columns:
        """The columns of a change."""
        return Columns(columns=STAGE_CHANGE_COLUMNS, lists={}, page=columns_of("deals_flow").page)

    def row(self, row: Mapping[str, Any], parent_id: int | None) -> Row | None:
        """Return the change of an event, or None for other events."""
        return stage_change_row(row, parent_id)


class DealsProductsStream(Stream):
    """Products of the deals that changed."""

    tap_stream_id, table = "deal_products", "deals_products"


NAMED: tuple[Stream, ...] = (
    CurrenciesStream(),
    ActivityTypesStream(),
    StagesStream(),
    FiltersStream(),
    PipelinesStream(),
    RecentNotesStream(),
    RecentUsersStream(),
    RecentActivitiesStream(),
    RecentDealsStream(),
    RecentFilesStream(),
    RecentOrganizationsStream(),
    RecentPersonsStream(),
    RecentProductsStream(),
    DealStageChangeStream(),
    DealsProductsStream(),
)
"""The fifteen of the old tap, in its order."""


def _stream_of(entity: Entity) -> Stream:
    """Return a stream for a table that the old tap did not have."""
    facts = {
        "tap_stream_id": entity.name,
        "table": entity.name,
        "selected_by_default": False,
        "is_optional": entity.capped,
    }
    kind = type("TableStream", (Stream,), {"__doc__": entity.description, **facts})
    made: Stream = kind()
    return made


_covered = {stream.table for stream in NAMED} - {DealStageChangeStream.table}

FURTHER: tuple[Stream, ...] = tuple(
    _stream_of(entity) for entity in ENTITIES if entity.name not in _covered
)
"""Every other table of the registry, under its own name; sent only if the catalog selects it."""

ALL: tuple[Stream, ...] = (*NAMED, *FURTHER)

OPTIONAL_STREAMS = frozenset(stream.tap_stream_id for stream in ALL if stream.is_optional)
"""Streams that are read only if the config names them."""
