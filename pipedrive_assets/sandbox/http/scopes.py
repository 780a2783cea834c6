"""OAuth scopes of the sandbox's paths. One scope of a path is enough.

They come from the official documentation and on purpose not from the registry of this project.
"""

from fnmatch import fnmatchcase

SCOPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("base", ("v1/users/me", "v1/currencies")),
    (
        "deals:read",
        (
            "api/v2/deals*", "v1/deals/{id}/participants*", "api/v2/pipelines*", "api/v2/stages*",
            "api/v2/dealFields", "v1/filters*", "v1/files*", "v1/notes*",
        ),
    ),
    (
        "contacts:read",
        (
            "api/v2/persons*", "api/v2/organizations*", "api/v2/personFields",
            "api/v2/organizationFields", "v1/organizationRelationships", "v1/filters*", "v1/files*",
            "v1/notes*",
        ),
    ),
    ("activities:read", ("api/v2/activities*", "v1/activityTypes", "v1/filters*", "v1/files*")),
    ("products:read", ("api/v2/products*", "api/v2/productFields", "api/v2/deals/products")),
    ("leads:read", ("v1/leads*", "v1/leadLabels", "v1/leadSources")),
    (
        "projects:read",
        (
            "api/v2/projects*", "api/v2/tasks", "api/v2/boards", "api/v2/phases",
            "api/v2/projectFields", "api/v2/projectTemplates",
        ),
    ),
    ("users:read", ("v1/users",)),
    ("recents:read", ("v1/*/{id}/flow", "v1/*/{id}/changelog")),
    ("goals:read", ("v1/goals/find", "v1/goals/{id}/results")),
    ("mail:read", ("v1/mailbox/*", "v1/*/{id}/mailMessages")),
    ("phone-integration", ("v1/callLogs",)),
    (
        "admin",
        (
            "api/v2/pipelines*", "api/v2/stages*", "api/v2/dealFields", "api/v2/personFields",
            "api/v2/organizationFields", "api/v2/activityFields", "v1/activityTypes", "v1/roles*",
            "v1/permissionSets*", "v1/webhooks",
        ),
    ),
)  # fmt: skip
"""Path patterns by scope. Scopes that also allow changes (`…:full`) are left out."""

ALL_SCOPES = frozenset(scope for scope, _ in SCOPES)


def scopes_of(path: str) -> frozenset[str]:
    """Return the scopes of which one opens a path of the routes."""
    return frozenset(
        scope
        for scope, patterns in SCOPES
        if any(fnmatchcase(path, pattern) for pattern in patterns)
    )
