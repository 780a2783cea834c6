"""Declaration of a table: endpoint of the Pipedrive collection, token cost, key and parent.

`entities.py` contains the list of tables.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal

from pipedrive_assets.registry.row_filter import Condition

PAGE_ROWS = 500
"""Largest page size of nearly every list (official docs, pagination). The token cost of a page does
not depend on its number of rows."""

BULK_PARENTS = 100
"""Maximum number of parents in one bulk request (official docs, `deal_ids`)."""


WITHOUT_BODY, WITH_BODY = ("include_body", "0"), ("include_body", "1")
"""Parameters of lists of emails."""

BODY_ROWS = 100
"""Emails per page if they have bodies, so that a page is not too large."""

SchemaPolicy = Literal["evolve", "alert", "freeze"]
"""What happens if Pipedrive has a new, renamed or removed field: the table follows; it follows and
an alert is sent; it gets no new columns and an alert is sent."""


class Kind(Enum):
    """How a table is read."""

    WINDOWED = "windowed"
    """Read once in full, then incrementally, in time windows of its update time."""

    SNAPSHOT = "snapshot"
    """Read in full by each load; for small tables."""

    CHILD = "child"
    """Read per parent row, for parents that have changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A list endpoint.

    Attributes:
        path: Path below the base URL.
        tokens_per_page: API tokens per page.
        supports_updated_since: Whether a windowed list accepts `updated_since`.
        scopes: OAuth scopes of which one is enough; scopes that allow changes are left out.
    """

    path: str
    tokens_per_page: int
    supports_updated_since: bool = True
    scopes: tuple[str, ...] = ()

    def is_open_to(self, granted: Collection[str]) -> bool:
        """Whether an app with these scopes may read the list; `…:full` includes `…:read`."""
        readable = {scope.replace(":full", ":read") for scope in granted}
        return not self.scopes or not readable.isdisjoint(self.scopes)


def list_name(path: str, variant: Collection[tuple[str, str]] = ()) -> str:
    """Return the name under which the progress of a list is stored: its path and parameters."""
    return path + "".join(f"?{name}={value}" for name, value in variant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A Pipedrive collection and the table it is loaded into.

    Attributes:
        name: Name of the table, the dlt resource and the Dagster asset.
        path: Path of the list below the base URL; `{id}` is replaced by the id of the parent.
        description: Description of the table, shown in Dagster, in the database and in the docs.
        tokens_per_page: API tokens per page.
        scopes: OAuth scopes of which one opens the list; scopes that allow changes are left out.
            Source: Pipedrive's OpenAPI documents.
        key: Columns that identify a row.
        cursor: Column with the time of the last change, for incremental loads; None for snapshots
            and child tables.
        fields: Endpoint of the field definitions, for custom fields.
        paging: Pagination of the list; `record` if each reply is a single record.
        page_rows: Rows to request per page.
        params: Query parameters of each request.
        uncertain_fields: Names in `include_fields` that are omitted first if Pipedrive refuses the
            parameter, because no other public program is known to send them.
        supports_updated_since: Whether the list accepts `updated_since`. A list that does not is
            read by the daily run only.
        supports_updated_until: Whether the list accepts `updated_until`.
        variants: Sets of query parameters. Each set is a separate request; together they return
            all rows of a snapshot.
        data_key: Key of the list of rows, or of the record, if `data` is an object around it.
        record_key: Key of the record within each item of the list, if the items are envelopes.
        archived: A second list, with the archived rows of the same collection.
        extra_endpoints: Further lists whose rows belong to the same table.
        parent: The parent table of a child table.
        count_column: Column of the parent table with the number of children. A parent with zero
            children needs no request.
        bulk: Query parameter for up to BULK_PARENTS parents in one request. If None, each parent
            needs a request.
        parent_param: Query parameter for the id of the parent, if it is not part of the path.
        poll_children: Whether children can change without a change of the parent row or of a
            count column.
        embeds: Tables whose current records are part of the rows, each with the kinds of its
            events. If such a record changes, the rows of its parent are read again.
        mails_in: Table of emails. Emails that it has are left out of this history of deals.
        list_per: Owner table to fan out over: the list is read once per owner row, and all lists
            together are one snapshot. For small owner tables without an update time.
        per_interval: Whether the record of each owner, a goal, is read per interval of the goal.
        secret: Keys that are never loaded. They are removed from each row before any processing.
        feature_gated: Whether the account may lack the feature. The table is then skipped if
            Pipedrive refuses it.
        rights_vary: Whether only some users have access. The table is then skipped on 402 or 403.
        optional: Whether the table is loaded only if the setting PIPEDRIVE_TABLES names it.
        shape: Which function turns a record into a row.
        excluded: Columns that the table does not have, by default or because of the settings.
        schema_policy: What happens if Pipedrive has a new, renamed or removed field.
        hashed: Columns whose values the settings replace by keyed hashes.
        hash_key: The key for these; empty if no column is hashed.
        row_filter: Conditions of the settings that every row of the table fulfils.
        history: Whether loads keep every version of its rows, in `<name>_history`.
    """

    name: str
    path: str
    description: str
    tokens_per_page: int
    scopes: tuple[str, ...] = ()
    key: tuple[str, ...] = ("id",)
    cursor: str | None = None
    fields: str | None = None
    paging: Literal["cursor", "offset", "none", "record"] = "cursor"
    page_rows: int = PAGE_ROWS
    params: tuple[tuple[str, str], ...] = ()
    uncertain_fields: tuple[str, ...] = ()
    supports_updated_since: bool = True
    supports_updated_until: bool = True
    variants: tuple[tuple[tuple[str, str], ...], ...] = ((),)
    data_key: str | None = None
    record_key: str | None = None
    archived: Endpoint | None = None
    extra_endpoints: tuple[Endpoint, ...] = ()
    parent: str | None = None
    count_column: str | None = None
    bulk: str | None = None
    parent_param: str | None = None
    poll_children: bool = False
    embeds: tuple[tuple[str, tuple[str, ...]], ...] = ()
    mails_in: str | None = None
    list_per: str | None = None
    per_interval: bool = False
    secret: tuple[str, ...] = ()
    feature_gated: bool = False
    rights_vary: bool = False
    optional: bool = False
    shape: Literal[
        "plain", "child", "changelog", "participant", "flow", "definition", "mapping"
    ] = "plain"
    excluded: frozenset[str] = frozenset()
    schema_policy: SchemaPolicy = "evolve"
    hashed: frozenset[str] = frozenset()
    hash_key: bytes = field(default=b"", repr=False)
    row_filter: tuple[Condition, ...] = ()
    history: bool = False

    @property
    def lacks_owner(self) -> bool:
        """Whether the rows of a list per owner lack the owner's id, the first column of the key."""
        return self.list_per is not None and self.shape == "child"

    @property
    def kind(self) -> Kind:
        """How the table is read, derived from `parent` and `cursor`."""
        if self.parent:
            return Kind.CHILD
        return Kind.WINDOWED if self.cursor else Kind.SNAPSHOT

    @property
    def capped(self) -> bool:
        """Whether the token caps apply: for optional tables, and for one request per parent."""
        return self.optional or (self.kind is Kind.CHILD and self.bulk is None)

    @property
    def has_own_count(self) -> bool:
        """Whether `count_column` counts the rows of this table.

        Installments use the count of products, because a deal without products has none.
        """
        return self.count_column == f"{self.name.removeprefix(f'{self.parent}_')}_count"

    @property
    def is_history(self) -> bool:
        """Whether the rows are changes of the parent, which Pipedrive never removes."""
        return self.shape in {"flow", "changelog"}

    def has_children(self, parent: Mapping[str, Any]) -> bool:
        """Whether a parent's row, as Pipedrive just sent it, counts rows of this table."""
        return self.has_own_count and bool(parent.get(self.count_column or ""))

    def has_no_children(self, parent: Mapping[str, Any]) -> bool:
        """Whether a parent's row, as Pipedrive just sent it, counts zero children of this table."""
        return self.count_column is not None and parent.get(self.count_column) == 0

    @property
    def group(self) -> str:
        """The Dagster asset group."""
        if self.kind is Kind.CHILD:
            return "deal_details" if self.parent == "deals" else "record_details"
        return "crm" if self.kind is Kind.WINDOWED else "reference"

    @property
    def parent_name(self) -> str:
        """The parent table's name in the singular, e.g. `deal`; empty without a parent."""
        return (self.parent or "").removesuffix("s")

    @property
    def change_column(self) -> str:
        """Name of the column with the time of the last change; many snapshots have it as well."""
        return self.cursor or "update_time"

    @property
    def is_refusable(self) -> bool:
        """Whether Pipedrive can refuse the table, or a part of it, without failing the load."""
        return (
            self.feature_gated
            or self.rights_vary
            or len(self.endpoints) > 1
            or bool(self.include_fields)
        )

    @property
    def include_fields(self) -> tuple[str, ...]:
        """Fields that Pipedrive returns only if the request names them."""
        names = dict(self.params).get("include_fields")
        return tuple(names.split(",")) if names else ()

    @property
    def has_bodies(self) -> bool:
        """Whether the table has the bodies of emails."""
        return WITH_BODY in self.params and "body" not in self.excluded

    def with_bodies(self) -> "Entity":
        """Return a copy of a table of emails that loads their bodies; others are not changed."""
        if WITHOUT_BODY not in self.params:
            return self
        params = tuple(WITH_BODY if each == WITHOUT_BODY else each for each in self.params)
        excluded = self.excluded - {"body"}
        return replace(self, params=params, page_rows=BODY_ROWS, excluded=excluded)

    def without_fields(self, omitted: Collection[str]) -> "Entity":
        """Return a copy of the entity that does not request the fields in `omitted`."""
        if not omitted:
            return self
        names = ",".join(name for name in self.include_fields if name not in omitted)
        others = tuple(each for each in self.params if each[0] != "include_fields")
        return replace(self, params=(*others, ("include_fields", names)) if names else others)

    @property
    def list_names(self) -> tuple[str, ...]:
        """Names of all lists of the table: each path with the parameters of each variant."""
        paths = dict.fromkeys(endpoint.path for endpoint in self.endpoints)
        return tuple(list_name(path, variant) for path in paths for variant in self.variants)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The lists that together contain every row, in the order in which they are read."""
        own = Endpoint(
            path=self.path,
            tokens_per_page=self.tokens_per_page,
            supports_updated_since=self.supports_updated_since,
            scopes=self.scopes,
        )
        others = (*((self.archived,) if self.archived else ()), *self.extra_endpoints)
        return (own, *(replace(each, scopes=each.scopes or self.scopes) for each in others))
