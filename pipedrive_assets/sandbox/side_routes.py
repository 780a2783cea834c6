"""The paths of the long tail of tables."""

from . import checks, lists, side_lists, v1_lists
from .route import CURSOR, OFFSET, Route, numbers, v1, v2

CALLS = {**OFFSET, "limit": checks.limit_up_to(50)}
FOLDER = checks.one_of("inbox", "drafts", "sent", "archive")

SIDE_ROUTES: tuple[Route, ...] = (
    v2(
        "persons/{id}/followers",
        10,
        side_lists.followers("persons", "person_followers", "person_id"),
        CURSOR,
    ),
    v2(
        "organizations/{id}/followers",
        10,
        side_lists.followers("organizations", "organization_followers", "org_id"),
        CURSOR,
    ),
    v2(
        "products/{id}/followers",
        10,
        side_lists.followers("products", "product_followers", "product_id"),
        CURSOR,
    ),
    v2("deals/{id}/followers/changelog", 10, side_lists.moves("follower_moves"), CURSOR),
    v1("deals/{id}/participantsChangelog", 10, side_lists.moves("participant_moves"), CURSOR),
    v1("persons/{id}/changelog", 20, v1_lists.changelog("persons"), CURSOR),
    v1("organizations/{id}/changelog", 20, v1_lists.changelog("organizations"), CURSOR),
    v2("projects/{id}/changelog", 10, side_lists.project_changelog, CURSOR),
    v2("projects/{id}", 1, lists.single("projects")),
    v2("projectTemplates", 10, side_lists.whole_v2("project_templates"), CURSOR),
    v2("products/{id}/variations", 10, side_lists.variations, CURSOR),
    v1("notes/{id}/comments", 20, side_lists.comments, OFFSET),
    v1(
        "organizationRelationships",
        20,
        side_lists.relationships,
        numbers("org_id"),
        requires=("org_id",),
    ),
    v1("callLogs", 20, side_lists.call_logs, CALLS),
    v1(
        "mailbox/mailThreads",
        20,
        side_lists.threads,
        {"folder": FOLDER, **OFFSET},
        requires=("folder",),
    ),
    v1("mailbox/mailThreads/{id}", 20, v1_lists.one("mail_threads", lambda _, row: row)),
    v1("mailbox/mailThreads/{id}/mailMessages", 20, side_lists.messages),
    v1("webhooks", 10, side_lists.webhooks),
    v1("roles/{id}/assignments", 10, side_lists.role_assignments, OFFSET),
    v1("permissionSets/{id}/assignments", 20, side_lists.permission_set_assignments, OFFSET),
)
