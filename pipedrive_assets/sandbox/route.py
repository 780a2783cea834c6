"""A route: one path of the API with its price, its parameters and what answers it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import checks, lists
from .checks import Check
from .exchange import Body

Answer = Callable[[lists.Ask], Body]

CURSOR: Mapping[str, Check] = {"limit": checks.limit_up_to(500), "cursor": checks.text}
OFFSET: Mapping[str, Check] = {"limit": checks.limit_up_to(500), "start": checks.whole}


def numbers(*names: str) -> dict[str, Check]:
    """Parameters that are whole numbers."""
    return dict.fromkeys(names, checks.whole)


def sorted_by(*columns: str) -> dict[str, Check]:
    """The sorting parameters of API v2."""
    return {"sort_by": checks.one_of(*columns), "sort_direction": checks.one_of("asc", "desc")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path: `cost` is what a call takes from the daily budget."""

    path: str
    cost: int
    answer: Answer
    accepts: Mapping[str, Check] = field(default_factory=dict)
    requires: tuple[str, ...] = ()

    @property
    def is_v1(self) -> bool:
        """The path belongs to API v1."""
        return self.path.startswith("v1/")


def v2(
    path: str,
    cost: int,
    answer: Answer,
    accepts: Mapping[str, Check] | None = None,
    *,
    requires: tuple[str, ...] = (),
) -> Route:
    """A path of API v2."""
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
    """A path of API v1."""
    path, accepts = f"v1/{path}", accepts or {}
    return Route(path=path, cost=cost, answer=answer, accepts=accepts, requires=requires)
