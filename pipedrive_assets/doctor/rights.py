"""Rights: each table is asked for one row, to see what Pipedrive refuses this user."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipedrive_assets.api import Client
from pipedrive_assets.doctor.finding import Finding, broken, doubtful, fine
from pipedrive_assets.entities import BY_NAME, Entity, Listing
from pipedrive_assets.errors import (
    AuthenticationError,
    BadRequest,
    Blocked,
    BudgetExhausted,
    PipedriveError,
    Refused,
)

TOPIC = "rights"
OF_ALL = (AuthenticationError, Blocked, BudgetExhausted)
"""What concerns the whole account: nothing further is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One call that shows whether a table can be read; some need the id of another table's row."""

    entity: Entity
    listing: Listing

    @property
    def is_extra(self) -> bool:
        """Whether the table has another list before it."""
        return self.listing.path != self.entity.path

    @property
    def owner(self) -> str | None:
        """The table whose row it needs."""
        return self.entity.parent or self.entity.per


def probes(entities: Sequence[Entity]) -> list[Probe]:
    """The calls to make, first those whose rows the others are asked for."""
    parents = [BY_NAME[owner] for entity in entities if (owner := entity.parent or entity.per)]
    found: dict[str, Probe] = {}
    for entity in (*parents, *entities):
        for listing in entity.listings:
            found.setdefault(listing.path, Probe(entity=entity, listing=listing))
    return sorted(found.values(), key=lambda probe: probe.owner is not None)


def cost(probes: Iterable[Probe]) -> int:
    """Tokens that the calls take."""
    return sum(probe.listing.cost for probe in probes)


def check_rights(client: Client, probes: Sequence[Probe]) -> Iterator[Finding]:
    """Make the calls; one line for all that is readable, one for each that is not."""
    readable: list[str] = []
    ids: dict[str | None, object] = {None: None}
    unseen: dict[str, None] = {}
    for probe in probes:
        if probe.owner not in ids:
            unseen[probe.owner or ""] = None
            continue
        try:
            row = _first_row(client, probe, ids[probe.owner])
        except OF_ALL as error:
            yield _refused(probe, error)
            break
        except PipedriveError as error:
            yield _refused(probe, error)
            continue
        if row and row.get("id") is not None:
            ids.setdefault(probe.entity.name, row["id"])
        readable.append(probe.entity.name)
    if readable:
        yield fine(TOPIC, f"readable: {', '.join(dict.fromkeys(readable))}")
    for name in unseen:
        yield fine(TOPIC, f"no row of {name} to be seen; what belongs to them was not asked for")


def _first_row(client: Client, probe: Probe, parent: object) -> dict[str, object] | None:
    entity, listing = probe.entity, probe.listing
    name = entity.bulk or entity.parent_param
    named = ((name, str(parent)),) if name else ()
    params = (*entity.params, *entity.variants[0], *named)
    path = listing.path.format(id=parent)
    if entity.nested:
        client.object(path, cost=listing.cost, params=params)
        return None
    pages = client.pages(path, cost=listing.cost, paging=entity.paging, page_rows=1, params=params)
    return next(iter(next(pages).page.rows), None)


def _refused(probe: Probe, error: PipedriveError) -> Finding:
    name = probe.entity.name
    if isinstance(error, Refused | BadRequest) and probe.is_extra:
        said = error.quote or f"status {error.status}"
        return doubtful(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.listing.path} («{said}»); loads go on without it.",
            "Rows that only this list returns are not loaded, and no row is marked as deleted by "
            "reconcile, until Pipedrive answers it.",
        )
    if isinstance(error, Refused) and probe.entity.gated:
        said = error.quote or f"status {error.status}"
        return doubtful(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.listing.path} («{said}»); loads skip the table.",
            f"Switch the feature on in Pipedrive, or leave it out: PIPEDRIVE_TABLES=…,-{name}",
        )
    return broken(TOPIC, f"{name}: {type(error).__name__}: {error}", "", error.exit_code)
