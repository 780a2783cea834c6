"""Optional tables, which are loaded only if the setting PIPEDRIVE_TABLES names them.

All are feature-gated: the account can lack the feature, or the user the permission.
"""

from pipedrive_assets.registry.entity import Endpoint, Entity
from pipedrive_assets.registry.optional_children import OPTIONAL_CHILDREN, optional

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


OPTIONAL_ENTITIES: tuple[Entity, ...] = (
    optional(
        name="projects",
        fields="projectFields",
        path="api/v2/projects",
        scopes=("projects:read",),
        description=(
            "Projects: open, completed, canceled and archived; deleted ones while Pipedrive "
            "lists them."
        ),
        tokens_per_page=10,
        params=(("status", "open,completed,canceled,deleted"),),
        archived=Endpoint(path="api/v2/projects/archived", tokens_per_page=10),
    ),
    optional(
        name="tasks",
        path="api/v2/tasks",
        scopes=("projects:read",),
        description="Tasks of projects.",
        tokens_per_page=10,
    ),
    optional(
        name="goals",
        path="v1/goals/find",
        scopes=("goals:read",),
        description="Goals of all users and of all five types, active and inactive.",
        tokens_per_page=20,
        paging="none",
        variants=_GOALS,
        data_key="goals",
    ),
    optional(
        name="goals_results",
        path="v1/goals/{id}/results",
        scopes=("goals:read",),
        description=(
            "Progress of each goal by interval: week, month, quarter or year. A load reads the "
            "current interval and the one before; a first or full load reads twelve before."
        ),
        tokens_per_page=20,
        paging="record",
        key=("goal_id", "period"),
        list_per="goals",
        per_interval=True,
    ),
    optional(
        name="roles",
        path="v1/roles",
        scopes=("admin",),
        description="Roles and their hierarchy. Requires an admin's API token.",
        tokens_per_page=20,
        paging="offset",
    ),
    optional(
        name="permission_sets",
        path="v1/permissionSets",
        scopes=("admin",),
        description="Permission sets. Requires an admin's API token.",
        tokens_per_page=20,
        paging="none",
    ),
    optional(
        name="project_templates",
        path="api/v2/projectTemplates",
        scopes=("projects:read",),
        description="Templates for projects.",
        tokens_per_page=10,
    ),
    optional(
        name="boards",
        path="api/v2/boards",
        scopes=("projects:read",),
        description="Boards of projects.",
        tokens_per_page=10,
        paging="none",
    ),
    optional(
        name="phases",
        path="api/v2/phases",
        scopes=("projects:read",),
        description="The phases of each project board.",
        tokens_per_page=10,
        paging="none",
        list_per="boards",
        parent_param="board_id",
    ),
    optional(
        name="role_assignments",
        path="v1/roles/{id}/assignments",
        scopes=("admin",),
        description="The users of each role. Requires an admin's API token.",
        tokens_per_page=10,
        paging="offset",
        key=("role_id", "user_id"),
        list_per="roles",
    ),
    optional(
        name="permission_set_assignments",
        path="v1/permissionSets/{id}/assignments",
        scopes=("admin",),
        description="The users of each permission set. Requires an admin's API token.",
        tokens_per_page=20,
        paging="offset",
        key=("permission_set_id", "user_id"),
        list_per="permission_sets",
    ),
    optional(
        name="role_settings",
        path="v1/roles/{id}/settings",
        scopes=("admin",),
        description="Default visibility of records by role. Requires an admin's API token.",
        tokens_per_page=20,
        paging="record",
        key=("role_id",),
        list_per="roles",
        shape="child",
    ),
    optional(
        name="permission_set_contents",
        path="v1/permissionSets/{id}",
        scopes=("admin",),
        description="The permissions in each permission set. Requires an admin's API token.",
        tokens_per_page=2,
        paging="record",
        list_per="permission_sets",
    ),
    optional(
        name="webhooks",
        path="v1/webhooks",
        scopes=("admin",),
        description=(
            "Webhooks: the events and the URL of each, without passwords. Requires an admin's "
            "API token."
        ),
        tokens_per_page=10,
        paging="none",
        secret=("http_auth_user", "http_auth_password"),
    ),
    optional(
        name="call_logs",
        path="v1/callLogs",
        scopes=("phone-integration",),
        description="Calls logged by the user of the API token: numbers, duration, outcome.",
        tokens_per_page=20,
        paging="offset",
        page_rows=50,
    ),
    optional(
        name="mail_threads",
        path="v1/mailbox/mailThreads",
        scopes=("mail:read",),
        description="Mail threads of the user of the API token, from all four folders.",
        tokens_per_page=20,
        paging="offset",
        variants=tuple((("folder", folder),) for folder in ("inbox", "drafts", "sent", "archive")),
    ),
    optional(
        name="mail_messages",
        path="v1/mailbox/mailThreads/{id}/mailMessages",
        scopes=("mail:read",),
        description="Messages of each mail thread, without their text.",
        tokens_per_page=20,
        paging="none",
        key=("mail_thread_id", "id"),
        parent="mail_threads",
        shape="child",
    ),
    optional(
        name="organization_relationships",
        path="v1/organizationRelationships",
        scopes=("contacts:read",),
        description="Relationships between organizations, one row per organization of a pair.",
        tokens_per_page=20,
        paging="none",
        key=("org_id", "id"),
        parent="organizations",
        parent_param="org_id",
        poll_children=True,
        shape="child",
    ),
    *OPTIONAL_CHILDREN,
)
