"""No link with a password or a token in it is stored; all others are stored as they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_assets.registry import BY_NAME, ENTITIES
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.rows.links import without_credentials
from pipedrive_assets.rows.normalize import normalize_row

SECRET = "5ecre7"


@pytest.mark.parametrize(
    "link",
    [
        f"https://ann:{SECRET}@files.example.com/x",
        f"https://{SECRET}@files.example.com",
        f"HTTPS://ann:p@{SECRET}@files.example.com/x",
        f"https://s3.example.com/b/k?X-Amz-Signature={SECRET}&X-Amz-Credential={SECRET}/2026",
        f"https://x.example.com/?a=1&api_token={SECRET}",
        f"https://x.example.com/?a=1&apikey={SECRET}#access_token={SECRET}",
        f"https://zoom.example.com/j/1?pwd={SECRET}",
        f"https://x.example.com/f?X-Goog-Signature={SECRET};sig={SECRET}",
        f"https://x.example.com/f?password={SECRET}&next=/",
    ],
)
def test_credentials_are_taken_out_of_links(link):
    clean = without_credentials(link)

    assert SECRET not in clean
    assert clean == without_credentials(clean)
    assert clean.lower().startswith(link[:8].lower())


@pytest.mark.parametrize(
    "link",
    [
        "https://acme.pipedrive.com/v1/files/7/download",
        "https://meet.example.com/abc?authuser=1&tokens=no",
        "https://x.example.com/@ann/a?b=c@d.example",
        "mailto:ann@example.com",
        "not a link",
        "",
    ],
)
def test_other_links_stay_as_they_are(link):
    assert link == without_credentials(link)


@given(st.text())
def test_any_text_can_be_looked_at(text):
    assert without_credentials(text) == without_credentials(without_credentials(text))


FULL = f"https://ann:{SECRET}@x.example.com/?token={SECRET}"
LINKS = [
    (entity, name)
    for entity in ENTITIES
    if entity.shape == "plain"
    for name in columns_of(entity.name).columns
    if name.endswith("url")
]


@pytest.mark.parametrize(
    ("entity", "name"), LINKS, ids=lambda each: str(getattr(each, "name", each))
)
def test_every_column_of_links_is_clean(entity, name):
    outer, _, leaf = name.partition("__")
    row = {"id": 1, outer: {leaf: FULL} if leaf else FULL}

    assert SECRET not in json.dumps(normalize_row(entity, row)[0])


def test_unknown_links_and_those_of_events_are_clean_too():
    files, flow = BY_NAME["files"], BY_NAME["deals_flow"]
    event = {"object": "file", "data": {"id": 1, "url": FULL, "user": [{"icon_url": FULL}]}}

    assert SECRET not in json.dumps(normalize_row(files, {"id": 1, "preview_url": FULL})[0])
    assert SECRET not in json.dumps(normalize_row(flow, event, parent_id=7)[0])


def test_the_passwords_of_webhooks_are_not_loaded():
    """They stand in the row and in its link (official docs, `http_auth_password`)."""
    row = {
        "id": 1,
        "http_auth_user": SECRET,
        "http_auth_password": SECRET,
        "subscription_url": FULL,
    }

    assert SECRET not in json.dumps(normalize_row(BY_NAME["webhooks"], row)[0])
    columns = {name for entity in ENTITIES for name in columns_of(entity.name).columns}
    assert {"http_auth_password", "http_auth_user"}.isdisjoint(columns)
