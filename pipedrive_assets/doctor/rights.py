"""Rights: each table is asked for one row, to see what Pipedrive refuses this user."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pipedrive_assets.api import Client
from pipedrive_assets.doctor.finding import Finding, fail, ok, warn
from pipedrive_assets.errors import (
    AuthenticationError,
    BadRequest,
    Blocked,
    BudgetExhausted,
    PipedriveError,
    Refused,
    TooManyRequests,
)
from pipedrive_assets.extract.omitted_fields import Names, fewer_fields
from pipedrive_assets.extract.refusals import skips
from pipedrive_assets.extract.scans import first_page
from pipedrive_assets.registry import BY_NAME, Endpoint, Entity

TOPIC = "rights"
OF_ALL = (AuthenticationError, Blocked, BudgetExhausted, TooManyRequests)
"""What concerns the whole account: nothing further is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One call that shows whether a table can be read; some need the id of another table's row."""

    entity: Entity
    endpoint: Endpoint

    @property
    def is_extra(self) -> bool:
        """Whether the table has another list before it."""
        return self.endpoint.path != self.entity.path

    @property
    def owner(self) -> str | None:
        """The table whose row it needs."""
        return self.entity.parent or self.entity.list_per


def probes(entities: Sequence[Entity]) -> list[Probe]:
    """The calls to make, first those whose rows the others are asked for."""
    parents = [BY_NAME[owner] for entity in entities if (owner := entity.parent or entity.list_per)]
    found: dict[str, Probe] = {}
    for entity in (*parents, *entities):
        for endpoint in entity.endpoints:
            found.setdefault(endpoint.path, Probe(entity=entity, endpoint=endpoint))
    return sorted(found.values(), key=lambda probe: probe.owner is not None)


def cost(probes: Iterable[Probe]) -> int:
    """Tokens that the calls take."""
    return sum(probe.endpoint.tokens_per_page for probe in probes)


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
            row, omitted = _first_row(client, probe, ids[probe.owner])
        except OF_ALL as error:
            yield _refused(probe, error)
            break
        except PipedriveError as error:
            yield _refused(probe, error)
            continue
        if row and row.get("id") is not None:
            ids.setdefault(probe.entity.name, row["id"])
        readable.append(probe.entity.name)
        if omitted:
            yield _without_fields(probe, omitted)
    if readable:
        yield ok(TOPIC, f"readable: {', '.join(dict.fromkeys(readable))}")
    for name in unseen:
        yield ok(TOPIC, f"no row of {name} to be seen; what belongs to them was not asked for")


def _first_row(
    client: Client, probe: Probe, parent: object, omitted: Names = ()
) -> tuple[Mapping[str, object] | None, Names]:
    """The first row, asked for with the parameters of a load; and the fields that are refused."""
    entity, endpoint = probe.entity.without_fields(omitted), probe.endpoint
    name = entity.bulk or entity.parent_param
    named = ((name, str(parent)),) if name else ()
    params = (*first_page(entity, endpoint), *named)
    path = endpoint.path.format(id=parent)
    how = partial(
        client.pages, paging=entity.paging, page_rows=entity.page_rows, data_key=entity.data_key
    )
    try:
        page = next(how(path, cost=endpoint.tokens_per_page, params=params)).page
    except BadRequest as refusal:
        fewer = fewer_fields(probe.entity, omitted, refusal)
        if fewer is None:
            raise
        return _first_row(client, probe, parent, fewer)
    return next(iter(page.rows), None), omitted


def _without_fields(probe: Probe, names: Names) -> Finding:
    return warn(
        TOPIC,
        f"{probe.entity.name}: Pipedrive refuses include_fields of /{probe.endpoint.path} with "
        f"{', '.join(names)}; loads leave these columns out.",
        "Columns loaded earlier keep their values. Nothing to do: each run asks for them again.",
    )


def _refused(probe: Probe, error: PipedriveError) -> Finding:
    name = probe.entity.name
    if isinstance(error, Refused | BadRequest) and probe.is_extra:
        said = error.quote or f"status {error.status}"
        return warn(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.endpoint.path} («{said}»); loads go on without it.",
            "Rows that only this list returns are not loaded, and no row is marked as deleted by "
            "reconcile, until Pipedrive answers it.",
        )
    if isinstance(error, Refused) and probe.entity.rights_vary and skips(probe.entity, error):
        said = error.quote or f"status {error.status}"
        return warn(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.endpoint.path} to this user («{said}»); loads skip "
            "the table, and views show ids where its names would be.",
            f"The API token of a global admin would add: {probe.entity.description}",
        )
    if isinstance(error, Refused) and probe.entity.feature_gated:
        said = error.quote or f"status {error.status}"
        return warn(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.endpoint.path} («{said}»); loads skip the table.",
            f"Switch the feature on in Pipedrive, or leave it out: PIPEDRIVE_TABLES=…,-{name}",
        )
    return fail(TOPIC, f"{name}: {type(error).__name__}: {error}", "", error.exit_code)
