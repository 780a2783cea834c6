"""One run of the source: what its resources share, created when the first one is read."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import dlt
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.common.pipeline import current_pipeline

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.connect import Connection
from pipedrive_assets.dlt_source.arguments import Request
from pipedrive_assets.dlt_source.child_reading import (
    REFUSED,
    ChildReading,
    parents_in,
    save_parents,
)
from pipedrive_assets.dlt_source.dataset import refuse_shared_dataset, stores_nul
from pipedrive_assets.dlt_source.state import COMPLETE, Row, State, StateMemory, is_held
from pipedrive_assets.errors import PipedriveError, WrongAccountError, raise_alone
from pipedrive_assets.extract.child_calls import Answered, ChildCalls
from pipedrive_assets.extract.chunk import Parent
from pipedrive_assets.extract.custom_fields import FieldMemory, StateMapping
from pipedrive_assets.extract.refusals import skips
from pipedrive_assets.extract.unexpected import as_pipedrive_error
from pipedrive_assets.registry import Entity, histories_of
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.normalize import normalize_row
from pipedrive_assets.windows import parse_stamp

log = logging.getLogger(__name__)

ACCOUNT = "account"
FIELDS = "custom_fields_mapping"
UNFINISHED = "unfinished"

LIMITED = "The resource was not read to its end, because its number of items is limited."
"""Why a resource with `add_limit` is unfinished."""


def unfinished(pipeline: dlt.Pipeline, source_name: str = "pipedrive") -> dict[str, str]:
    """Return the resources that the last run could not read completely.

    These are resources with `add_limit`, and failed ones of a source with `keep_partial=True`.

    Args:
        pipeline: The pipeline, after its run.
        source_name: The name of the source in the pipeline's state.

    Returns:
        By resource, the reason.
    """
    state = pipeline.state.get("sources", {}).get(source_name, {})
    return dict(state.get(UNFINISHED, {}))


@dataclass(kw_only=True)
class Extraction:
    """One run of the source.

    Attributes:
        client: Requests Pipedrive.
        request: What the pipeline asks for.
        state: dlt's state of the source; it is saved with the rows.
        fields: The custom fields.
        now: Pipedrive's clock when the run began.
        stats: Counts the requests.
        children: By name, the child tables of this run.
    """

    client: Client
    request: Request
    state: State
    fields: FieldMemory
    now: datetime
    stats: RequestStats = field(default_factory=RequestStats)
    children: dict[str, ChildReading] = field(default_factory=dict)

    def begin(self, entity: Entity) -> None:
        """Note that a resource is being read."""
        self.state.setdefault(UNFINISHED, {}).pop(entity.name, None)

    def begin_child(self, child: Entity) -> ChildReading:
        """Return what a child table needs in this run; its parents' list is read after this."""
        self.begin(child)
        state = dlt.current.resource_state(child.name)
        if self._is_answered_again(child, state):
            del state[REFUSED]
        reading = ChildReading(
            name=child.name,
            scan=StateMemory(state).next_scan(self.request),
            state=state,
            before={**state},
        )
        self.children[child.name] = reading
        return reading

    def _is_answered_again(self, child: Entity, state: State) -> bool:
        """Request the parent again for which Pipedrive refused the table in an earlier run.

        Only if that succeeds is the parents' list read from where this table needs it.
        """
        refused = state.get(REFUSED)
        if type(refused) is not int:  # True in states of earlier releases
            return False
        calls = ChildCalls(client=self.client, entity=child, stats=self.stats)
        try:
            return isinstance(calls.ask((Parent(id=refused, update_time=None),)), Answered)
        except PipedriveError:
            return False

    def defer_histories(self, entity: Entity, rows: Iterable[Row], before: State) -> None:
        """Have the histories read again that show changed records of a list.

        Does nothing for histories that no run has loaded yet.

        Args:
            entity: The list's entity, for example `notes`.
            rows: Rows of the list, as they are loaded.
            before: The list's state before this run.
        """
        overlap, cursor = self.request.overlap, entity.change_column
        changed = [row for row in rows if not is_held(before, row, cursor, overlap)]
        for child, _ in histories_of(entity.name) if not self.request.full else ():
            reading, key = self.children.get(child.name), child.key[0]
            state = reading.state if reading else dlt.current.resource_state(child.name)
            known, read = (reading.before, reading.read) if reading else (state, set())
            if COMPLETE not in known or known.get(REFUSED):
                continue
            late = (
                row for row in changed if row.get(key) not in read or self._is_late(row, cursor)
            )
            parents = [row[key] for row in late if row.get(key)]
            if reading:
                reading.defer(parents)
            elif parents:
                pending = parents_in(state)
                pending.add(parents)
                save_parents(state, pending)

    def _is_late(self, row: Row, cursor: str) -> bool:
        """Return whether a row may have changed after this run began."""
        change = row.get(cursor)
        return not change or parse_stamp(change) + self.request.overlap > self.now

    def shaped(self, entity: Entity, row: Row, parent: int | None, custom: FieldSet | None) -> Row:
        """Return a row as it is loaded.

        Args:
            entity: The table.
            row: The record as Pipedrive returns it.
            parent: The parent's id, for a child table.
            custom: The custom fields of the table, if it has any.

        Returns:
            The row, with readable names of custom fields.
        """
        named = custom.named(row) if custom else row
        return normalize_row(entity, named, parent_id=parent)[0]

    @contextlib.contextmanager
    def tolerate_missing_feature(self, entity: Entity) -> Iterator[None]:
        """Log a refusal instead of raising it if the account may lack the table's feature.

        With `keep_partial` any other failure is logged and noted as unfinished. A table that
        `add_limit` ended is noted as unfinished too.

        Args:
            entity: The table that is read in the block.

        Raises:
            PipedriveError: Any other failure, without `keep_partial`.
        """
        try:
            yield
        except GeneratorExit:
            self.state[UNFINISHED][entity.name] = LIMITED
            raise
        except Exception as caught:  # noqa: BLE001 - the caller gets a sentence in any case
            error = as_pipedrive_error(caught, entity.name)
            if not self.tolerates(entity, error):
                raise_alone(error)
            log.warning("%s was not read: %s", entity.name, error)
            if not skips(entity, error):
                self.state[UNFINISHED][entity.name] = str(error)

    def tolerates(self, entity: Entity, error: PipedriveError) -> bool:
        """Return whether the run continues without a table.

        Args:
            entity: The table.
            error: The error that ended its reading.

        Returns:
            True if the account may lack the feature, or with `keep_partial`.
        """
        return skips(entity, error) or self.request.keep_partial


