"""Reference tables of the invented company, such as users, pipelines, currencies and labels."""

from hashlib import sha256

from pipedrive_assets.sandbox.company.tables import Key, Row

FOUNDED = "2024-01-08T09:00:00Z"
COMPANY = {
    "company_id": 4_200_042,
    "company_name": "Sandbox Stationery",
    "company_domain": "sandbox-stationery",
    "company_country": "EE",
    "company_industry": "Office supplies",
}
USERS = ("Sam Sandberg", "Aino Mägi", "Robert O'Neil", "Žofie Nová", "李雷", "Left Company")
PIPELINES = (
    ("Sales", ("Qualified", "Contact made", "Demo scheduled", "Proposal made", "Negotiation")),
    ("Renewals ♻️", ("Due", "Asked", "Quoted", "Legal", "Signed?", "Booked")),
)
CURRENCIES = (
    ("EUR", "Euro", 2, "€"),
    ("USD", "US Dollar", 2, "$"),
    ("JPY", "Japanese Yen", 0, "¥"),
    ("TND", "Tunisian Dinar", 3, "TND"),
)
TYPES = ("call", "meeting", "task", "deadline", "email", "lunch")
SOURCES = ("Manually created", "Deal", "Web forms", "Chatbot", "Prospector", "API", "Import")
GOALS = ("deals_won", "deals_progressed", "activities_completed", "activities_added")
FILTERS = (
    ("All open deals", "deals"),
    ("Won deals", "deals"),
    ("Everybody", "people"),
    ("All organizations", "org"),
    ("Price list", "products"),
    ("To do", "activity"),
    ("All leads", "leads"),
    ("All projects", "projects"),
)


