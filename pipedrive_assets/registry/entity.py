"""What an entity is: where a Pipedrive collection is read, what it costs, what identifies its rows.

`entities.py` lists them.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

PAGE_ROWS = 500
"""Rows a page may hold on nearly every list (official docs, pagination); a page costs the same
whatever it holds."""

BULK_PARENTS = 100
"""Parents one bulk call may name (official docs, `deal_ids`)."""


class Kind(Enum):
    """How an entity changes, and therefore how it is read."""

    WINDOWED = "windowed"
    """Read once in full, then by windows of its cursor."""

    SNAPSHOT = "snapshot"
    """Read in full every time; small."""

    CHILD = "child"
    """Read per parent, for parents that changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One list endpoint: `path` below the base URL and `tokens_per_page` in tokens a page."""

    path: str
    tokens_per_page: int
    supports_updated_since: bool = True
    """Whether a windowed list takes `updated_since`."""


def list_name(path: str, variant: Collection[tuple[str, str]] = ()) -> str:
    """The name by which a list is remembered: its path, with the parameters of a variant."""
    return path + "".join(f"?{name}={value}" for name, value in variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One Pipedrive collection.

    `name` is its table, dlt resource and asset key.
    """

    name: str
    path: str
    description: str
    tokens_per_page: int
    key: tuple[str, ...] = ("id",)
    cursor: str | None = None
    fields: str | None = None
    paging: Literal["cursor", "offset", "none"] = "cursor"
    page_rows: int = PAGE_ROWS
    params: tuple[tuple[str, str], ...] = ()
    uncertain_fields: tuple[str, ...] = ()
    """Names in `include_fields` that no public program is known to send: omitted first where
    Pipedrive refuses the parameter."""

    supports_updated_since: bool = True
    """Whether the list takes `updated_since`; one that does not is read by the daily run only."""

    supports_updated_until: bool = True
    """Whether the list takes `updated_until`."""

    variants: tuple[tuple[tuple[str, str], ...], ...] = ((),)
    """Sets of parameters, each a call of its own, that together show every row of a snapshot."""

    data_key: str | None = None
    """Where in `data` the rows are, where `data` is no list."""

    archived: Endpoint | None = None
    """A second list that holds the same entity's archived rows."""

    extra_endpoints: tuple[Endpoint, ...] = ()
    """Further lists, with rows of their own."""

    parent: str | None = None
    count_column: str | None = None
    """Column of the parent that counts the children; zero spares the call."""

    bulk: str | None = None
    """The parameter that names up to BULK_PARENTS parents in one call; absent: a call each."""

    parent_param: str | None = None
    """The parameter that names one parent, where the path has no place for it."""

    poll_children: bool = False
    """Whether children change without a change of their parent, and no counter tells of it."""

    embeds: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Tables whose records the rows show as they are now, each with the kinds of its events: when
    such a record changes, its parent's rows are read again."""

    list_per: str | None = None
    """The snapshot for each row of which a list is asked for; such lists together are a snapshot
    themselves. For parents that are few and tell of no change."""

    secret: tuple[str, ...] = ()
    """Keys that hold secrets: taken from each row before anything is made of it."""

    feature_gated: bool = False
    """Whether an account may lack the feature: a refusal then skips the table."""

    rights_vary: bool = False
    """Whether only some users may read it: a 402 or 403 then skips the table."""

    optional: bool = False
    """Whether it is loaded only where the setting PIPEDRIVE_TABLES names it."""

    shape: Literal[
        "plain", "child", "changelog", "participant", "flow", "definition", "mapping"
    ] = "plain"

    excluded: frozenset[str] = frozenset()
    """Columns that a setting keeps out of the table."""

    @property
    def kind(self) -> Kind:
        """Derived, never stated: a parent makes a child, a cursor makes windows."""
        if self.parent:
            return Kind.CHILD
        return Kind.WINDOWED if self.cursor else Kind.SNAPSHOT

    @property
    def capped(self) -> bool:
        """Whether its tokens are capped: it takes a call per parent, or nobody needs it by
        default.
        """
        return self.optional or (self.kind is Kind.CHILD and self.bulk is None)

    @property
    def has_own_count(self) -> bool:
        """Whether `count_column` counts these children themselves (installments have that of the
        products without which there are none).
        """
        return self.count_column == f"{self.name.removeprefix(f'{self.parent}_')}_count"

    @property
    def group(self) -> str:
        """The Dagster asset group."""
        if self.kind is Kind.CHILD:
            return "deal_details" if self.parent == "deals" else "record_details"
        return "crm" if self.kind is Kind.WINDOWED else "reference"

    @property
    def parent_name(self) -> str:
        """What one parent is called: `deal` for a child of deals."""
        return (self.parent or "").removesuffix("s")

    @property
    def change_column(self) -> str:
        """The column that tells a row's last change; many snapshots have one too, though they are
        not read by it.
        """
        return self.cursor or "update_time"

    @property
    def is_refusable(self) -> bool:
        """Whether Pipedrive may refuse it, or a part of it, without failing a load."""
        return (
            self.feature_gated
            or self.rights_vary
            or len(self.endpoints) > 1
            or bool(self.include_fields)
        )

    @property
    def include_fields(self) -> tuple[str, ...]:
        """The fields that have to be asked for by name."""
        told = dict(self.params).get("include_fields")
        return tuple(told.split(",")) if told else ()

    def without_fields(self, omitted: Collection[str]) -> "Entity":
        """The same, asked for without some of `include_fields`."""
        if not omitted:
            return self
        names = ",".join(name for name in self.include_fields if name not in omitted)
        others = tuple(each for each in self.params if each[0] != "include_fields")
        return replace(self, params=(*others, ("include_fields", names)) if names else others)

    @property
    def list_names(self) -> tuple[str, ...]:
        """The names of all lists that are read: a path, with the parameters of its variant."""
        paths = dict.fromkeys(endpoint.path for endpoint in self.endpoints)
        return tuple(list_name(path, variant) for path in paths for variant in self.variants)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The lists that together hold every row, in the order in which they are scanned."""
        own = Endpoint(
            path=self.path,
            tokens_per_page=self.tokens_per_page,
            supports_updated_since=self.supports_updated_since,
        )
        return (own, *((self.archived,) if self.archived else ()), *self.extra_endpoints)
