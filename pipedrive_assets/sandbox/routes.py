"""Every path the sandbox answers: its price, its parameters and what answers it.

Written from the official documents, on purpose not from the client's registry: where the two
disagree, tests fail instead of both being wrong together.
"""

import re
from collections.abc import Mapping
from functools import cache

from . import checks, lists, v1_fields, v1_flow, v1_lists, v1_rows
from .checks import Check
from .exchange import Refusal
from .optional import OPTIONAL
from .route import CURSOR, OFFSET, Route, numbers, sorted_by, v1, v2
from .side_routes import SIDE_ROUTES
from .v1_rows import PIN_FLAGS

FILES: Mapping[str, Check] = {**OFFSET, "limit": checks.limit_up_to(100)}
WINDOW: Mapping[str, Check] = {"updated_since": checks.instant, "updated_until": checks.instant}
STATUS = checks.some_of("open", "won", "lost", "deleted")
LABELS: Mapping[str, Check] = {
    "include_option_labels": checks.boolean,
    "include_labels": checks.boolean,
}


def optional(entity: str) -> dict[str, Check]:
    """`include_fields` of an entity."""
    return {"include_fields": checks.some_of(*OPTIONAL[entity])}


DEAL_FIELDS = {**optional("deals"), "custom_fields": checks.codes}
DEALS = {
    **numbers("filter_id", "owner_id", "person_id", "org_id", "pipeline_id", "stage_id"),
    "ids": checks.ids,
    "status": STATUS,
    **WINDOW,
    **sorted_by("id", "update_time", "add_time"),
    **DEAL_FIELDS,
    **CURSOR,
}
PERSON_FIELDS = {**optional("persons"), "custom_fields": checks.codes, **LABELS}
PERSONS = {
    **numbers("filter_id", "owner_id", "org_id", "deal_id"),
    "ids": checks.ids,
    **WINDOW,
    **sorted_by("id", "update_time", "add_time"),
    **PERSON_FIELDS,
    **CURSOR,
}
ORGANIZATION_FIELDS = {**optional("organizations"), "custom_fields": checks.codes, **LABELS}
ORGANIZATIONS = {
    **numbers("filter_id", "owner_id"),
    "ids": checks.ids,
    **WINDOW,
    **sorted_by("id", "update_time", "add_time"),
    **ORGANIZATION_FIELDS,
    **CURSOR,
}
ACTIVITIES = {
    **numbers("filter_id", "owner_id", "deal_id", "person_id", "org_id"),
    "ids": checks.ids,
    "lead_id": checks.text,
    "done": checks.boolean,
    **WINDOW,
    **sorted_by("id", "update_time", "add_time", "due_date"),
    **optional("activities"),
    **CURSOR,
}
PRODUCTS = {
    **numbers("filter_id", "owner_id"),
    "ids": checks.ids,
    "updated_since": checks.instant,
    **sorted_by("id", "name", "add_time", "update_time"),
    "custom_fields": checks.codes,
    **CURSOR,
}
LINES = {**sorted_by("id", "deal_id", "add_time", "update_time", "order_nr"), **CURSOR}
PROJECT_STATUS = checks.some_of("open", "completed", "canceled", "deleted")
ARCHIVED_PROJECTS = {**numbers("filter_id", "phase_id"), "status": PROJECT_STATUS, **CURSOR}
PROJECTS = {**ARCHIVED_PROJECTS, **numbers("deal_id", "person_id", "org_id")}
TASKS = {
    **numbers("assignee_id", "project_id"),
    "is_done": checks.boolean,
    "is_milestone": checks.boolean,
    "parent_task_id": lambda value: None if value == "null" else checks.whole(value),
    **CURSOR,
}
VISIBILITY = {"include_fields": checks.some_of("ui_visibility")}
ALL_EXTRAS = {
    "include_fields": checks.some_of("ui_visibility", "important_fields", "required_fields")
}
LEAD_COLUMNS = (
    "id", "title", "owner_id", "creator_id", "was_seen", "expected_close_date",
    "next_activity_id", "add_time", "update_time",
)  # fmt: skip
LEADS = {
    **OFFSET,
    **numbers("owner_id", "person_id", "organization_id", "filter_id"),
    "sort": checks.sorting(*LEAD_COLUMNS),
}
NOTES = {
    **OFFSET,
    **numbers("user_id", "deal_id", "person_id", "org_id", "project_id", "task_id"),
    "lead_id": checks.uuid,
    "sort": checks.sorting(
        "id", "user_id", "deal_id", "person_id", "org_id", "content", "add_time", "update_time"
    ),
    "start_date": checks.day,
    "end_date": checks.day,
    "updated_since": checks.instant,
    **dict.fromkeys((f"pinned_to_{name}_flag" for name in PIN_FLAGS), checks.flag),
}
GOALS: Mapping[str, Check] = {
    "type.name": checks.one_of(
        "deals_won", "deals_progressed", "activities_completed", "activities_added", "deals_started"
    ),
    "title": checks.text,
    "is_active": checks.boolean,
    "assignee.type": checks.one_of("person", "company", "team"),
    "expected_outcome.target": checks.number,
    "expected_outcome.tracking_metric": checks.one_of("quantity", "sum"),
    **numbers("assignee.id", "expected_outcome.currency_id", "type.params.stage_id"),
    **numbers("type.params.pipeline_id", "type.params.activity_type_id"),
    "period.start": checks.day,
    "period.end": checks.day,
}
APPS = checks.one_of(
    "sales", "projects", "campaigns", "global", "account_settings", "partnership", "nova"
)
FILTER_TYPES = checks.one_of("deals", "leads", "org", "people", "products", "activity", "projects")
FLOW = {
    **OFFSET,
    "all_changes": lambda value: checks.one_of("1")(value) == "1",
    "items": checks.some_of(*v1_flow.ITEMS),
}


