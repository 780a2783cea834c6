"""The list of all tables.

Each entry has the endpoint of a Pipedrive collection, its token cost and its key. Tables, dlt
resources, Dagster assets, token estimates and the docs are derived from this list. To add a table,
add an entry here and create its column file with `make columns`.
"""

from collections.abc import Iterator

from pipedrive_assets.registry.entity import Endpoint, Entity
from pipedrive_assets.registry.extra_columns import DEAL_EXTRAS, ORGANIZATION_EXTRAS, PERSON_EXTRAS
from pipedrive_assets.registry.optional import OPTIONAL_ENTITIES

_MORE_FIELDS = tuple(
    Endpoint(path=f"api/v2/{name}", tokens_per_page=10, scopes=scopes)
    for name, scopes in (
        ("personFields", ("contacts:read", "admin")),
        ("organizationFields", ("contacts:read", "admin")),
        ("productFields", ("products:read",)),
        ("activityFields", ("admin",)),
    )
)

ENTITIES: tuple[Entity, ...] = (
    Entity(
        name="deals",
        path="api/v2/deals",
        scopes=("deals:read",),
        description=(
            "Sales opportunities: open, won, lost and archived; deleted ones while Pipedrive "
            "lists them."
        ),
        tokens_per_page=10,
        cursor="update_time",
        fields="dealFields",
        params=(("status", "open,won,lost,deleted"), ("include_fields", DEAL_EXTRAS)),
        uncertain_fields=("smart_bcc_email", "source_lead_id"),
        archived=Endpoint(path="api/v2/deals/archived", tokens_per_page=20),
    ),
    Entity(
        name="persons",
        path="api/v2/persons",
        scopes=("contacts:read",),
        description="Contact persons: people at customers and prospects.",
        tokens_per_page=10,
        cursor="update_time",
        fields="personFields",
        params=(("include_fields", PERSON_EXTRAS),),
        uncertain_fields=("marketing_status", "doi_status", "smart_bcc_email"),
    ),
    Entity(
        name="organizations",
        path="api/v2/organizations",
        scopes=("contacts:read",),
        description="Organizations (companies) that persons and deals belong to.",
        tokens_per_page=10,
        cursor="update_time",
        fields="organizationFields",
        params=(("include_fields", ORGANIZATION_EXTRAS),),
        uncertain_fields=("smart_bcc_email",),
    ),
    Entity(
        name="activities",
        path="api/v2/activities",
        scopes=("activities:read",),
        description="Calls, meetings, tasks and other activities, planned or done.",
        tokens_per_page=10,
        cursor="update_time",
        fields="activityFields",
        params=(("include_fields", "attendees"),),
    ),
    Entity(
        name="products",
        path="api/v2/products",
        scopes=("products:read",),
        description="The product catalog, with prices.",
        tokens_per_page=10,
        cursor="update_time",
        fields="productFields",
        supports_updated_until=False,
        feature_gated=True,
    ),
    Entity(
        name="leads",
        path="v1/leads",
        scopes=("leads:read",),
        description="Leads that have not been converted to deals, including archived leads.",
        tokens_per_page=20,
        paging="offset",
        cursor="update_time",
        supports_updated_until=False,
        archived=Endpoint(
            path="v1/leads/archived", tokens_per_page=40, supports_updated_since=False
        ),
        feature_gated=True,
        fields="dealFields",
    ),
    Entity(
        name="notes",
        path="v1/notes",
        scopes=("deals:read", "contacts:read"),
        description="Notes on deals, leads, persons, organizations, projects and tasks.",
        tokens_per_page=20,
        paging="offset",
        cursor="update_time",
        supports_updated_until=False,
        rights_vary=True,
    ),
    Entity(
        name="files",
        path="v1/files",
        scopes=("deals:read", "activities:read", "contacts:read"),
        description="Files attached to deals, persons and other records: names and sizes.",
        tokens_per_page=20,
        paging="offset",
        page_rows=100,
        cursor="update_time",
        supports_updated_since=False,
        supports_updated_until=False,
        rights_vary=True,
    ),
    Entity(
        name="pipelines",
        path="api/v2/pipelines",
        scopes=("deals:read", "admin"),
        description="Sales pipelines.",
        tokens_per_page=5,
    ),
    Entity(
        name="stages",
        path="api/v2/stages",
        scopes=("deals:read", "admin"),
        description="The stages of each pipeline.",
        tokens_per_page=5,
    ),
    Entity(
        name="users",
        path="v1/users",
        scopes=("users:read",),
        description="Users of the Pipedrive account, including deactivated users.",
        tokens_per_page=20,
        paging="none",
        rights_vary=True,
    ),
    Entity(
        name="currencies",
        path="v1/currencies",
        scopes=("base",),
        description="Currencies available for amounts, including custom currencies of the account.",
        tokens_per_page=20,
        paging="none",
        rights_vary=True,
    ),
    Entity(
        name="activity_types",
        path="v1/activityTypes",
        scopes=("activities:read", "admin"),
        description="Types of activities, including deactivated types.",
        tokens_per_page=20,
        paging="none",
        rights_vary=True,
    ),
    Entity(
        name="filters",
        path="v1/filters",
        scopes=("deals:read", "activities:read", "contacts:read"),
        description="Saved filters visible to the user of the API token, without conditions.",
        tokens_per_page=20,
        paging="none",
        rights_vary=True,
    ),
    Entity(
        name="lead_labels",
        path="v1/leadLabels",
        scopes=("leads:read",),
        description="Labels for leads.",
        tokens_per_page=10,
        paging="none",
        feature_gated=True,
    ),
    Entity(
        name="lead_sources",
        path="v1/leadSources",
        scopes=("leads:read",),
        description="Sources of leads, from Pipedrive's fixed list.",
        tokens_per_page=2,
        paging="none",
        key=("name",),
        feature_gated=True,
    ),
    Entity(
        name="custom_fields_mapping",
        path="api/v2/dealFields",
        scopes=("deals:read", "admin"),
        extra_endpoints=_MORE_FIELDS,
        description=(
            "Column name of each custom field. A column keeps its name if the field is renamed; "
            "earlier names are kept."
        ),
        tokens_per_page=10,
        key=("endpoint", "hash_string"),
        shape="mapping",
    ),
    Entity(
        name="fields",
        path="api/v2/dealFields",
        scopes=("deals:read", "admin"),
        extra_endpoints=_MORE_FIELDS,
        description=(
            "Field definitions of all entities as Pipedrive returns them, with options and "
            "subfields."
        ),
        tokens_per_page=10,
        key=("entity", "field_code"),
        shape="definition",
    ),
    Entity(
        name="deals_participants",
        path="v1/deals/{id}/participants",
        scopes=("deals:read",),
        description="Persons who participate in a deal.",
        tokens_per_page=10,
        paging="offset",
        key=("deal_id", "id"),
        parent="deals",
        count_column="participants_count",
        shape="participant",
    ),
    Entity(
        name="deals_flow",
        path="v1/deals/{id}/flow",
        scopes=("recents:read",),
        description=(
            "History of each deal, one event per row: field changes, activities, notes, files."
        ),
        tokens_per_page=40,
        paging="offset",
        key=("deal_id", "event_key"),
        params=(("all_changes", "1"),),
        parent="deals",
        embeds=(
            ("activities", ("activity", "plannedActivity", "call")),
            ("notes", ("note",)),
            ("files", ("file",)),
        ),
        shape="flow",
    ),
    Entity(
        name="deals_products",
        path="api/v2/deals/products",
        scopes=("products:read", "deals:read"),
        description="Products attached to a deal: quantity, price and discount of each line.",
        tokens_per_page=10,
        key=("deal_id", "id"),
        parent="deals",
        count_column="products_count",
        bulk="deal_ids",
        feature_gated=True,
    ),
    Entity(
        name="deals_installments",
        path="api/v2/deals/installments",
        scopes=("deals:read",),
        description="Installments of a deal: billing date and amount; deals with products only.",
        tokens_per_page=10,
        key=("deal_id", "id"),
        parent="deals",
        count_column="products_count",
        bulk="deal_ids",
        feature_gated=True,
    ),
    *OPTIONAL_ENTITIES,
)

DEFAULT_ENTITIES: tuple[Entity, ...] = tuple(e for e in ENTITIES if not e.optional)
"""The tables that are loaded by default, without the setting PIPEDRIVE_TABLES."""

BY_NAME: dict[str, Entity] = {entity.name: entity for entity in ENTITIES}
"""All tables by name."""


def children_of(name: str) -> tuple[Entity, ...]:
    """Return the child tables that are read once per row of the table `name`."""
    return tuple(entity for entity in ENTITIES if entity.parent == name)


def histories_of(name: str) -> Iterator[tuple[Entity, tuple[str, ...]]]:
    """Return the tables whose rows show records of `name`, each with the kinds of these events."""
    return (
        (entity, kinds) for entity in ENTITIES for shown, kinds in entity.embeds if shown == name
    )
