"""First loads: automation never starts one of a real account; it names the price instead."""

from collections.abc import Collection, Sequence
from math import ceil

from pipedrive_assets.orchestration.automation.target import Target
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.registry import BULK_PARENTS, Entity


def split_by_first_load(
    entities: Sequence[Entity], loaded: Collection[str], target: Target
) -> tuple[list[Entity], list[Entity]]:
    """Tables that automation may load, and those whose first load a person has to start.

    On the sandbox every table may be loaded: its tokens cost nothing.
    """
    if target.sandbox:
        return list(entities), []
    ready = [entity for entity in entities if entity.name in loaded]
    return ready, [entity for entity in entities if entity.name not in loaded]


def first_load_sentence(waiting: Sequence[Entity], names: Names = OWN_NAMES) -> str:
    """What a first load would cost, and the command that starts it."""
    pages = sum(
        endpoint.tokens_per_page
        for entity in waiting
        if not entity.parent
        for endpoint in entity.endpoints
    )
    children = [entity for entity in waiting if entity.parent]
    each = {entity.parent_name: 0.0 for entity in children}
    for entity in children:
        each[entity.parent_name] += entity.tokens_per_page / (BULK_PARENTS if entity.bulk else 1)
    more = "".join(f", and up to {ceil(tokens)} per {name}" for name, tokens in each.items())
    tables = [entity.name for entity in waiting]
    never = f"Never loaded: {','.join(tables)}."
    return (
        f"{never} A first load takes at least {pages} API tokens (one page of up to "
        f"500 rows per list; each further page costs the same){more}. "
        f"Start it with: dagster asset materialize --select {names.selection(tables)}"
    )
