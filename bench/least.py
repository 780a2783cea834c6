"""The fewest requests and tokens that a phase needs, computed from the rows in the account."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from pipedrive_assets.connect import ME_TOKENS
from pipedrive_assets.extract.custom_fields import DEFINITION_COST, ENDPOINT_OF
from pipedrive_assets.registry import BULK_PARENTS, BY_NAME, DEFAULT_ENTITIES, Entity, Kind

WITH_CHILDREN = {
    "deals_participants": "with_participants",
    "deals_flow": "deals",
    "deals_products": "with_products",
    "deals_installments": "with_products",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """A number of requests and their cost in tokens."""

    requests: int = 0
    tokens: int = 0

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(requests=self.requests + other.requests, tokens=self.tokens + other.tokens)


def of_lists(facts: dict[str, Any], *, default: bool = False) -> Calls:
    """Compute the requests that return every row of the windowed tables once, in full pages.

    An empty list takes one request.

    Args:
        facts: Number of rows in the account; see `bench.account.facts`.
        default: Whether to add reference tables and the children of the deals.

    Returns:
        Requests and tokens.
    """
    entities = [e for e in DEFAULT_ENTITIES if default or e.kind is Kind.WINDOWED]
    endpoints = {ENDPOINT_OF[e.fields] for e in entities if e.fields}
    # The definitions of activity fields are read for the table `fields` only.
    definitions = len(endpoints) + (1 if default else 0)
    total = Calls(requests=1 + definitions, tokens=ME_TOKENS + definitions * DEFINITION_COST)
    return sum((_of_table(entity, facts) for entity in entities), total)


def _of_table(entity: Entity, facts: dict[str, Any]) -> Calls:
    if entity.shape in {"definition", "mapping"}:
        return Calls()
    if entity.kind is Kind.CHILD:
        parents = facts[WITH_CHILDREN[entity.name]]
        calls = ceil(parents / BULK_PARENTS) if entity.bulk else parents
        return Calls(requests=calls, tokens=calls * entity.tokens_per_page)
    calls = Calls()
    for endpoint in entity.endpoints:
        pages = max(1, ceil(facts["listed"].get(endpoint.path, 0) / entity.page_rows))
        calls += Calls(requests=pages, tokens=pages * endpoint.tokens_per_page)
    return calls


def cost_of(path: str) -> int:
    """Return the tokens that a page of a list costs."""
    return next(
        endpoint.tokens_per_page
        for entity in BY_NAME.values()
        for endpoint in entity.endpoints
        if endpoint.path == path
    )
