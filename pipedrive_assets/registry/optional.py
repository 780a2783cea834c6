"""The long tail of the registry: tables that are loaded only where PIPEDRIVE_TABLES names them.

All are gated, for an account may lack the feature, or its user the right.
"""

from functools import partial

from pipedrive_assets.registry.entity import Endpoint, Entity

_optional = partial(Entity, optional=True, feature_gated=True)

_GOALS = tuple(
    (("type.name", kind), ("is_active", active))
    for kind in (
        "deals_won",
        "deals_progressed",
        "activities_completed",
        "activities_added",
        "deals_started",
    )
    for active in ("true", "false")
)


def _followers(parent: str, key: str, count_column: str | None) -> Entity:
    return _optional(
        name=f"{parent}_followers",
        path=f"api/v2/{parent}/{{id}}/followers",
        description=f"Users who follow one of the {parent}.",
        tokens_per_page=10,
        key=(key, "user_id"),
        parent=parent,
        count_column=count_column,
        poll_children=count_column is None,
        shape="child",
    )


def _changelog(  # noqa: PLR0913 - what a row of the registry says
    name: str,
    path: str,
    description: str,
    *,
    parent: str,
    key: str,
    tokens_per_page: int,
    poll_children: bool = False,
) -> Entity:
    """Changes have no id: their key is made of all that they say."""
    return _optional(
        name=name,
        path=path,
        description=description,
        tokens_per_page=tokens_per_page,
        key=(key, "change_key"),
        parent=parent,
        poll_children=poll_children,
        shape="changelog",
    )


OPTIONAL_ENTITIES: tuple[Entity, ...] = (
    _optional(
        name="projects",
        fields="projectFields",
        path="api/v2/projects",
        description="Projects: open, completed, canceled, archived, and deleted ones while listed.",
        tokens_per_page=10,
        params=(("status", "open,completed,canceled,deleted"),),
        archived=Endpoint(path="api/v2/projects/archived", tokens_per_page=10),
    ),
    _optional(
        name="tasks",
        path="api/v2/tasks",
        description="Tasks of projects.",
        tokens_per_page=10,
    ),
    _optional(
        name="goals",
        path="v1/goals/find",
        description="Goals of everybody, of all five types, active and not.",
        tokens_per_page=20,
        paging="none",
        variants=_GOALS,
        data_key="goals",
    ),
    _optional(
        name="roles",
        path="v1/roles",
        description="The account's hierarchy of roles; for admins only.",
        tokens_per_page=20,
        paging="offset",
    ),
    _optional(
        name="permission_sets",
        path="v1/permissionSets",
        description="Named sets of permissions; for admins only.",
        tokens_per_page=20,
        paging="none",
    ),
    _optional(
        name="project_templates",
        path="api/v2/projectTemplates",
        description="Templates that projects may be made from.",
        tokens_per_page=10,
    ),
    _optional(
        name="boards",
        path="api/v2/boards",
        description="Boards that projects stand on.",
        tokens_per_page=10,
        paging="none",
    ),
    _optional(
        name="phases",
        path="api/v2/phases",
        description="The phases of each project board.",
        tokens_per_page=10,
        paging="none",
        list_per="boards",
        parent_param="board_id",
    ),
    _optional(
        name="role_assignments",
        path="v1/roles/{id}/assignments",
        description="Which user has which role; for admins only.",
        tokens_per_page=10,
        paging="offset",
        key=("role_id", "user_id"),
        list_per="roles",
    ),
    _optional(
        name="permission_set_assignments",
        path="v1/permissionSets/{id}/assignments",
        description="Which user has which set of permissions; for admins only.",
        tokens_per_page=20,
        paging="offset",
        key=("permission_set_id", "user_id"),
        list_per="permission_sets",
    ),
    _optional(
        name="webhooks",
        path="v1/webhooks",
        description=(
            "Which programs Pipedrive tells of which events, without their passwords; for admins."
        ),
        tokens_per_page=10,
        paging="none",
        secret=("http_auth_user", "http_auth_password"),
    ),
    _optional(
        name="call_logs",
        path="v1/callLogs",
        description="Calls logged by the api token's user: numbers, duration, outcome.",
        tokens_per_page=20,
        paging="offset",
        page_rows=50,
    ),
    _optional(
        name="mail_threads",
        path="v1/mailbox/mailThreads",
        description="Mail conversations of the api token's user, of all four folders.",
        tokens_per_page=20,
        paging="offset",
        variants=tuple((("folder", folder),) for folder in ("inbox", "drafts", "sent", "archive")),
    ),
    _optional(
        name="mail_messages",
        path="v1/mailbox/mailThreads/{id}/mailMessages",
        description="The messages of each mail conversation, without their text.",
        tokens_per_page=20,
        paging="none",
        key=("mail_thread_id", "id"),
        parent="mail_threads",
        shape="child",
    ),
    _optional(
        name="organization_relationships",
        path="v1/organizationRelationships",
        description="How organizations belong together, as each of the two sees it.",
        tokens_per_page=20,
        paging="none",
        key=("org_id", "id"),
        parent="organizations",
        parent_param="org_id",
        poll_children=True,
        shape="child",
    ),
    _optional(
        name="deals_discounts",
        path="api/v2/deals/{id}/discounts",
        description="Discounts that a deal as a whole is given.",
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
        "Changes of a deal's fields: less than deals_flow tells, at half its price.",
        parent="deals",
        key="deal_id",
        tokens_per_page=20,
    ),
    _changelog(
        "deals_participants_changelog",
        "v1/deals/{id}/participantsChangelog",
        "Who joined a deal or left it, when, and by whose hand.",
        parent="deals",
        key="deal_id",
        tokens_per_page=10,
        poll_children=True,
    ),
    _changelog(
        "deals_followers_changelog",
        "api/v2/deals/{id}/followers/changelog",
        "Who began or ceased to follow a deal, when, and by whose hand.",
        parent="deals",
        key="deal_id",
        tokens_per_page=10,
        poll_children=True,
    ),
    _changelog(
        "persons_changelog",
        "v1/persons/{id}/changelog",
        "Changes of a person's fields.",
        parent="persons",
        key="person_id",
        tokens_per_page=20,
    ),
    _changelog(
        "organizations_changelog",
        "v1/organizations/{id}/changelog",
        "Changes of an organization's fields.",
        parent="organizations",
        key="org_id",
        tokens_per_page=20,
    ),
    _changelog(
        "project_changelog",
        "api/v2/projects/{id}/changelog",
        "Changes of a project's fields, those made at once in one row.",
        parent="projects",
        key="project_id",
        tokens_per_page=10,
    ),
    _followers("deals", "deal_id", "followers_count"),
    _followers("persons", "person_id", "followers_count"),
    _followers("organizations", "org_id", "followers_count"),
    _followers("products", "product_id", None),
    _optional(
        name="products_variations",
        path="api/v2/products/{id}/variations",
        description="Variations of a product, with prices of their own.",
        tokens_per_page=10,
        key=("product_id", "id"),
        parent="products",
        poll_children=True,
        shape="child",
    ),
    _optional(
        name="note_comments",
        path="v1/notes/{id}/comments",
        description="What people answered to a note.",
        tokens_per_page=20,
        paging="offset",
        key=("note_id", "uuid"),
        parent="notes",
        poll_children=True,
        shape="child",
    ),
)
