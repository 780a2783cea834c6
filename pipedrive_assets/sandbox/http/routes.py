"""All paths of the sandbox with their token costs, parameters and handlers.

They come from the official documentation and on purpose not from the registry of this project, so
that tests fail if the two differ.
"""

import re
from collections.abc import Mapping
from functools import cache

from pipedrive_assets.sandbox.exchange import Refusal
from pipedrive_assets.sandbox.http import (
    parameters,
    storage,
    v1_flow,
    v1_lists,
    v1_rows,
    v2_lists,
)
from pipedrive_assets.sandbox.http.include_fields import OPTIONAL
from pipedrive_assets.sandbox.http.parameters import Check
from pipedrive_assets.sandbox.http.route import CURSOR, OFFSET, Route, numbers, sorted_by, v1, v2
from pipedrive_assets.sandbox.http.routes_optional import SIDE_ROUTES
from pipedrive_assets.sandbox.http.v1_rows import PIN_FLAGS

FILES: Mapping[str, Check] = {**OFFSET, "limit": parameters.limit_up_to(100)}
WINDOW: Mapping[str, Check] = {
    "updated_since": parameters.instant,
    "updated_until": parameters.instant,
}
STATUS = parameters.some_of("open", "won", "lost", "deleted")
LABELS: Mapping[str, Check] = {
    "include_option_labels": parameters.boolean,
    "include_labels": parameters.boolean,
}


def optional(entity: str) -> dict[str, Check]:
    """Accept the `include_fields` of a table."""
    return {"include_fields": parameters.some_of(*OPTIONAL[entity])}


DEAL_FIELDS = {**optional("deals"), "custom_fields": parameters.codes}
DEALS = {
    **numbers("filter_id", "owner_id", "person_id", "org_id", "pipeline_id", "stage_id"),
    "ids": parameters.ids,
    "status": STATUS,
    **WINDOW,
    **sorted_by("id", "update_time", "add_time"),
    **DEAL_FIELDS,
    **CURSOR,
}
PERSON_FIELDS = {**optional("persons"), "custom_fields": parameters.codes, **LABELS}
PERSONS = {
    **numbers("filter_id", "owner_id", "org_id", "deal_id"),
    "ids": parameters.ids,
    **WINDOW,
    **sorted_by("id", "update_time", "add_time"),
    **PERSON_FIELDS,
    **CURSOR,
}
ORGANIZATION_FIELDS = {**optional("organizations"), "custom_fields": parameters.codes, **LABELS}
ORGANIZATIONS = {
    **numbers("filter_id", "owner_id"),
    "ids": parameters.ids,
    **WINDOW,
    **sorted_by("id", "update_time", "add_time"),
    **ORGANIZATION_FIELDS,
    **CURSOR,
}
ACTIVITIES = {
    **numbers("filter_id", "owner_id", "deal_id", "person_id", "org_id"),
    "ids": parameters.ids,
    "lead_id": parameters.text,
    "done": parameters.boolean,
    **WINDOW,
    **sorted_by("id", "update_time", "add_time", "due_date"),
    **optional("activities"),
    **CURSOR,
}
PRODUCTS = {
    **numbers("filter_id", "owner_id"),
    "ids": parameters.ids,
    "updated_since": parameters.instant,
    **sorted_by("id", "name", "add_time", "update_time"),
    "custom_fields": parameters.codes,
    **CURSOR,
}
LINES = {**sorted_by("id", "deal_id", "add_time", "update_time", "order_nr"), **CURSOR}
PROJECT_STATUS = parameters.some_of("open", "completed", "canceled", "deleted")
ARCHIVED_PROJECTS = {**numbers("filter_id", "phase_id"), "status": PROJECT_STATUS, **CURSOR}
PROJECTS = {**ARCHIVED_PROJECTS, **numbers("deal_id", "person_id", "org_id")}
TASKS = {
    **numbers("assignee_id", "project_id"),
    "is_done": parameters.boolean,
    "is_milestone": parameters.boolean,
    "parent_task_id": lambda value: None if value == "null" else parameters.whole(value),
    **CURSOR,
}
VISIBILITY = {"include_fields": parameters.some_of("ui_visibility")}
ALL_EXTRAS = {
    "include_fields": parameters.some_of("ui_visibility", "important_fields", "required_fields")
}
LEAD_COLUMNS = (
    "id", "title", "owner_id", "creator_id", "was_seen", "expected_close_date",
    "next_activity_id", "add_time", "update_time",
)  # fmt: skip
LEADS = {
    **OFFSET,
    **numbers("owner_id", "person_id", "organization_id", "filter_id"),
    "sort": parameters.sorting(*LEAD_COLUMNS),
}
NOTES = {
    **OFFSET,
    **numbers("user_id", "deal_id", "person_id", "org_id", "project_id", "task_id"),
    "lead_id": parameters.uuid,
    "sort": parameters.sorting(
        "id", "user_id", "deal_id", "person_id", "org_id", "content", "add_time", "update_time"
    ),
    "start_date": parameters.day,
    "end_date": parameters.day,
    "updated_since": parameters.instant,
    **dict.fromkeys((f"pinned_to_{name}_flag" for name in PIN_FLAGS), parameters.flag),
}
GOALS: Mapping[str, Check] = {
    "type.name": parameters.one_of(
        "deals_won", "deals_progressed", "activities_completed", "activities_added", "deals_started"
    ),
    "title": parameters.text,
    "is_active": parameters.boolean,
    "assignee.type": parameters.one_of("person", "company", "team"),
    "expected_outcome.target": parameters.number,
    "expected_outcome.tracking_metric": parameters.one_of("quantity", "sum"),
    **numbers("assignee.id", "expected_outcome.currency_id", "type.params.stage_id"),
    **numbers("type.params.pipeline_id", "type.params.activity_type_id"),
    "period.start": parameters.day,
    "period.end": parameters.day,
}
APPS = parameters.one_of(
    "sales", "projects", "campaigns", "global", "account_settings", "partnership", "nova"
)
FILTER_TYPES = parameters.one_of(
    "deals", "leads", "org", "people", "products", "activity", "projects"
)
FLOW = {
    **OFFSET,
    "all_changes": lambda value: parameters.one_of("1")(value) == "1",
    "items": parameters.some_of(*v1_flow.ITEMS),
}