class Session:
    """The connection of a source, and its current run."""

    def __init__(self, connect: Callable[[], Connection], request: Request) -> None:
        """Prepare a session; nothing is requested yet.

        Args:
            connect: Opens the connection. Called once per run, when the first resource is read.
            request: What the pipeline asks for.
        """
        self._connect, self._request = connect, request
        self._run: Extraction | None = None

    def run(self) -> Extraction:
        """Return what the resources of this run share. dlt creates a new state for each run."""
        state = dlt.current.source_state()
        if self._run is None or self._run.state is not state:
            self._run = self._begin(state)
        return self._run

    def _begin(self, state: State) -> Extraction:
        refuse_shared_dataset(current_pipeline())
        connection = self._connect()
        connection.client.removes_nul = not stores_nul(current_pipeline())
        account, now = connection.account()
        known = state.setdefault(ACCOUNT, {"id": account.company_id, "name": account.company_name})
        if known["id"] != account.company_id:
            raise WrongAccountError(
                f"This pipeline has loaded {known['name']} ({known['id']}), but the API token "
                f"belongs to {account}. Nothing was loaded. Use a separate pipeline and dataset "
                "for each company, or the API token of the first one."
            )
        fields = FieldMemory(
            connection.client,
            StateMapping(state.setdefault(FIELDS, {})),
            now,
            normalize=NamingConvention().normalize_identifier,
        )
        return Extraction(
            client=connection.client, request=self._request, state=state, fields=fields, now=now
        )
