"""ENTITIES: the one list of what is loaded.

Everything else is derived from it. A row says where a Pipedrive collection is read, what it
costs and what identifies its rows. Tables, dlt resources, Dagster assets, token estimates and
the docs table follow from it, so adding an entity is adding a row here (and its column file,
made by `make columns`).
"""

from pipedrive_assets.registry.entity import BULK_PARENTS, PAGE_ROWS, Entity, Kind, Listing
from pipedrive_assets.registry.optional import OPTIONAL_ENTITIES

__all__ = [
    "BULK_PARENTS",
    "BY_NAME",
    "DEFAULT_ENTITIES",
    "ENTITIES",
    "PAGE_ROWS",
    "Entity",
    "Kind",
    "Listing",
    "children_of",
]

_DEAL_EXTRAS = (
    "next_activity_id,last_activity_id,first_won_time,products_count,files_count,notes_count,followers_count,"
    "email_messages_count,activities_count,done_activities_count,undone_activities_count,participants_count,"
    "last_incoming_mail_time,last_outgoing_mail_time,smart_bcc_email,source_lead_id"
)
_PERSON_EXTRAS = (
    "next_activity_id,last_activity_id,open_deals_count,related_open_deals_count,closed_deals_count,"
    "related_closed_deals_count,participant_open_deals_count,participant_closed_deals_count,email_messages_count,"
    "activities_count,done_activities_count,undone_activities_count,files_count,notes_count,followers_count,"
    "won_deals_count,related_won_deals_count,lost_deals_count,related_lost_deals_count,last_incoming_mail_time,"
    "last_outgoing_mail_time,marketing_status,doi_status,smart_bcc_email"
)
_ORGANIZATION_EXTRAS = (
    "next_activity_id,last_activity_id,open_deals_count,related_open_deals_count,closed_deals_count,"
    "related_closed_deals_count,email_messages_count,people_count,activities_count,done_activities_count,"
    "undone_activities_count,files_count,notes_count,followers_count,won_deals_count,related_won_deals_count,"
    "lost_deals_count,related_lost_deals_count,smart_bcc_email"
)

_MORE_FIELDS = tuple(
    Listing(path=f"api/v2/{name}", cost=10)
    for name in ("personFields", "organizationFields", "productFields", "activityFields")
)

