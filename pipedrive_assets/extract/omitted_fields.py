"""Omit fields that Pipedrive refuses in `include_fields`.

One unknown name causes a 400 for the whole page. The list is then requested without the uncertain
names, and after another refusal without any names.
"""

import logging

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import ApiError, BadRequest, Refused
from pipedrive_assets.registry import Endpoint, Entity

log = logging.getLogger(__name__)

REFUSALS = (400, 422)
"""Status codes with which Pipedrive refuses an unknown name."""

Names = tuple[str, ...]


def fewer_fields(entity: Entity, omitted: Names, error: ApiError) -> Names | None:
    """Return the names to omit after a refusal.

    Args:
        entity: The table that is read.
        omitted: The names that the refused request omitted already.
        error: The refusal.

    Returns:
        A larger set of names to omit; None if the names cannot be the cause.
    """
    if error.status not in REFUSALS:
        return None
    steps = (entity.uncertain_fields, entity.include_fields)
    return next((names for names in steps if set(names) > set(omitted)), None)


def fields_to_omit(client: Client, entity: Entity, stats: RequestStats, known: Names) -> Names:
    """Check at the start of a run whether the names that earlier runs omitted are accepted again.

    Sends one request per list; none if `known` is empty.

    Args:
        client: The client for Pipedrive.
        entity: The table to be read.
        stats: Statistics that the requests are added to.
        known: The names that earlier runs omitted.

    Returns:
        The names to omit in this run: none if every list accepts all names, else `known`.

    Raises:
        PipedriveError: The table cannot be read at all.
    """
    if all(_accepts(client, entity, endpoint, stats, known) for endpoint in entity.endpoints):
        return ()
    return known


def _accepts(
    client: Client, entity: Entity, endpoint: Endpoint, stats: RequestStats, known: Names
) -> bool:
    """Return whether a list accepts all names, or refuses requests for other reasons."""
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
