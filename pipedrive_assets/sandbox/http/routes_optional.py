"""Paths of the optional tables."""

from pipedrive_assets.sandbox.http import (
    goal_results,
    lists_optional,
    parameters,
    v1_lists,
    v2_lists,
)
from pipedrive_assets.sandbox.http.route import CURSOR, OFFSET, Route, numbers, v1, v2

CALLS = {**OFFSET, "limit": parameters.limit_up_to(50)}
MAILS = {**OFFSET, "include_body": parameters.flag}
FOLDER = parameters.one_of("inbox", "drafts", "sent", "archive")

SIDE_ROUTES: tuple[Route, ...] = (
    v2(
        "persons/{id}/followers",
        10,
        lists_optional.followers("persons", "person_followers", "person_id"),
        CURSOR,
    ),
    v2(
        "organizations/{id}/followers",
        10,
        lists_optional.followers("organizations", "organization_followers", "org_id"),
        CURSOR,
    ),
    v2(
        "products/{id}/followers",
        10,
        lists_optional.followers("products", "product_followers", "product_id"),
        CURSOR,
    ),
    v2("deals/{id}/followers/changelog", 10, lists_optional.moves("follower_moves"), CURSOR),
    v2(
        "persons/{id}/followers/changelog",
        10,
        lists_optional.moves("person_follower_moves", "persons", "person_id"),
        CURSOR,
    ),
    v2(
        "organizations/{id}/followers/changelog",
        10,
        lists_optional.moves("organization_follower_moves", "organizations", "org_id"),
        CURSOR,
    ),
    v2(
        "products/{id}/followers/changelog",
        10,
        lists_optional.moves("product_follower_moves", "products", "product_id"),
        CURSOR,
    ),
    v1("deals/{id}/participantsChangelog", 10, lists_optional.moves("participant_moves"), CURSOR),
    v1("persons/{id}/changelog", 20, v1_lists.changelog("persons"), CURSOR),
    v1("organizations/{id}/changelog", 20, v1_lists.changelog("organizations"), CURSOR),
    v2("projects/{id}/changelog", 10, lists_optional.project_changelog, CURSOR),
    v2("projects/{id}", 1, v2_lists.single("projects")),
    v2("projectTemplates", 10, lists_optional.whole_v2("project_templates"), CURSOR),
    v2("products/{id}/variations", 10, lists_optional.variations, CURSOR),
    v1("notes/{id}/comments", 20, lists_optional.comments, OFFSET),
    v1(
        "organizationRelationships",
        20,
        lists_optional.relationships,
        numbers("org_id"),
        requires=("org_id",),
    ),
    v1(
        "goals/{id}/results",
        20,
        goal_results.result,
        {"period.start": parameters.day, "period.end": parameters.day},
        requires=("period.start", "period.end"),
    ),
    v1("filters/{id}", 2, lists_optional.filter_record, {"include_field_code": parameters.boolean}),
    v1("callLogs", 20, lists_optional.call_logs, CALLS),
    v1(
        "mailbox/mailThreads",
        20,
        lists_optional.threads,
        {"folder": FOLDER, **OFFSET},
        requires=("folder",),
    ),
    v1("mailbox/mailThreads/{id}", 20, v1_lists.one("mail_threads", lambda _, row: row)),
    v1("mailbox/mailThreads/{id}/mailMessages", 20, lists_optional.messages),
    v1("deals/{id}/mailMessages", 20, lists_optional.mails("deals", "deal_id"), MAILS),
    v1("persons/{id}/mailMessages", 20, lists_optional.mails("persons", "person_id"), MAILS),
    v1(
        "organizations/{id}/mailMessages",
        20,
        lists_optional.mails("organizations", "org_id"),
        MAILS,
    ),
    v1("webhooks", 10, lists_optional.webhooks),
    v1("roles/{id}/assignments", 10, lists_optional.role_assignments, OFFSET),
    v1("roles/{id}/settings", 20, lists_optional.role_settings),
    v1("permissionSets/{id}", 2, lists_optional.permission_set),
    v1("permissionSets/{id}/assignments", 20, lists_optional.permission_set_assignments, OFFSET),
)
