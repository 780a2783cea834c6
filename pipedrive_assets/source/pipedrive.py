"""`pipedrive_source`: Pipedrive as a plain dlt source, for any dlt pipeline, without Dagster.

Its memory is dlt's own state: each resource keeps up to when it is complete. A plain pipeline
and the Dagster project do not share a dataset.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, Optional, Union

import dlt
import pendulum
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from pipedrive_assets.api import Tally
from pipedrive_assets.connect import Connection, connect
from pipedrive_assets.entities import ENTITIES, Entity, Kind, children_of
from pipedrive_assets.errors import ConfigurationError, MissingTokenError, Refused
from pipedrive_assets.reading.child_walks import read_children
from pipedrive_assets.reading.chunk import Parent
from pipedrive_assets.reading.field_memory import OWN_SHAPES
from pipedrive_assets.reading.plan import Coverage, Held, plan
from pipedrive_assets.reading.snapshot_walks import read_snapshot
from pipedrive_assets.reading.walks import read_windowed
from pipedrive_assets.rows.shape import shape
from pipedrive_assets.settings import Settings
from pipedrive_assets.source.tables import NESTING, hints
from pipedrive_assets.windows import Window, parse_stamp, utc_now

log = logging.getLogger(__name__)

Row = dict[str, Any]
STATE = "complete_until"
NEWEST = "newest_change"


@dlt.source(name="pipedrive", max_table_nesting=NESTING)
def pipedrive_source(
    pipedrive_api_key: Optional[TSecretStrValue] = dlt.secrets.value,  # noqa: UP045 - dlt reads it
    since_timestamp: Optional[Union[pendulum.DateTime, str]] = dlt.config.value,  # noqa: UP007, UP045
    incremental: bool = True,
) -> Iterator[DltResource]:
    """All entities of the registry as dlt resources; those that PIPEDRIVE_TABLES does not name are
    not selected.

    The first run loads the complete history, or what changed since `since_timestamp` (naive
    means UTC); later runs load what changed. `incremental=False` loads everything again. The
    key is the argument's, dlt's (`sources.pipedrive.pipedrive_api_key`), or the settings';
    PIPEDRIVE_BASE_URL holds here too.

    Raises MissingTokenError without a key (the sandbox never stands in here),
    ConfigurationError for a `since_timestamp` that is no moment.
    """
    settings = Settings.from_env()
    connection = _connection(settings, str(pipedrive_api_key or settings.api_token or ""))
    since = _moment(since_timestamp) or settings.since
    chosen = {entity.name for entity in settings.entities}
    for entity in ENTITIES:
        if entity.parent or entity.shape in OWN_SHAPES:
            continue
        resource = _resource(connection, entity, settings, since, incremental=incremental)
        resource.selected = entity.name in chosen
        yield resource
        for child in children_of(entity.name):
            transformer = resource | _transformer(connection, child)
            transformer.selected = child.name in chosen
            yield transformer


def _connection(settings: Settings, api_token: str) -> Connection:
    if not api_token:
        raise MissingTokenError(
            "pipedrive_source has no api token. Pass pipedrive_api_key, set PIPEDRIVE_API_TOKEN, "
            "or put pipedrive_api_key under [sources.pipedrive.credentials] in .dlt/secrets.toml."
        )
    from dataclasses import replace  # noqa: PLC0415

    return connect(replace(settings, api_token=api_token))


def _moment(given: datetime | str | None) -> datetime | None:
    """A moment from whatever a user gives; naive means UTC."""
    if not given:
        return None
    try:
        moment = (
            given if isinstance(given, datetime) else pendulum.parse(given, tz="UTC", strict=False)
        )
    except ValueError:
        moment = None
    if not isinstance(moment, datetime):
        raise ConfigurationError(
            f"since_timestamp: {given!r} is no moment. Give one such as '2023-03-01 00:00:00Z'."
        )
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc)


def _resource(
    connection: Connection,
    entity: Entity,
    settings: Settings,
    since: datetime | None,
    *,
    incremental: bool,
) -> DltResource:
    def read_all() -> Iterator[list[Row]]:
        if entity.kind is Kind.SNAPSHOT:
            for chunk in read_snapshot(connection.client, entity, Tally()):
                yield _shaped(entity, chunk.rows)
            return
        state = dlt.current.resource_state()
        walk = plan(
            _remembered(state if incremental else {}),
            Window(start=utc_now()),
            held=Held(newest=_stamp(state.get(NEWEST))),
            overlap=settings.overlap,
            since=since,
            full=not incremental,
        )
        for chunk in read_windowed(connection.client, entity, walk, Tally()):
            walk = chunk.walk or walk
            rows = _shaped(entity, chunk.rows)
            changes = [row.get(entity.cursor or "") or "" for row in rows]
            state[NEWEST] = max([state.get(NEWEST) or "", *changes])
            yield rows
        if reached := walk.complete_until():
            state[STATE] = reached.isoformat()

    def read() -> Iterator[list[Row]]:
        yield from _unless_refused(entity, read_all())

    return dlt.resource(read, **hints(entity))


def _unless_refused(entity: Entity, rows: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """An account may lack a feature: its table is then left as it is, with a warning."""
    try:
        yield from rows
    except Refused as refusal:
        if not entity.gated:
            raise
        log.warning("%s is skipped: %s", entity.name, refusal)


def _remembered(state: Row) -> Coverage:
    reached = _stamp(state.get(STATE))
    return Coverage(baseline_at=reached, complete_until=reached)


def _stamp(text: str | None) -> datetime | None:
    return parse_stamp(text) if text else None


def _transformer(connection: Connection, child: Entity) -> DltResource:
    def read(parents: list[Row]) -> Iterator[list[Row]]:
        wanted = [
            Parent(id=row["id"], update_time=None)
            for row in parents
            if not child.counter or row.get(child.counter) != 0
        ]
        chunks = read_children(connection.client, child, wanted, Tally())
        yield from _unless_refused(child, (_shaped(child, chunk.rows) for chunk in chunks))

    return dlt.transformer(read, **hints(child))


def _shaped(entity: Entity, rows: list[tuple[int | None, Row]]) -> list[Row]:
    return [shape(entity, row, parent_id=parent)[0] for parent, row in rows]
