"""Optional tables that are read per record of another table: changelogs, followers and others."""

from functools import partial

from pipedrive_assets.registry.entity import WITHOUT_BODY, Entity

optional = partial(Entity, optional=True, feature_gated=True)


def _followers(parent: str, key: str, count_column: str | None, scope: str) -> Entity:
    return optional(
        name=f"{parent}_followers",
        path=f"api/v2/{parent}/{{id}}/followers",
        scopes=(scope,),
        description=f"Users who follow {parent}.",
        tokens_per_page=10,
        key=(key, "user_id"),
        parent=parent,
        count_column=count_column,
        poll_children=count_column is None,
        shape="child",
    )


def _changelog(  # noqa: PLR0913 - the fields of an entity
    name: str,
    path: str,
    description: str,
    *,
    parent: str,
    key: str,
    scope: str,
    tokens_per_page: int,
    poll_children: bool = False,
) -> Entity:
    """Return the entity of a changelog; a change has no id, so its key is a hash of its content."""
    return optional(
        name=name,
        path=path,
        scopes=(scope,),
        description=description,
        tokens_per_page=tokens_per_page,
        key=(key, "change_key"),
        parent=parent,
        poll_children=poll_children,
        shape="changelog",
    )


def _followers_changelog(parent: str, key: str, scope: str) -> Entity:
    return _changelog(
        f"{parent}_followers_changelog",
        f"api/v2/{parent}/{{id}}/followers/changelog",
        f"Followers added to or removed from each {parent.removesuffix('s')}, with time and "
        "acting user.",
        parent=parent,
        key=key,
        scope=scope,
        tokens_per_page=10,
        poll_children=True,
    )


def _mails(parent: str, key: str) -> Entity:
    return optional(
        name=f"{parent}_mails",
        path=f"v1/{parent}/{{id}}/mailMessages",
        scopes=("mail:read",),
        description=(
            f"Emails linked to each {parent.removesuffix('s')}, of all users as far as the user of "
            "the API token may see them. Bodies only with PIPEDRIVE_MAIL_BODIES."
        ),
        tokens_per_page=20,
        paging="offset",
        params=(WITHOUT_BODY,),
        key=(key, "id"),
        parent=parent,
        count_column="email_messages_count",
        record_key="data",
        excluded=frozenset({"body"}),
        shape="child",
    )


OPTIONAL_CHILDREN: tuple[Entity, ...] = (
    optional(
        name="deals_discounts",
        path="api/v2/deals/{id}/discounts",
        scopes=("deals:read",),
        description="Discounts on a whole deal.",
        tokens_per_page=10,
        paging="none",
        key=("deal_id", "id"),
        parent="deals",
        poll_children=True,
        shape="child",
    ),
    _changelog(
        "deals_changelog",
        "v1/deals/{id}/changelog",
        "Field changes of each deal: fewer events than deals_flow, at half its token cost.",
        parent="deals",
        key="deal_id",
        scope="recents:read",
        tokens_per_page=20,
    ),
    _changelog(
        "deals_participants_changelog",
        "v1/deals/{id}/participantsChangelog",
        "Participants added to or removed from each deal, with time and acting user.",
        parent="deals",
        key="deal_id",
        scope="deals:read",
        tokens_per_page=10,
        poll_children=True,
    ),
    _followers_changelog("deals", "deal_id", "deals:read"),
    _followers_changelog("persons", "person_id", "contacts:read"),
    _followers_changelog("organizations", "org_id", "contacts:read"),
    _followers_changelog("products", "product_id", "products:read"),
    _changelog(
        "persons_changelog",
        "v1/persons/{id}/changelog",
        "Field changes of each person.",
        parent="persons",
        key="person_id",
        scope="recents:read",
        tokens_per_page=20,
    ),
    _changelog(
        "organizations_changelog",
        "v1/organizations/{id}/changelog",
        "Field changes of each organization.",
        parent="organizations",
        key="org_id",
        scope="recents:read",
        tokens_per_page=20,
    ),
    _changelog(
        "project_changelog",
        "api/v2/projects/{id}/changelog",
        "Field changes of each project; changes made at the same time are one row.",
        parent="projects",
        key="project_id",
        scope="projects:read",
        tokens_per_page=10,
    ),
    _followers("deals", "deal_id", "followers_count", "deals:read"),
    _followers("persons", "person_id", "followers_count", "contacts:read"),
    _followers("organizations", "org_id", "followers_count", "contacts:read"),
    _followers("products", "product_id", None, "products:read"),
    _mails("deals", "deal_id"),
    _mails("persons", "person_id"),
    _mails("organizations", "org_id"),
    optional(
        name="products_variations",
        path="api/v2/products/{id}/variations",
        scopes=("products:read",),
        description="Variations of each product, with their prices.",
        tokens_per_page=10,
        key=("product_id", "id"),
        parent="products",
        poll_children=True,
        shape="child",
    ),
    optional(
        name="filters_conditions",
        path="v1/filters/{id}",
        scopes=("deals:read", "activities:read", "contacts:read"),
        description="Conditions of each saved filter, as JSON.",
        tokens_per_page=2,
        paging="record",
        params=(("include_field_code", "true"),),
        data_key="conditions",
        key=("filter_id",),
        parent="filters",
        shape="child",
    ),
    optional(
        name="note_comments",
        path="v1/notes/{id}/comments",
        scopes=("deals:read", "contacts:read"),
        description="Comments on notes.",
        tokens_per_page=20,
        paging="offset",
        key=("note_id", "uuid"),
        parent="notes",
        poll_children=True,
        shape="child",
    ),
)
