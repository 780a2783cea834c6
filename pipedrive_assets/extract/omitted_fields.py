"""Fields that Pipedrive refuses in `include_fields`.

The parameter is all or nothing: one unknown name is a 400 for the whole page. Lists are then read
without the names that are least certain, then without any.

No warehouse in here.
"""

import logging

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import ApiError, BadRequest, Refused
from pipedrive_assets.registry import Endpoint, Entity

log = logging.getLogger(__name__)

REFUSALS = (400, 422)
"""How Pipedrive refuses an unknown name."""

Names = tuple[str, ...]


def fewer_fields(entity: Entity, omitted: Names, error: ApiError) -> Names | None:
    """The names to omit after a refusal.

    Args:
        entity: What is read.
        omitted: The names that the refused call left out already.
        error: The refusal.

    Returns:
        More names to leave out; None where the names cannot be the cause.
    """
    if error.status not in REFUSALS:
        return None
    steps = (entity.uncertain_fields, entity.include_fields)
    return next((names for names in steps if set(names) > set(omitted)), None)


def fields_to_omit(client: Client, entity: Entity, stats: RequestStats, known: Names) -> Names:
    """The names to omit in a run, if earlier runs had to omit some.

    Args:
        client: Asks Pipedrive.
        entity: What is about to be read.
        stats: Counts the calls: one a list, none where nothing is known to be refused.
        known: The names that earlier runs omitted.

    Returns:
        No names, where every list accepts all of them again; else `known`.

    Raises:
        PipedriveError: The table cannot be read at all.
    """
    if all(_accepts(client, entity, endpoint, stats, known) for endpoint in entity.endpoints):
        return ()
    return known


def _accepts(
    client: Client, entity: Entity, endpoint: Endpoint, stats: RequestStats, known: Names
) -> bool:
    """Whether a list accepts every name; so does one that is refused whatever it is asked."""
    if not known:
        return True
    try:
        _ask(client, entity, endpoint, stats, ())
    except BadRequest:
        if endpoint.path == entity.path:
            return False
    except Refused:
        if endpoint.path == entity.path:
            raise
        return True
    else:
        return True
    try:
        _ask(client, entity, endpoint, stats, known)
    except (BadRequest, Refused):
        return True
    return False


def _ask(
    client: Client, entity: Entity, endpoint: Endpoint, stats: RequestStats, omitted: Names
) -> None:
    pages = client.pages(
        endpoint.path,
        cost=endpoint.tokens_per_page,
        paging=entity.paging,
        page_rows=1,
        params=entity.without_fields(omitted).params,
        stats=stats,
    )
    next(pages)