ENTITIES: tuple[Entity, ...] = (
    Entity(
        name="deals",
        path="api/v2/deals",
        doc="Sales opportunities: open, won, lost, archived, and deleted ones while listed.",
        cost=10,
        cursor="update_time",
        fields="dealFields",
        params=(("status", "open,won,lost,deleted"), ("include_fields", _DEAL_EXTRAS)),
        uncertain_fields=("smart_bcc_email", "source_lead_id"),
        archived=Listing(path="api/v2/deals/archived", cost=20),
    ),
    Entity(
        name="persons",
        path="api/v2/persons",
        doc="People: customers, leads, contacts.",
        cost=10,
        cursor="update_time",
        fields="personFields",
        params=(("include_fields", _PERSON_EXTRAS),),
        uncertain_fields=("marketing_status", "doi_status", "smart_bcc_email"),
    ),
    Entity(
        name="organizations",
        path="api/v2/organizations",
        doc="Companies that people and deals belong to.",
        cost=10,
        cursor="update_time",
        fields="organizationFields",
        params=(("include_fields", _ORGANIZATION_EXTRAS),),
        uncertain_fields=("smart_bcc_email",),
    ),
    Entity(
        name="activities",
        path="api/v2/activities",
        doc="Calls, meetings, tasks and whatever else is planned or done.",
        cost=10,
        cursor="update_time",
        fields="activityFields",
        params=(("include_fields", "attendees"),),
    ),
    Entity(
        name="products",
        path="api/v2/products",
        doc="The catalogue: what can be sold, with its prices.",
        cost=10,
        cursor="update_time",
        fields="productFields",
        until=False,
        gated=True,
    ),
    Entity(
        name="leads",
        path="v1/leads",
        doc="Prospects that are no deals yet, archived ones too.",
        cost=20,
        paging="offset",
        cursor="update_time",
        until=False,
        archived=Listing(path="v1/leads/archived", cost=40, since=False),
        gated=True,
        fields="dealFields",
    ),
    Entity(
        name="notes",
        path="v1/notes",
        doc="What people wrote about deals, leads, people, companies, projects and tasks.",
        cost=20,
        paging="offset",
        cursor="update_time",
        until=False,
        rights_vary=True,
    ),
    Entity(
        name="files",
        path="v1/files",
        doc="What is attached to deals, people, companies and the like: names and sizes.",
        cost=20,
        paging="offset",
        page_rows=100,
        cursor="update_time",
        since=False,
        until=False,
        rights_vary=True,
    ),
    Entity(
        name="pipelines",
        path="api/v2/pipelines",
        doc="Sales processes that deals go through.",
        cost=5,
    ),
    Entity(name="stages", path="api/v2/stages", doc="The steps of each pipeline.", cost=5),
    Entity(
        name="users",
        path="v1/users",
        doc="People who log in to Pipedrive, deactivated ones too.",
        cost=20,
        paging="none",
        rights_vary=True,
    ),
    Entity(
        name="currencies",
        path="v1/currencies",
        doc="Currencies that amounts may be in, the account's own ones too.",
        cost=20,
        paging="none",
        rights_vary=True,
    ),
    Entity(
        name="activity_types",
        path="v1/activityTypes",
        doc="What kinds of activities there are, deactivated ones too.",
        cost=20,
        paging="none",
        rights_vary=True,
    ),
    Entity(
        name="filters",
        path="v1/filters",
        doc="Saved filters that the api token's user may see, without their conditions.",
        cost=20,
        paging="none",
        rights_vary=True,
    ),
    Entity(
        name="lead_labels",
        path="v1/leadLabels",
        doc="Labels that leads may carry.",
        cost=10,
        paging="none",
        gated=True,
    ),
    Entity(
        name="lead_sources",
        path="v1/leadSources",
        doc="Where leads may come from; Pipedrive's own fixed list.",
        cost=2,
        paging="none",
        key=("name",),
        gated=True,
    ),
    Entity(
        name="custom_fields_mapping",
        path="api/v2/dealFields",
        more=_MORE_FIELDS,
        doc="Which column holds which custom field: names are given once, their history is kept.",
        cost=10,
        key=("endpoint", "hash_string"),
        shape="mapping",
    ),
    Entity(
        name="fields",
        path="api/v2/dealFields",
        more=_MORE_FIELDS,
        doc="Every field of every entity as Pipedrive defines it, with options and subfields.",
        cost=10,
        key=("entity", "field_code"),
        shape="definition",
    ),
    Entity(
        name="deals_participants",
        path="v1/deals/{id}/participants",
        doc="People who take part in a deal.",
        cost=10,
        paging="offset",
        key=("deal_id", "id"),
        parent="deals",
        counter="participants_count",
        shape="participant",
    ),
    Entity(
        name="deals_flow",
        path="v1/deals/{id}/flow",
        doc="What happened to a deal, an event a row: field changes, activities, notes, files.",
        cost=40,
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
        doc="What is sold with a deal: product lines with quantity, price and discount.",
        cost=10,
        key=("deal_id", "id"),
        parent="deals",
        counter="products_count",
        bulk="deal_ids",
        gated=True,
    ),
    Entity(
        name="deals_installments",
        path="api/v2/deals/installments",
        doc="When which part of a deal's value is to be billed; deals with products only.",
        cost=10,
        key=("deal_id", "id"),
        parent="deals",
        counter="products_count",
        bulk="deal_ids",
        gated=True,
    ),
    *OPTIONAL_ENTITIES,
)

DEFAULT_ENTITIES: tuple[Entity, ...] = tuple(e for e in ENTITIES if not e.optional)
"""What is loaded unless PIPEDRIVE_TABLES says otherwise."""

BY_NAME: dict[str, Entity] = {entity.name: entity for entity in ENTITIES}


def children_of(name: str) -> tuple[Entity, ...]:
    """The entities read per row of `name`."""
    return tuple(entity for entity in ENTITIES if entity.parent == name)
