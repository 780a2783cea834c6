"""A route: one path of the API with its token cost, its parameters and its handler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipedrive_assets.sandbox.exchange import Body, Reply
from pipedrive_assets.sandbox.http import parameters, v2_lists
from pipedrive_assets.sandbox.http.parameters import Check

Answer = Callable[[v2_lists.Ask], Body | Reply]

CURSOR: Mapping[str, Check] = {"limit": parameters.limit_up_to(500), "cursor": parameters.text}
OFFSET: Mapping[str, Check] = {"limit": parameters.limit_up_to(500), "start": parameters.whole}


def numbers(*names: str) -> dict[str, Check]:
    """Accept parameters that are whole numbers."""
    return dict.fromkeys(names, parameters.whole)


def sorted_by(*columns: str) -> dict[str, Check]:
    """Accept the sorting parameters of API v2."""
    return {
        "sort_by": parameters.one_of(*columns),
        "sort_direction": parameters.one_of("asc", "desc"),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path of the API.

    Attributes:
        path: Path with `{id}` in place of ids.
        cost: API tokens of a call.
        answer: Handler that builds the body of the reply, or a reply that is not JSON.
        accepts: Checks of the parameters by name.
        requires: Names of required parameters.
    """

    path: str
    cost: int
    answer: Answer
    accepts: Mapping[str, Check] = field(default_factory=dict)
    requires: tuple[str, ...] = ()

    @property
    def is_v1(self) -> bool:
        """Whether the path belongs to API v1."""
        return self.path.startswith("v1/")


def v2(
    path: str,
    cost: int,
    answer: Answer,
    accepts: Mapping[str, Check] | None = None,
    *,
    requires: tuple[str, ...] = (),
) -> Route:
    """Make a route of API v2.

    Args:
        path: Path after `api/v2/`.
        cost: API tokens of a call.
        answer: Handler that builds the body of the reply.
        accepts: Checks of the parameters by name.
        requires: Names of required parameters.

    Returns:
        The route.
    """
    path, accepts = f"api/v2/{path}", accepts or {}
    return Route(path=path, cost=cost, answer=answer, accepts=accepts, requires=requires)


def v1(
    path: str,
    cost: int,
    answer: Answer,
    accepts: Mapping[str, Check] | None = None,
    *,
    requires: tuple[str, ...] = (),
) -> Route:
    """Make a route of API v1.

    Args:
        path: Path after `v1/`.
        cost: API tokens of a call.
        answer: Handler that builds the body of the reply.
        accepts: Checks of the parameters by name.
        requires: Names of required parameters.

    Returns:
        The route.
    """
    path, accepts = f"v1/{path}", accepts or {}
    return Route(path=path, cost=cost, answer=answer, accepts=accepts, requires=requires)
