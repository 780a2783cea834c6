"""The long tail of the registry: tables that are loaded only where PIPEDRIVE_TABLES names them.

All are gated, for an account may lack the feature, or its user the right.
"""

from functools import partial

from pipedrive_assets.registry.entity import Entity, Listing

_optional = partial(Entity, optional=True, gated=True)

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


def _followers(parent: str, key: str, counter: str | None) -> Entity:
    return _optional(
        name=f"{parent}_followers",
        path=f"api/v2/{parent}/{{id}}/followers",
        doc=f"Users who follow one of the {parent}.",
        cost=10,
        key=(key, "user_id"),
        parent=parent,
        counter=counter,
        drifts=counter is None,
        shape="child",
    )


def _changelog(  # noqa: PLR0913 - what a row of the registry says
    name: str,
    path: str,
    doc: str,
    *,
    parent: str,
    key: str,
    cost: int,
    drifts: bool = False,
) -> Entity:
    """Changes have no id: their key is made of all that they say."""
    return _optional(
        name=name,
        path=path,
        doc=doc,
        cost=cost,
        key=(key, "change_key"),
        parent=parent,
        drifts=drifts,
        shape="changelog",
    )


OPTIONAL_ENTITIES: tuple[Entity, ...] = (
    _optional(
        name="projects",
        fields="projectFields",
        path="api/v2/projects",
        doc="Projects: open, completed, canceled, archived, and deleted ones while listed.",
        cost=10,
        params=(("status", "open,completed,canceled,deleted"),),
        archived=Listing(path="api/v2/projects/archived", cost=10),
    ),
    _optional(
        name="tasks",
        path="api/v2/tasks",
        doc="Tasks of projects.",
        cost=10,
    ),
    _optional(
        name="goals",
        path="v1/goals/find",
        doc="Goals of everybody, of all five types, active and not.",
        cost=20,
        paging="none",
        variants=_GOALS,
        nested="goals",
    ),
    _optional(
        name="roles",
        path="v1/roles",
        doc="The account's hierarchy of roles; for admins only.",
        cost=20,
        paging="offset",
    ),
    _optional(
        name="permission_sets",
        path="v1/permissionSets",
        doc="Named sets of permissions; for admins only.",
        cost=20,
        paging="none",
    ),
    _optional(
        name="project_templates",
        path="api/v2/projectTemplates",
        doc="Templates that projects may be made from.",
        cost=10,
    ),
    _optional(
        name="boards",
        path="api/v2/boards",
        doc="Boards that projects stand on.",
        cost=10,
        paging="none",
    ),
    _optional(
        name="phases",
        path="api/v2/phases",
        doc="The phases of each project board.",
        cost=10,
        paging="none",
        per="boards",
        parent_param="board_id",
    ),
    _optional(
        name="role_assignments",
        path="v1/roles/{id}/assignments",
        doc="Which user has which role; for admins only.",
        cost=10,
        paging="offset",
        key=("role_id", "user_id"),
        per="roles",
    ),
    _optional(
        name="permission_set_assignments",
        path="v1/permissionSets/{id}/assignments",
        doc="Which user has which set of permissions; for admins only.",
        cost=20,
        paging="offset",
        key=("permission_set_id", "user_id"),
        per="permission_sets",
    ),
    _optional(
        name="webhooks",
        path="v1/webhooks",
        doc="Which programs Pipedrive tells of which events, without their passwords; for admins.",
        cost=10,
        paging="none",
        secret=("http_auth_user", "http_auth_password"),
    ),
    _optional(
        name="call_logs",
        path="v1/callLogs",
        doc="Calls logged by the api token's user: numbers, duration, outcome.",
        cost=20,
        paging="offset",
        page_rows=50,
    ),
    _optional(
        name="mail_threads",
        path="v1/mailbox/mailThreads",
        doc="Mail conversations of the api token's user, of all four folders.",
        cost=20,
        paging="offset",
        variants=tuple((("folder", folder),) for folder in ("inbox", "drafts", "sent", "archive")),
    ),
    _optional(
        name="mail_messages",
        path="v1/mailbox/mailThreads/{id}/mailMessages",
        doc="The messages of each mail conversation, without their text.",
        cost=20,
        paging="none",
        key=("mail_thread_id", "id"),
        parent="mail_threads",
        shape="child",
    ),
    _optional(
        name="organization_relationships",
        path="v1/organizationRelationships",
        doc="How organizations belong together, as each of the two sees it.",
        cost=20,
        paging="none",
        key=("org_id", "id"),
        parent="organizations",
        parent_param="org_id",
        drifts=True,
        shape="child",
    ),
    _optional(
        name="deals_discounts",
        path="api/v2/deals/{id}/discounts",
        doc="Discounts that a deal as a whole is given.",
        cost=10,
        paging="none",
        key=("deal_id", "id"),
        parent="deals",
        drifts=True,
        shape="child",
    ),
    _changelog(
        "deals_changelog",
        "v1/deals/{id}/changelog",
        "Changes of a deal's fields: less than deals_flow tells, at half its price.",
        parent="deals",
        key="deal_id",
        cost=20,
    ),
    _changelog(
        "deals_participants_changelog",
        "v1/deals/{id}/participantsChangelog",
        "Who joined a deal or left it, when, and by whose hand.",
        parent="deals",
        key="deal_id",
        cost=10,
        drifts=True,
    ),
    _changelog(
        "deals_followers_changelog",
        "api/v2/deals/{id}/followers/changelog",
        "Who began or ceased to follow a deal, when, and by whose hand.",
        parent="deals",
        key="deal_id",
        cost=10,
        drifts=True,
    ),
    _changelog(
        "persons_changelog",
        "v1/persons/{id}/changelog",
        "Changes of a person's fields.",
        parent="persons",
        key="person_id",
        cost=20,
    ),
    _changelog(
        "organizations_changelog",
        "v1/organizations/{id}/changelog",
        "Changes of an organization's fields.",
        parent="organizations",
        key="org_id",
        cost=20,
    ),
    _changelog(
        "project_changelog",
        "api/v2/projects/{id}/changelog",
        "Changes of a project's fields, those made at once in one row.",
        parent="projects",
        key="project_id",
        cost=10,
    ),
    _followers("deals", "deal_id", "followers_count"),
    _followers("persons", "person_id", "followers_count"),
    _followers("organizations", "org_id", "followers_count"),
    _followers("products", "product_id", None),
    _optional(
        name="products_variations",
        path="api/v2/products/{id}/variations",
        doc="Variations of a product, with prices of their own.",
        cost=10,
        key=("product_id", "id"),
        parent="products",
        drifts=True,
        shape="child",
    ),
    _optional(
        name="note_comments",
        path="v1/notes/{id}/comments",
        doc="What people answered to a note.",
        cost=20,
        paging="offset",
        key=("note_id", "uuid"),
        parent="notes",
        drifts=True,
        shape="child",
    ),
)
