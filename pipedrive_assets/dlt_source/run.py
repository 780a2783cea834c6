"""One extraction: what its resources share, made when the first of them is read."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dlt
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.common.pipeline import current_pipeline

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.connect import Connection
from pipedrive_assets.dlt_source.arguments import Request
from pipedrive_assets.dlt_source.dataset import refuse_shared_dataset, stores_nul
from pipedrive_assets.dlt_source.state import COMPLETE, State, concerns, is_held, planned
from pipedrive_assets.errors import PipedriveError, WrongAccountError, raise_alone
from pipedrive_assets.extract.child_calls import Answered, ChildCalls
from pipedrive_assets.extract.chunk import Chunk, Parent
from pipedrive_assets.extract.custom_fields import FieldMemory, StateMapping
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.extract.refusals import skips
from pipedrive_assets.extract.unexpected import as_pipedrive_error
from pipedrive_assets.registry import ENTITIES, Entity
from pipedrive_assets.rows.custom_fields.field_set import FieldSet
from pipedrive_assets.rows.custom_fields.map_fields import map_custom_fields
from pipedrive_assets.rows.normalize import normalize_row
from pipedrive_assets.windows import parse_stamp, stamp

log = logging.getLogger(__name__)

Row = dict[str, Any]

ACCOUNT = "account"
FIELDS = "custom_fields_mapping"
UNFINISHED = "unfinished"
REFUSED = "refused"
"""The id of a parent for which Pipedrive refused the table."""

OWED = "owed"
DOUBTED = "doubted"
"""By id, since when: parents that came back without children or were not found."""

ANSWERED = "answered"
"""The id of a parent that was read."""


def unfinished(pipeline: dlt.Pipeline, source_name: str = "pipedrive") -> dict[str, str]:
    """The resources that the last run could not read to their end, each with the reason.

    Only a source made with `keep_partial=True` leaves any.
    """
    state = pipeline.state.get("sources", {}).get(source_name, {})
    return dict(state.get(UNFINISHED, {}))


@dataclass(kw_only=True)
class ChildReading:
    """A child table while its parents are read: which of them it still needs."""

    name: str
    scan: Scan
    state: State
    before: Row
    read: set[int] = field(default_factory=set)
    """Parents whose children are in this load already; a set is never mixed of two readings."""

    concerned: set[int] | None = None
    """The parents of a snapshot that this child is read for; None: `scan` decides."""

    answered: bool = False
    stopped: bool = False
    refused: bool = False
    _since: dict[str, str] | None = None
    """What an earlier run doubted; None until it was taken."""

    @property
    def is_first(self) -> bool:
        """Whether no run has loaded it before."""
        return not self.before

    @property
    def counts(self) -> bool:
        """Whether it is read as its parents are; not while the account lacks the feature."""
        return not (self.before.get(REFUSED) or self.state.get(REFUSED))

    def needs(self, row: Row, cursor: str, request: Request) -> bool:
        """Whether this parent's children are to be read."""
        if row["id"] in self.read:
            return False
        if self.concerned is None:
            is_concerned = concerns(self.scan, row, cursor)
        else:
            is_concerned = row["id"] in self.concerned
        if not is_concerned:
            return False
        return request.full or not is_held(self.before, row, cursor, request.overlap)

    def refuse(self, parent: int) -> None:
        """The account lacks the feature: nothing is complete. `parent` was refused."""
        self.refused = True
        self.state.clear()
        self.state.update(self.before, **{REFUSED: parent})

    def open(self) -> None:
        """It answers."""
        self.state.pop(REFUSED, None)

    def defer(self, parents: Iterable[int]) -> None:
        """Remember parents that Pipedrive did not answer for, for the next run."""
        defer(self.state, parents)

    def take_deferred(self) -> list[Parent]:
        """Return the parents that an earlier run or another list left to this table.

        Those whose children this run has read already stay for the next run.
        """
        is_first = self._since is None
        if self._since is None:
            self._since = dict(self.state.pop(DOUBTED, {}))
        doubted = {int(key) for key in self._since} if is_first else set()
        owed = dict.fromkeys([*self.state.pop(OWED, ()), *sorted(doubted)])
        self.defer(key for key in owed if key in self.read)
        fresh = [key for key in owed if key not in self.read]
        self.read.update(fresh)
        return [Parent(id=key, update_time=None, doubted=key in doubted) for key in fresh]

    @property
    def witness(self) -> Parent | None:
        """A parent that this run or an earlier one read."""
        known = self.state.get(ANSWERED)
        return None if known is None else Parent(id=known, update_time=None)

    def take(self, chunk: Chunk) -> None:
        """Note what a chunk says of its parents; what it doubts is asked again by the next run."""
        for read in chunk.reads:
            self.answered, self.state[ANSWERED] = True, read.parent.id
        for read in chunk.doubted:
            self.answered |= not read.is_gone
            key = str(read.parent.id)
            since = (self._since or {}).get(key, stamp(read.read_at))
            if not read.is_given_up(parse_stamp(since)):
                self.state.setdefault(DOUBTED, {})[key] = since