ROUTES: tuple[Route, ...] = (
    v2("deals", 10, v2_lists.listed("deals", archived=False), {**DEALS, **LABELS}),
    v2("deals/archived", 20, v2_lists.listed("deals", archived=True), DEALS),
    v2(
        "deals/products",
        10,
        v2_lists.of_deals("deal_products"),
        {"deal_ids": parameters.ids, **LINES},
        requires=("deal_ids",),
    ),
    v2(
        "deals/installments",
        10,
        v2_lists.of_deals("installments", paged=False),
        {"deal_ids": parameters.ids, **sorted_by("id", "billing_date", "deal_id"), **CURSOR},
        requires=("deal_ids",),
    ),
    v2("deals/{id}", 1, v2_lists.single("deals"), {**DEAL_FIELDS, **LABELS}),
    v2("deals/{id}/followers", 10, v2_lists.of_deal("followers"), CURSOR),
    v2("deals/{id}/discounts", 10, v2_lists.of_deal("discounts", paged=False)),
    v2("persons", 10, v2_lists.listed("persons"), PERSONS),
    v2("persons/{id}", 1, v2_lists.single("persons"), PERSON_FIELDS),
    v2("organizations", 10, v2_lists.listed("organizations"), ORGANIZATIONS),
    v2("organizations/{id}", 1, v2_lists.single("organizations"), ORGANIZATION_FIELDS),
    v2("activities", 10, v2_lists.listed("activities"), ACTIVITIES),
    v2("activities/{id}", 1, v2_lists.single("activities"), optional("activities")),
    v2("products", 10, v2_lists.listed("products"), PRODUCTS),
    v2("products/{id}", 1, v2_lists.single("products")),
    v2(
        "pipelines",
        5,
        v2_lists.listed("pipelines"),
        {**sorted_by("id", "update_time", "add_time"), **CURSOR},
    ),
    v2("pipelines/{id}", 1, v2_lists.single("pipelines")),
    v2(
        "stages",
        5,
        v2_lists.listed("stages"),
        {
            **numbers("pipeline_id"),
            **sorted_by("id", "update_time", "add_time", "order_nr"),
            **CURSOR,
        },
    ),
    v2("stages/{id}", 1, v2_lists.single("stages")),
    v2("dealFields", 10, v2_lists.fields("deals"), {**ALL_EXTRAS, **CURSOR}),
    v2("personFields", 10, v2_lists.fields("persons"), {**ALL_EXTRAS, **CURSOR}),
    v2("organizationFields", 10, v2_lists.fields("organizations"), {**ALL_EXTRAS, **CURSOR}),
    v2("productFields", 10, v2_lists.fields("products"), {**VISIBILITY, **CURSOR}),
    v2("activityFields", 10, v2_lists.fields("activities"), {**VISIBILITY, **CURSOR}),
    v2("projectFields", 10, v2_lists.fields("projects"), CURSOR),
    v2("projects", 10, v2_lists.listed("projects", archived=False), PROJECTS),
    v2("projects/archived", 10, v2_lists.listed("projects", archived=True), ARCHIVED_PROJECTS),
    v2("tasks", 10, v2_lists.listed("tasks"), TASKS),
    v2("boards", 10, v2_lists.unpaged("boards")),
    v2("phases", 10, v2_lists.unpaged("phases"), numbers("board_id"), requires=("board_id",)),
    v1("users", 20, v1_lists.whole("users")),
    v1("users/me", 2, v1_lists.me),
    v1("currencies", 20, v1_lists.whole("currencies"), {"term": parameters.text}),
    v1("activityTypes", 20, v1_lists.whole("activity_types")),
    v1("filters", 20, v1_lists.whole("filters"), {"type": FILTER_TYPES}),
    v1("leads", 20, v1_lists.leads(archived=False), {**LEADS, "updated_since": parameters.instant}),
    v1("leads/archived", 40, v1_lists.leads(archived=True), LEADS),
    v1("leads/{id}", 2, v1_lists.one("leads", v1_rows.lead)),
    v1("leadLabels", 10, v1_lists.whole("lead_labels")),
    v1("leadSources", 2, v1_lists.whole("lead_sources")),
    v1("notes", 20, v1_lists.notes, NOTES),
    v1("notes/{id}", 2, v1_lists.one("notes", v1_rows.note)),
    v1("files", 20, v1_lists.files, {**FILES, "sort": parameters.sorting("id", "update_time")}),
    v1("files/{id}", 2, v1_lists.one("files", v1_rows.file)),
    v1("deals/{id}/participants", 10, v1_lists.participants, OFFSET),
    v1("deals/{id}/flow", 40, v1_lists.flow, FLOW),
    v1("deals/{id}/changelog", 20, v1_lists.changelog("deals"), CURSOR),
    v1("goals/find", 20, v1_lists.goals, GOALS),
    v1("roles", 20, v1_lists.roles, OFFSET),
    v1("permissionSets", 20, v1_lists.whole("permission_sets"), {"app": APPS}),
    *SIDE_ROUTES,
)

