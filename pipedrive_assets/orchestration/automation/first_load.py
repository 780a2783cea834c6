"""First loads: automation never starts one of a real account, but reports its token cost."""

from collections.abc import Collection, Sequence
from math import ceil

from pipedrive_assets.orchestration.automation.target import Target
from pipedrive_assets.orchestration.names import OWN_NAMES, Names
from pipedrive_assets.registry import BULK_PARENTS, Entity


def split_by_first_load(
    entities: Sequence[Entity], loaded: Collection[str], target: Target
) -> tuple[list[Entity], list[Entity]]:
    """Return the tables that automation may load, and those whose first load a user starts.

    In the sandbox automation loads every table, because its tokens cost nothing.

    Args:
        entities: The tables.
        loaded: The names of tables that were loaded before.
        target: The account.
    """
    if target.sandbox:
        return list(entities), []
    ready = [entity for entity in entities if entity.name in loaded]
    return ready, [entity for entity in entities if entity.name not in loaded]


def first_load_sentence(waiting: Sequence[Entity], names: Names = OWN_NAMES) -> str:
    """Return a sentence with the cost of a first load and the command that starts it."""
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
        f"{never} A first load costs at least {pages} tokens (one page of up to "
        f"500 rows per list; each further page costs the same){more}. "
        f"Start it with: dagster asset materialize --select {names.selection(tables)}"
    )
