"""Optional tables, which are loaded only if the setting PIPEDRIVE_TABLES names them.

All are feature-gated: the account can lack the feature, or the user the permission.
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
    tokens_per_page: int,
    poll_children: bool = False,
) -> Entity:
    """Return the entity of a changelog; a change has no id, so its key is a hash of its content."""
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
        description=(
            "Projects: open, completed, canceled and archived; deleted ones while Pipedrive "
            "lists them."
        ),
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
        description="Goals of all users and of all five types, active and inactive.",
        tokens_per_page=20,
        paging="none",
        variants=_GOALS,
        data_key="goals",
    ),
    _optional(
        name="roles",
        path="v1/roles",
        description="Roles and their hierarchy. Requires an admin's API token.",
        tokens_per_page=20,
        paging="offset",
    ),
    _optional(
        name="permission_sets",
        path="v1/permissionSets",
        description="Permission sets. Requires an admin's API token.",
        tokens_per_page=20,
        paging="none",
    ),
    _optional(
        name="project_templates",
        path="api/v2/projectTemplates",
        description="Templates for projects.",
        tokens_per_page=10,
    ),
    _optional(
        name="boards",
        path="api/v2/boards",
        description="Boards of projects.",
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
        description="The users of each role. Requires an admin's API token.",
        tokens_per_page=10,
        paging="offset",
        key=("role_id", "user_id"),
        list_per="roles",
    ),
    _optional(
        name="permission_set_assignments",
        path="v1/permissionSets/{id}/assignments",
        description="The users of each permission set. Requires an admin's API token.",
        tokens_per_page=20,
        paging="offset",
        key=("permission_set_id", "user_id"),
        list_per="permission_sets",
    ),
    _optional(
        name="webhooks",
        path="v1/webhooks",
        description=(
            "Webhooks: the events and the URL of each, without passwords. Requires an admin's "
            "API token."
        ),
        tokens_per_page=10,
        paging="none",
        secret=("http_auth_user", "http_auth_password"),
    ),
    _optional(
        name="call_logs",
        path="v1/callLogs",
        description="Calls logged by the user of the API token: numbers, duration, outcome.",
        tokens_per_page=20,
        paging="offset",
        page_rows=50,
    ),
    _optional(
        name="mail_threads",
        path="v1/mailbox/mailThreads",
        description="Mail threads of the user of the API token, from all four folders.",
        tokens_per_page=20,
        paging="offset",
        variants=tuple((("folder", folder),) for folder in ("inbox", "drafts", "sent", "archive")),
    ),
    _optional(
        name="mail_messages",
        path="v1/mailbox/mailThreads/{id}/mailMessages",
        description="Messages of each mail thread, without their text.",
        tokens_per_page=20,
        paging="none",
        key=("mail_thread_id", "id"),
        parent="mail_threads",
        shape="child",
    ),
    _optional(
        name="organization_relationships",
        path="v1/organizationRelationships",
        description="Relationships between organizations, one row per organization of a pair.",
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
        tokens_per_page=20,
    ),
    _changelog(
        "deals_participants_changelog",
        "v1/deals/{id}/participantsChangelog",
        "Participants added to or removed from each deal, with time and acting user.",
        parent="deals",
        key="deal_id",
        tokens_per_page=10,
        poll_children=True,
    ),
    _changelog(
        "deals_followers_changelog",
        "api/v2/deals/{id}/followers/changelog",
        "Followers added to or removed from each deal, with time and acting user.",
        parent="deals",
        key="deal_id",
        tokens_per_page=10,
        poll_children=True,
    ),
    _changelog(
        "persons_changelog",
        "v1/persons/{id}/changelog",
        "Field changes of each person.",
        parent="persons",
        key="person_id",
        tokens_per_page=20,
    ),
    _changelog(
        "organizations_changelog",
        "v1/organizations/{id}/changelog",
        "Field changes of each organization.",
        parent="organizations",
        key="org_id",
        tokens_per_page=20,
    ),
    _changelog(
        "project_changelog",
        "api/v2/projects/{id}/changelog",
        "Field changes of each project; changes made at the same time are one row.",
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
        description="Variations of each product, with their prices.",
        tokens_per_page=10,
        key=("product_id", "id"),
        parent="products",
        poll_children=True,
        shape="child",
    ),
    _optional(
        name="note_comments",
        path="v1/notes/{id}/comments",
        description="Comments on notes.",
        tokens_per_page=20,
        paging="offset",
        key=("note_id", "uuid"),
        parent="notes",
        poll_children=True,
        shape="child",
    ),
)