FILES_THEMSELVES = (v1("files/{id}/download", 20, storage.redirect),)
"""Routes whose replies are not JSON."""

# GET endpoints of API v1 that v2 replaces: out of support since August 2026 (changelog).
RETIRED = re.compile(
    r"v1/(?:(?:activities|deals|persons|organizations|products|pipelines|stages)(?:/\d+)?"
    r"|(?:activities|deals|persons|organizations)/collection"
    r"|(?:deals|persons|organizations|products)/search"
    r"|deals/\d+/(?:activities|persons|products)"
    r"|persons/\d+/(?:deals|activities)"
    r"|organizations/\d+/(?:deals|activities|persons)"
    r"|itemSearch(?:/field)?)"
)
# Paths that the shared host does not serve under `/api/v1` (reported by other connectors).
ONLY_V1 = re.compile(r"v1/(?:leads(?:/.*)?|leadLabels|leadSources|goals/find)")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Route], ...]:
    return tuple(
        (re.compile(route.path.replace("{id}", "([^/]+)")), route)
        for route in (*ROUTES, *FILES_THEMSELVES)
    )


def find(path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Find the route of a path and the ids in the path; literal paths take precedence."""
    for pattern, route in _patterns():
        if match := pattern.fullmatch(path):
            return route, match.groups()
    return None


def open_for(path: str, method: str, *, by_alias: bool) -> tuple[Route, tuple[str, ...]]:
    """Find the route that answers a call.

    Args:
        path: Path of the call.
        method: HTTP method.
        by_alias: Whether the call requested a v1 path under `/api/v1`.

    Returns:
        The route and the ids in the path.

    Raises:
        Refusal: If the path is retired (410) or unknown (404), or the method is not GET (405).
    """
    if RETIRED.fullmatch(path):
        raise Refusal(410, "This endpoint is no longer supported, use API v2")
    found = find(path)
    if found is None or (by_alias and ONLY_V1.fullmatch(path)):
        raise Refusal(404, "Unknown path")
    if method != "GET":
        raise Refusal(405, "Method not allowed")
    return found