def defer(state: State, parents: Iterable[int]) -> None:
    """Note parents in a child's state whose children the next reading has to include."""
    if owed := list(parents):
        state[OWED] = list(dict.fromkeys([*state.get(OWED, ()), *owed]))


@dataclass(kw_only=True)
class Extraction:
    """One extraction. `state` is dlt's state of the source; it is saved with the rows."""

    client: Client
    request: Request
    state: State
    fields: FieldMemory
    now: datetime
    stats: RequestStats = field(default_factory=RequestStats)
    children: dict[str, ChildReading] = field(default_factory=dict)

    def open(self, entity: Entity) -> None:
        """A resource begins to be read."""
        self.state.setdefault(UNFINISHED, {}).pop(entity.name, None)

    def notify_children(self, child: Entity) -> ChildReading:
        """A child begins to be read, its parent about to be."""
        self.open(child)
        state = dlt.current.resource_state(child.name)
        if self.request.full:
            state.pop(OWED, None)
            state.pop(DOUBTED, None)
        if self._is_answered_again(child, state):
            del state[REFUSED]
        reading = ChildReading(
            name=child.name,
            scan=planned(state, self.request),
            state=state,
            before={**state},
        )
        self.children[child.name] = reading
        return reading

    def _is_answered_again(self, child: Entity, state: State) -> bool:
        """Whether Pipedrive answers for the parent for which it refused the table last time: only
        then the parents' list is read from where this table needs it.
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

        Histories that no run has loaded yet are not concerned.

        Args:
            entity: The list's entity, for example `notes`.
            rows: Rows of the list, as they are loaded.
            before: The list's state before this run.
        """
        overlap, cursor = self.request.overlap, entity.change_column
        changed = [row for row in rows if not is_held(before, row, cursor, overlap)]
        for child in ENTITIES:
            if entity.name not in dict(child.embeds) or self.request.full:
                continue
            reading, key = self.children.get(child.name), child.key[0]
            state = reading.state if reading else dlt.current.resource_state(child.name)
            known, read = (reading.before, reading.read) if reading else (state, set())
            if COMPLETE not in known or known.get(REFUSED):
                continue
            late = (
                row for row in changed if row.get(key) not in read or self._is_late(row, cursor)
            )
            defer(state, (row[key] for row in late if row.get(key)))

    def _is_late(self, row: Row, cursor: str) -> bool:
        """Whether a row may have changed after this run began."""
        change = row.get(cursor)
        return not change or parse_stamp(change) + self.request.overlap > self.now

    def shaped(self, entity: Entity, row: Row, parent: int | None, custom: FieldSet | None) -> Row:
        """The row as it is loaded."""
        named = map_custom_fields(row, custom.plan)[0] if custom else row
        return normalize_row(entity, named, parent_id=parent)[0]

    @contextlib.contextmanager
    def tolerate_missing_feature(self, entity: Entity) -> Iterator[None]:
        """An account may lack a feature: its table is then left as it is, with a warning.

        With `keep_partial` no failure undoes the load: what is missing is noted as unfinished.
        """
        try:
            yield
        except Exception as caught:  # noqa: BLE001 - the caller gets a sentence in any case
            error = as_pipedrive_error(caught, entity.name)
            is_lacking = skips(entity, error)
            if not (is_lacking or self.request.keep_partial):
                raise_alone(error)
            log.warning("%s is not read: %s", entity.name, error)
            if not is_lacking:
                self.state[UNFINISHED][entity.name] = str(error)


class Session:
    """A source's connection, and the run that is under way."""

    def __init__(self, connect: Callable[[], Connection], request: Request) -> None:
        """`connect` is called once, when the first resource is read."""
        self._connect, self._request = connect, request
        self._run: Extraction | None = None

    def run(self) -> Extraction:
        """What the resources of this extraction share. dlt makes the state anew for each."""
        state = dlt.current.source_state()
        if self._run is None or self._run.state is not state:
            self._run = self._begun(state)
        return self._run

    def _begun(self, state: State) -> Extraction:
        refuse_shared_dataset(current_pipeline())
        connection = self._connect()
        connection.client.removes_nul = not stores_nul(current_pipeline())
        account, now = connection.account()
        known = state.setdefault(ACCOUNT, {"id": account.company_id, "name": account.company_name})
        if known["id"] != account.company_id:
            raise WrongAccountError(
                f"This pipeline holds the data of {known['name']} ({known['id']}), but the api "
                f"token belongs to {account}. Nothing was loaded. Use a pipeline and a dataset of "
                "its own for each company, or use the other api token."
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
