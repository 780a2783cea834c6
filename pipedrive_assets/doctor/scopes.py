"""Checks which tables the scopes of an OAuth app open."""

from collections.abc import Collection, Iterator, Sequence

from pipedrive_assets.doctor.finding import Finding, fail, ok, warn
from pipedrive_assets.errors import ScopeMissing
from pipedrive_assets.extract.refusals import skips
from pipedrive_assets.registry import Endpoint, Entity

TOPIC = "scopes"


def check_scopes(entities: Sequence[Entity], granted: Collection[str]) -> Iterator[Finding]:
    """Compare the granted scopes with those that the tables need.

    Args:
        entities: The selected tables.
        granted: The scopes of the OAuth app; empty if they are unknown.

    Yields:
        A finding per list that the app cannot read, one for the scopes that allow changes, and one
        if all tables are readable.
    """
    if not granted:
        return
    closed = [
        (entity, endpoint)
        for entity in entities
        for endpoint in entity.endpoints
        if not endpoint.is_open_to(granted)
    ]
    for entity, endpoint in closed:
        yield _missing(entity, endpoint)
    if not closed:
        yield ok(TOPIC, f"the OAuth app can read every selected table: {_listed(granted)}")
    if changing := [scope for scope in granted if scope.endswith(":full")]:
        yield warn(
            TOPIC,
            f"The OAuth app has scopes that allow changes: {_listed(changing)}.",
            "Nothing is changed, but the read-only scopes are enough: select ….:read in their "
            "place, then run `pipedrive-assets login`.",
        )


def _missing(entity: Entity, endpoint: Endpoint) -> Finding:
    text = (
        f"{entity.name}: the OAuth app has no scope for /{endpoint.path}. It needs "
        f"{' or '.join(endpoint.scopes)}."
    )
    remedy = (
        "Select it in Developer Hub > your app > OAuth & access scopes, save, and run "
        f"`pipedrive-assets login`. Or deselect the table: PIPEDRIVE_TABLES=…,-{entity.name}"
    )
    if endpoint.path != entity.path:
        return warn(TOPIC, f"{text} Loads continue without this list.", remedy)
    if skips(entity, ScopeMissing(path=endpoint.path, status=403)):
        return warn(TOPIC, f"{text} Loads skip the table.", remedy)
    return fail(TOPIC, f"{text} Loads of this table fail.", remedy, ScopeMissing.exit_code)


def _listed(scopes: Collection[str]) -> str:
    return ", ".join(sorted(scopes))