ROUTES: tuple[Route, ...] = (
    v2("deals", 10, lists.listed("deals", archived=False), {**DEALS, **LABELS}),
    v2("deals/archived", 20, lists.listed("deals", archived=True), DEALS),
    v2(
        "deals/products",
        10,
        lists.of_deals("deal_products"),
        {"deal_ids": checks.ids, **LINES},
        requires=("deal_ids",),
    ),
    v2(
        "deals/installments",
        10,
        lists.of_deals("installments", paged=False),
        {"deal_ids": checks.ids, **sorted_by("id", "billing_date", "deal_id"), **CURSOR},
        requires=("deal_ids",),
    ),
    v2("deals/{id}", 1, lists.single("deals"), {**DEAL_FIELDS, **LABELS}),
    v2(
        "deals/{id}/products",
        10,
        lists.of_deal("deal_products"),
        {**sorted_by("id", "add_time", "update_time", "order_nr"), **CURSOR},
    ),
    v2("deals/{id}/followers", 10, lists.of_deal("followers"), CURSOR),
    v2("deals/{id}/discounts", 10, lists.of_deal("discounts", paged=False)),
    v2("persons", 10, lists.listed("persons"), PERSONS),
    v2("persons/{id}", 1, lists.single("persons"), PERSON_FIELDS),
    v2("organizations", 10, lists.listed("organizations"), ORGANIZATIONS),
    v2("organizations/{id}", 1, lists.single("organizations"), ORGANIZATION_FIELDS),
    v2("activities", 10, lists.listed("activities"), ACTIVITIES),
    v2("activities/{id}", 1, lists.single("activities"), optional("activities")),
    v2("products", 10, lists.listed("products"), PRODUCTS),
    v2("products/{id}", 1, lists.single("products")),
    v2(
        "pipelines",
        5,
        lists.listed("pipelines"),
        {**sorted_by("id", "update_time", "add_time"), **CURSOR},
    ),
    v2("pipelines/{id}", 1, lists.single("pipelines")),
    v2(
        "stages",
        5,
        lists.listed("stages"),
        {
            **numbers("pipeline_id"),
            **sorted_by("id", "update_time", "add_time", "order_nr"),
            **CURSOR,
        },
    ),
    v2("stages/{id}", 1, lists.single("stages")),
    v2("dealFields", 10, lists.fields("deals"), {**ALL_EXTRAS, **CURSOR}),
    v2("personFields", 10, lists.fields("persons"), {**ALL_EXTRAS, **CURSOR}),
    v2("organizationFields", 10, lists.fields("organizations"), {**ALL_EXTRAS, **CURSOR}),
    v2("productFields", 10, lists.fields("products"), {**VISIBILITY, **CURSOR}),
    v2("activityFields", 10, lists.fields("activities"), {**VISIBILITY, **CURSOR}),
    v2("projectFields", 10, lists.fields("projects"), CURSOR),
    v2("projects", 10, lists.listed("projects", archived=False), PROJECTS),
    v2("projects/archived", 10, lists.listed("projects", archived=True), ARCHIVED_PROJECTS),
    v2("tasks", 10, lists.listed("tasks"), TASKS),
    v2("boards", 10, lists.unpaged("boards")),
    v2("phases", 10, lists.unpaged("phases"), numbers("board_id"), requires=("board_id",)),
    v1("users", 20, v1_lists.whole("users")),
    v1("users/me", 2, v1_lists.me),
    v1("currencies", 20, v1_lists.whole("currencies"), {"term": checks.text}),
    v1("activityTypes", 20, v1_lists.whole("activity_types")),
    v1("filters", 20, v1_lists.whole("filters"), {"type": FILTER_TYPES}),
    v1("leads", 20, v1_lists.leads(archived=False), {**LEADS, "updated_since": checks.instant}),
    v1("leads/archived", 40, v1_lists.leads(archived=True), LEADS),
    v1("leads/{id}", 2, v1_lists.one("leads", v1_rows.lead)),
    v1("leadLabels", 10, v1_lists.whole("lead_labels")),
    v1("leadSources", 2, v1_lists.whole("lead_sources")),
    v1("leadFields", 20, v1_fields.old_fields("leads", own=False), OFFSET),
    v1("notes", 20, v1_lists.notes, NOTES),
    v1("notes/{id}", 2, v1_lists.one("notes", v1_rows.note)),
    v1("noteFields", 20, v1_fields.old_fields("notes", own=True)),
    v1("files", 20, v1_lists.files, {**FILES, "sort": checks.sorting("id", "update_time")}),
    v1("files/{id}", 2, v1_lists.one("files", v1_rows.file)),
    v1("deals/{id}/participants", 10, v1_lists.participants, OFFSET),
    v1("deals/{id}/flow", 40, v1_lists.flow, FLOW),
    v1("deals/{id}/changelog", 20, v1_lists.changelog("deals"), CURSOR),
    v1("goals/find", 20, v1_lists.goals, GOALS),
    v1("roles", 20, v1_lists.roles, OFFSET),
    v1("permissionSets", 20, v1_lists.whole("permission_sets"), {"app": APPS}),
    *SIDE_ROUTES,
)

