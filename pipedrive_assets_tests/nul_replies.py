"""Replies with NUL characters in texts and keys, at every depth."""

import json
from typing import Any

from pipedrive_assets.sandbox import Reply
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets.sandbox.faults import Fault, changed

TEXTS = {
    "name", "title", "subject", "content", "label", "field_name", "company_name", "lost_reason",
    "first_name", "job_title", "snippet", "file_name", "public_description", "note", "old_value",
    "new_value", "old_value_formatted", "new_value_formatted", "formatted_address",
}  # fmt: skip
"""Keys whose values people type."""

DEEP = {"in\0ner": ["a\0b", {"k\0ey": "v\0", "list": [["\0", {"\0": "\0"}]]}]}


def with_nul() -> Fault:
    """Every reply has a NUL in each typed text, and each row has one in keys and nested lists."""
    return changed("*", _change).always()


def _change(genuine: Reply) -> Reply:
    body = json.loads(genuine.body)
    if genuine.status != 200 or not isinstance(body, dict):
        return genuine
    body["data"] = _spoiled(body.get("data"))
    for row in body["data"] if isinstance(body["data"], list) else ():
        if isinstance(row, dict):
            row["un\0known"] = DEEP
            if isinstance(row.get("data"), dict):  # an event of a history
                row["data"]["no\0te"] = DEEP
    return json_reply(200, body, genuine.headers)


def _spoiled(value: Any) -> Any:
    if isinstance(value, list):
        return [_spoiled(item) for item in value]
    if isinstance(value, dict):
        return {
            key: f"{item[:1]}\0{item[1:]}\0"
            if key in TEXTS and isinstance(item, str)
            else _spoiled(item)
            for key, item in value.items()
        }
    return value
