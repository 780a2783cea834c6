"""Replies of a small account of invented people, in the shapes of recorded replies."""

from collections.abc import Iterator
from typing import Any

from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets.sandbox.faults import Fault, reply

Row = dict[str, Any]
USER, OTHER, LEAD = 4100, 4101, "5b1c7c60-1111-11f1-9d4a-0242ac120002"
REFERRER = "ab" * 20
PEOPLE = {
    "active_flag": True,
    "name": "Mari Kask",
    "email": [{"label": "work", "value": "mari@kask.example", "primary": True}],
    "phone": [{"label": "", "value": "+372 555 1", "primary": True}],
    "owner_id": USER,
    "company_id": 77,
    "value": 1,
}
TIMES = {"add_time": "2026-02-01T08:00:00Z", "update_time": "2026-02-02T09:00:00Z"}
OLD_TIMES = {"add_time": "2026-02-01 08:00:00", "update_time": "2026-02-02 09:00:00"}
STAMP = "2026-02-02 09:00:00"


def _deal(key: int, **values: Any) -> Row:
    return {
        "id": key,
        "title": f"Deal {key}",
        "status": "open",
        "person_id": 1,
        "stage_id": 3,
        "pipeline_id": 1,
        "lost_reason": None,
        "is_deleted": False,
        "is_archived": False,
        "custom_fields": None,
        "participants_count": 1,
        "products_count": 0,
        "followers_count": 1,
        **TIMES,
        **values,
    }


DEALS = [
    _deal(1, update_time=None),
    _deal(2, status="lost", lost_reason={"id": 3, "label": "Price"}),
    _deal(3, status="lost", lost_reason="Price", custom_fields={}),
    _deal(4, participants_count=0, custom_fields={REFERRER: 1}),
]


def _change(key: int, field: str, old: Any, new: Any, **formatted: str) -> Row:
    data = {
        "id": key,
        "item_id": 1,
        "user_id": USER,
        "field_key": field,
        "old_value": old,
        "new_value": new,
        "is_bulk_update_flag": None,
        "log_time": STAMP,
        "change_source": "app",
        "additional_data": formatted or [],
    }
    return {"object": "dealChange", "timestamp": STAMP, "data": data}


FLOW = [
    {"object": "activity", "timestamp": "2026-12-04 00:00:00", "data": {"id": 5, "user_id": USER}},
    _change(13, "stage_change_time", "2026-02-01 08:00:00", STAMP),
    _change(12, "stage_id", "77", "3", new_value_formatted="Offer"),
    _change(11, "stage_id", "1", "77", old_value_formatted="Contact"),
    _change(10, "add_time", None, "2026-02-01 08:00:00"),
]
FIELD = {
    "field_name": "Referrer",
    "field_code": REFERRER,
    "description": None,
    "field_type": "people",
    "options": None,
    "subfields": None,
    "is_custom_field": True,
    "is_optional_response_field": False,
    "is_writable": True,
}
LEADS = [
    {
        "id": LEAD,
        "title": "Lead",
        "owner_id": {"id": USER, "name": "Rein Tamm", "email": "rein@kask.example", "value": USER},
        "creator_id": USER,
        "person_id": PEOPLE,
        "organization_id": None,
        "label_ids": [],
        "value": None,
        "is_archived": False,
        "archive_time": None,
        "visible_to": "3",
        REFERRER: PEOPLE,
        "add_time": "2026-02-01T08:00:00.164Z",
        "update_time": "2026-02-02T09:00:00.288Z",
    }
]
NOTES = [
    {
        "id": 5,
        "user_id": USER,
        "lead_id": LEAD,
        "deal_id": None,
        "content": "<p>a&nbsp;note</p>",
        "active_flag": True,
        "deal": None,
        "person": None,
        "organization": None,
        "lead": {"title": "Lead"},
        "user": {"email": "rein@kask.example", "name": "Rein Tamm", "icon_url": None},
        **OLD_TIMES,
    }
]
FILES = [
    {"id": 6, "file_name": "a.png", "file_size": None, "active_flag": True, "deal_id": None,
     "person_id": 1, "person_name": None, "people_name": "Mari Kask", **OLD_TIMES,
     "update_time": "0000-00-00 00:00:00"}
]  # fmt: skip
USERS = [
    {"id": USER, "name": "Rein Tamm", "email": "rein@kask.example", "active_flag": True,
     "is_admin": 1, "is_deleted": False, "access": [], "last_login": "", "modified": STAMP},
    {"id": OTHER, "name": "Gone", "email": "gone@kask.example", "active_flag": False,
     "is_admin": 0, "is_deleted": True, "access": [], "signup_flow_variation": ""},
]  # fmt: skip
PIPELINES = [{"id": 1, "name": "Sales", "is_deleted": False, **TIMES, "update_time": None}]
STAGES = [{"id": 3, "name": "Offer", "pipeline_id": 1, "is_deleted": False, "update_time": None}]
PERSONS = [
    {"id": 1, "name": "Mari Kask", "owner_id": USER, "custom_fields": None, "phones": None,
     "emails": [{"value": "", "primary": True}], "picture_id": {"value": 4, "item_type": "person"},
     "is_deleted": False, **TIMES, "update_time": None}
]  # fmt: skip
PARTICIPANTS = [
    {"id": 9, "person_id": PEOPLE, "person": {**PEOPLE, "id": 1}, "active_flag": True,
     "add_time": STAMP, "added_by_user_id": {"id": USER, "name": "Rein Tamm", "value": USER},
     "related_item_type": "deal", "related_item_id": 1}
]  # fmt: skip

V2 = {
    "deals": DEALS,
    "deals/archived": [],
    "persons": PERSONS,
    "organizations": [],
    "activities": [{"id": 5, "subject": "Call", "due_time": "", "custom_fields": None, **TIMES}],
    "products": [],
    "pipelines": PIPELINES,
    "stages": STAGES,
    "dealFields": [FIELD],
    "personFields": [],
    "organizationFields": [],
    "productFields": [],
    "activityFields": [],
    "deals/products": [],
    "deals/installments": [],
}
V1 = {"leads": LEADS, "notes": NOTES, "files": FILES, "deals/*/flow": FLOW}
UNPAGED = {
    "users": USERS,
    "currencies": [],
    "activityTypes": [],
    "filters": [],
    "leadLabels": [],
    "leadSources": [{"name": "API"}],
}
PAGE = {"start": 0, "limit": 500, "more_items_in_collection": False}


def replies() -> Iterator[Fault]:
    """Every list of the account, whatever the parameters are."""

    def answer(path: str, data: Any, extra: Any = None, status: int = 200) -> Fault:
        body = {
            "success": True,
            "data": data,
            **({} if extra is None else {"additional_data": extra}),
        }
        return reply(path, json_reply(status, body)).always()

    for path, rows in V2.items():
        yield answer(f"api/v2/{path}", rows, {"next_cursor": None})
    for path, rows in V1.items():
        yield answer(f"v1/{path}", rows, {"pagination": PAGE, "filesCountByDay": []})
    yield answer("v1/leads/archived", None, {"pagination": PAGE})
    for path, rows in UNPAGED.items():
        yield answer(f"v1/{path}", rows)
    yield answer("v1/deals/*/participants", PARTICIPANTS, {"pagination": PAGE})
    # A record that is gone, with success true: the status counts.
    yield answer("v1/deals/3/participants", None, status=410)
