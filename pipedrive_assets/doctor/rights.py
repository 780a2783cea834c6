"""Requests one row of each table to find out what Pipedrive refuses this user."""

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
    ScopeMissing,
    TooManyRequests,
)
from pipedrive_assets.extract.goal_results import latest_period
from pipedrive_assets.extract.omitted_fields import Names, fewer_fields
from pipedrive_assets.extract.refusals import skips
from pipedrive_assets.extract.scan_steps import first_page
from pipedrive_assets.registry import BY_NAME, Endpoint, Entity

TOPIC = "rights"
OF_ALL = (AuthenticationError, Blocked, BudgetExhausted, TooManyRequests)
"""Errors that concern the whole account: no further table is requested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request that shows whether a list of a table can be read.

    Attributes:
        entity: The table.
        endpoint: The list to request.
    """

    entity: Entity
    endpoint: Endpoint

    @property
    def is_extra(self) -> bool:
        """Whether this is an additional list of the table, not its main one."""
        return self.endpoint.path != self.entity.path

    @property
    def owner(self) -> str | None:
        """The table of which the request needs a row's id; None if it needs none."""
        return self.entity.parent or self.entity.list_per


def probes(entities: Sequence[Entity]) -> list[Probe]:
    """Return the requests to make. Tables whose ids other requests need come first."""
    parents = [BY_NAME[owner] for entity in entities if (owner := entity.parent or entity.list_per)]
    found: dict[str, Probe] = {}
    for entity in (*parents, *entities):
        for endpoint in entity.endpoints:
            found.setdefault(endpoint.path, Probe(entity=entity, endpoint=endpoint))
    return sorted(found.values(), key=lambda probe: probe.owner is not None)


def cost(probes: Iterable[Probe]) -> int:
    """Return the token cost of the requests."""
    return sum(probe.endpoint.tokens_per_page for probe in probes)


def check_rights(client: Client, probes: Sequence[Probe]) -> Iterator[Finding]:
    """Make the requests.

    Args:
        client: The HTTP client.
        probes: The requests, in the order of `probes()`.

    Yields:
        One finding per refused table, one for all readable tables, and one per parent table
        without a row, whose child tables were not requested.
    """
    readable: list[str] = []
    rows: dict[str | None, Mapping[str, object]] = {None: {}}
    unseen: dict[str, None] = {}
    for probe in probes:
        if probe.owner not in rows:
            unseen[probe.owner or ""] = None
            continue
        try:
            row, omitted = _first_row(client, probe, rows[probe.owner])
        except OF_ALL as error:
            yield _refused(probe, error)
            break
        except PipedriveError as error:
            yield _refused(probe, error)
            continue
        if row and row.get("id") is not None:
            rows.setdefault(probe.entity.name, row)
        readable.append(probe.entity.name)
        if omitted:
            yield _without_fields(probe, omitted)
    if readable:
        yield ok(TOPIC, f"readable: {', '.join(dict.fromkeys(readable))}")
    for name in unseen:
        yield ok(
            TOPIC, f"Pipedrive returns no row of {name}, so their child tables were not checked"
        )


def _first_row(
    client: Client, probe: Probe, parent: Mapping[str, object], omitted: Names = ()
) -> tuple[Mapping[str, object] | None, Names]:
    """Return the first row of a table and its refused fields, using the parameters of a load."""
    entity, endpoint = probe.entity.without_fields(omitted), probe.endpoint
    name = entity.bulk or entity.parent_param
    named = ((name, str(parent["id"])),) if name else ()
    period = latest_period(parent, client.now().date()) if entity.per_interval else ()
    params = (*first_page(entity, endpoint), *named, *period)
    path = endpoint.path.format(id=parent.get("id"))
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
        f"{', '.join(names)}. Loads omit these columns.",
        "Nothing to do: each run requests them again. Values loaded earlier are kept.",
    )


def _refused(probe: Probe, error: PipedriveError) -> Finding:
    name = probe.entity.name
    if isinstance(error, ScopeMissing) and (probe.is_extra or skips(probe.entity, error)):
        return warn(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.endpoint.path} («{error.quote}»). Loads continue "
            "without it.",
            error.next_step,
        )
    if isinstance(error, Refused | BadRequest) and probe.is_extra:
        quote = error.quote or f"status {error.status}"
        return warn(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.endpoint.path} («{quote}»). Loads continue without "
            "this list.",
            "Until Pipedrive returns the list, its rows are not loaded, and reconcile marks none "
            "of the table's rows as deleted.",
        )
    if isinstance(error, Refused) and probe.entity.rights_vary and skips(probe.entity, error):
        quote = error.quote or f"status {error.status}"
        return warn(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.endpoint.path} for this user («{quote}»). Loads "
            "skip the table, and views show ids instead of its names.",
            f"Use the API token of a global admin to load it: {probe.entity.description}",
        )
    if isinstance(error, Refused) and probe.entity.feature_gated:
        quote = error.quote or f"status {error.status}"
        return warn(
            TOPIC,
            f"{name}: Pipedrive refuses /{probe.endpoint.path} («{quote}»). Loads skip the table.",
            f"Enable the feature in Pipedrive, or deselect the table: PIPEDRIVE_TABLES=…,-{name}",
        )
    return fail(TOPIC, f"{name}: {type(error).__name__}: {error}", "", error.exit_code)
