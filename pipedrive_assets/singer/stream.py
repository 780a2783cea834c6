"""A stream: an entity as Singer sees it, and the fifteen that users of the old tap know by name."""

from collections.abc import Mapping
from copy import copy
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


class Stream:
    """An entity of the registry under a Singer name.

    `tap_stream_id` is the stream's name, `table` the entity's.
    """

    tap_stream_id: ClassVar[str] = ""
    table: ClassVar[str] = ""
    selected_by_default: ClassVar[bool] = True
    tap: "PipedriveTap | None" = None
    """The tap whose stream it is; None: the class's own, shared by all."""

    def of(self, tap: "PipedriveTap") -> "Stream":
        """The same stream as one tap's own."""
        made = copy(self)
        made.tap = tap
        return made

    def __repr__(self) -> str:
        """The name."""
        return f"<stream {self.tap_stream_id}>"

    @property
    def entity(self) -> Entity:
        """What is read."""
        return BY_NAME[self.table]

    @property
    def key_properties(self) -> list[str]:
        """What identifies a record."""
        return list(self.entity.key)

    @property
    def parent_cursor(self) -> str | None:
        """Property of every child record that tells the `update_time` of its parent when it was
        read, such as `deal_update_time`: what orders children, whose own rows tell no time.
        """
        is_child = self.entity.kind is Kind.CHILD
        return f"{self.entity.parent_name}_update_time" if is_child else None

    @property
    def replication_key(self) -> str | None:
        """The property that orders changes; None: the stream is sent whole every time."""
        return self.parent_cursor or self.entity.cursor

    @property
    def replication_method(self) -> Literal["INCREMENTAL", "FULL_TABLE"]:
        """Singer's word for how the stream is read."""
        return "INCREMENTAL" if self.replication_key else "FULL_TABLE"

    @property
    def columns(self) -> Columns:
        """The properties that Pipedrive itself defines, with dlt's types."""
        return columns_of(self.table)

    def row(self, row: Mapping[str, Any], parent_id: int | None) -> Row | None:
        """The row as it is sent on; None: it is not of this stream."""
        return normalize_row(self.entity, row, parent_id=parent_id)[0]


class CurrenciesStream(Stream):
    """Currencies; sent whole."""

    tap_stream_id, table = "currency", "currencies"


class ActivityTypesStream(Stream):
    """Kinds of activities; sent whole."""

    tap_stream_id = table = "activity_types"


class StagesStream(Stream):
    """Stages of the pipelines; sent whole."""

    tap_stream_id = table = "stages"


class FiltersStream(Stream):
    """Saved filters; sent whole."""

    tap_stream_id = table = "filters"


class PipelinesStream(Stream):
    """Pipelines; sent whole."""

    tap_stream_id = table = "pipelines"


class RecentNotesStream(Stream):
    """Notes, by update time."""

    tap_stream_id = table = "notes"


class RecentUsersStream(Stream):
    """Users; sent whole."""

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
    """When each deal was added and moved to which stage; `deals_flow` is the complete history."""

    tap_stream_id, table = "dealflow", "deals_flow"

    @property
    def entity(self) -> Entity:
        """The flow, of which Pipedrive is asked for field changes alone."""
        return change_events(BY_NAME[self.table])

    @property
    def key_properties(self) -> list[str]:
        """The change's own id."""
        return ["id"]

    @property
    def replication_key(self) -> str | None:
        """When the change happened."""
        return "log_time"

    @property
    def columns(self) -> Columns:
        """Those of a change."""
        return Columns(columns=STAGE_CHANGE_COLUMNS, lists={}, page=columns_of("deals_flow").page)

    def row(self, row: Mapping[str, Any], parent_id: int | None) -> Row | None:
        """None for every other event."""
        return stage_change_row(row, parent_id)


class DealsProductsStream(Stream):
    """What is sold with each deal, for deals that changed."""

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
    """A stream for a table that the old tap did not have."""
    facts = {"tap_stream_id": entity.name, "table": entity.name, "selected_by_default": False}
    kind = type("TableStream", (Stream,), {"__doc__": entity.description, **facts})
    made: Stream = kind()
    return made


_covered = {stream.table for stream in NAMED} - {DealStageChangeStream.table}

FURTHER: tuple[Stream, ...] = tuple(
    _stream_of(entity) for entity in ENTITIES if entity.name not in _covered
)
"""Every other table of the registry, under its own name; sent only where the catalog selects it."""

ALL: tuple[Stream, ...] = (*NAMED, *FURTHER)