# API v1 reading endpoints with a twin in v2: out of support since August 2026 (changelog).
RETIRED = re.compile(
    r"v1/(?:(?:activities|deals|persons|organizations|products|pipelines|stages)(?:/\d+)?"
    r"|(?:activities|deals|persons|organizations)/collection"
    r"|(?:deals|persons|organizations|products)/search"
    r"|deals/\d+/(?:activities|persons|products)"
    r"|persons/\d+/(?:deals|activities)"
    r"|organizations/\d+/(?:deals|activities|persons)"
    r"|itemSearch(?:/field)?)"
)
# Paths that `/api/v1` does not serve on the shared host (reported by other connectors).
ONLY_V1 = re.compile(r"v1/(?:leads(?:/.*)?|leadLabels|leadSources|goals/find)")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Route], ...]:
    return tuple((re.compile(route.path.replace("{id}", "([^/]+)")), route) for route in ROUTES)


def find(path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route of a path and the ids in it; literal paths stand before those with an id."""
    for pattern, route in _patterns():
        if match := pattern.fullmatch(path):
            return route, match.groups()
    return None


def open_for(path: str, method: str, *, by_alias: bool) -> tuple[Route, tuple[str, ...]]:
    """The route that answers a path; refuses retired, unknown and closed ones.

    `by_alias`: the v1 path was asked for under `/api/v1`.
    """
    if RETIRED.fullmatch(path):
        raise Refusal(410, "This endpoint is no longer supported, use API v2")
    found = find(path)
    if found is None or (by_alias and ONLY_V1.fullmatch(path)):
        raise Refusal(404, "Unknown path")
    if method != "GET":
        raise Refusal(405, "Method not allowed")
    return found