def uuid_of(*parts: object) -> str:
    """Compute a stable UUID from its parts."""
    text = sha256(":".join(map(str, parts)).encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def users() -> list[Row]:
    """Six users; the last one has left the company."""
    return [_user(number, name) for number, name in enumerate(USERS, 1)]


def _user(number: int, name: str) -> Row:
    active = number < len(USERS)
    return {
        "id": 9000 + number,
        "name": name,
        "default_currency": "EUR",
        "locale": "et_EE",
        "lang": 1,
        "email": f"user{number}@sandbox.example",
        "phone": None if number % 2 else f"+372 555 000{number}",
        "activated": active,
        "last_login": "2025-08-29 08:45:56",
        "created": "2024-01-08 09:00:00",
        "modified": None if number == 3 else "2025-06-01 09:16:26",
        "has_created_company": number == 1,
        "access": [
            {"app": app, "admin": number == 1, "permission_set_id": uuid_of("permission", app)}
            for app in ("sales", "global")
        ],
        "active_flag": active,
        "timezone_name": "Europe/Tallinn",
        "timezone_offset": "+03:00",
        "role_id": 1 if number == 1 else 2,
        "icon_url": None,
        "is_you": number == 1,
        "is_deleted": not active,
        "is_admin": int(number == 1),
        "signup_flow_variation": "",
    }


def pipelines() -> list[Row]:
    """Two pipelines; the second was never edited."""
    return [
        {
            "id": number,
            "name": name,
            "order_nr": number,
            "is_deleted": False,
            "is_deal_probability_enabled": number == 1,
            "add_time": FOUNDED,
            "update_time": FOUNDED if number == 1 else None,
        }
        for number, (name, _) in enumerate(PIPELINES, 1)
    ]


def stages() -> list[Row]:
    """Five stages of the first pipeline and six of the second."""
    rows: list[Row] = []
    for pipeline, (_, names) in enumerate(PIPELINES, 1):
        for order, name in enumerate(names, 1):
            rows.append(_stage(len(rows) + 1, pipeline, order, name))
    return rows


def _stage(number: int, pipeline: int, order: int, name: str) -> Row:
    return {
        "id": number,
        "order_nr": order,
        "name": name,
        "is_deleted": False,
        "deal_probability": min(100, 20 * order),
        "pipeline_id": pipeline,
        "is_deal_rot_enabled": order == 2,
        "days_to_rotten": 14 if order == 2 else None,
        "add_time": FOUNDED,
        "update_time": None if number % 4 == 0 else FOUNDED,
    }


def currencies() -> list[Row]:
    """Currencies with zero, two and three decimals."""
    return [
        {
            "id": number,
            "code": code,
            "name": name,
            "decimal_points": decimals,
            "symbol": symbol,
            "active_flag": True,
            "is_custom_flag": False,
        }
        for number, (code, name, decimals, symbol) in enumerate(CURRENCIES, 1)
    ]


def activity_types() -> list[Row]:
    """Activity types; one is inactive, one was never edited."""
    return [
        {
            "id": number,
            "order_nr": number,
            "name": name.capitalize(),
            "key_string": name,
            "icon_key": name,
            "active_flag": name != "lunch",
            "color": None if number % 2 else "FFFFFF",
            "is_custom_flag": False,
            "add_time": "2024-01-08 09:00:00",
            "update_time": None if number == 2 else "2024-02-01 10:00:00",
        }
        for number, name in enumerate(TYPES, 1)
    ]


def filters() -> list[Row]:
    """Saved filters."""
    return [
        {
            "id": number,
            "name": name,
            "filter_code": None,
            "is_editable": number != 1,
            "active_flag": True,
            "type": kind,
            "temporary_flag": None,
            "user_id": 9001,
            "add_time": "2024-01-08 09:00:00",
            "update_time": None if number == 2 else "2024-03-01 11:00:00",
            "visible_to": "7",
            "last_used_time": None,
            "custom_view_id": None,
        }
        for number, (name, kind) in enumerate(FILTERS, 1)
    ]


def lead_labels() -> list[Row]:
    """Lead labels, with UUIDs."""
    return [
        {
            "id": uuid_of("lead label", name),
            "name": name,
            "color": color,
            "add_time": "2024-01-08T09:00:00.000Z",
            "update_time": "2024-01-08T09:00:00.551Z",
        }
        for name, color in (("Hot", "red"), ("Warm", "yellow"), ("Cold", "blue"))
    ]


def lead_sources() -> list[Row]:
    """Lead sources, which have no id."""
    return [{"name": name} for name in SOURCES]


def goals() -> list[Row]:
    """Goals of two users and of the company: weekly counts, and a monthly sum of won deals."""
    counts = [_goal(number, kind) for number, kind in enumerate((*GOALS, "deals_won"), 1)]
    return [*counts, _sum_goal(len(counts) + 1)]


def _sum_goal(number: int) -> Row:
    goal = _goal(number, "deals_won")
    return goal | {
        "assignee": {"type": "company", "id": COMPANY["company_id"]},
        "interval": "monthly",
        "type": {"name": "deals_won", "params": {"pipeline_id": [1], "activity_type_id": None}},
        "expected_outcome": {"target": 50_000, "tracking_metric": "sum", "currency_id": 1},
    }


def _goal(number: int, kind: str) -> Row:
    return {
        "id": sha256(f"goal {number}".encode()).hexdigest()[:32],
        "owner_id": 9001 if number == 1 else 9002,
        "title": f"Goal {number} 🎯",
        "type": {
            "name": kind,
            "params": {"pipeline_id": [1] if number % 2 else None, "activity_type_id": [1, 2]},
        },
        "assignee": {"type": "person", "id": 9001 if number == 1 else 9002},
        "interval": "weekly",
        "duration": {"start": "2025-01-01", "end": None if number == 2 else "2026-12-31"},
        "expected_outcome": {"target": 10 * number, "tracking_metric": "quantity"},
        "is_active": number != 5,
        "report_ids": [sha256(f"report {number}".encode()).hexdigest()[:32]],
    }


def roles() -> list[Row]:
    """Roles in a tree; their counts are text, as in the official example."""
    rows = (("(Unassigned users)", None, "5"), ("Sellers", 1, "4"), ("Interns", 2, "0"))
    return [
        {
            "id": number,
            "parent_role_id": parent,
            "name": name,
            "description": None if parent is None else f"{name} of every team",
            "active_flag": True,
            "assignment_count": count,
            "sub_role_count": "1" if number < len(rows) else "0",
            "level": number,
        }
        for number, (name, parent, count) in enumerate(rows, 1)
    ]


def permission_sets() -> list[Row]:
    """One permission set per app."""
    return [
        {
            "id": uuid_of("permission", app),
            "name": f"{app.capitalize()} users",
            "description": f"What one may do in {app}",
            "app": app,
            "type": "regular" if app == "global" else "admin",
            "assignment_count": 6,
        }
        for app in ("sales", "global", "account_settings")
    ]


def boards() -> list[Row]:
    """Two project boards."""
    return [_placed(number, {"name": f"Board {number}"}) for number in (1, 2)]


def phases() -> list[Row]:
    """Three phases on each board."""
    return [
        _placed(number, {"name": f"Phase {number}", "board_id": (number + 2) // 3})
        for number in range(1, 7)
    ]


def _placed(number: int, values: Row) -> Row:
    stamp = "2024-01-08T09:00:00.000Z"
    times = {"order_nr": number, "add_time": stamp, "update_time": stamp}
    return {"id": number, **values, **times}


TABLES = {
    "users": users,
    "pipelines": pipelines,
    "stages": stages,
    "currencies": currencies,
    "activity_types": activity_types,
    "filters": filters,
    "lead_labels": lead_labels,
    "lead_sources": lead_sources,
    "goals": goals,
    "roles": roles,
    "permission_sets": permission_sets,
    "boards": boards,
    "phases": phases,
}


def key_of(row: Row) -> Key:
    """Key of a row: its id, or its name if it has none."""
    key: Key = row["id"] if "id" in row else row["name"]
    return key
