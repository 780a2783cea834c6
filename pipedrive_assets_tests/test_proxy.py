"""The proxy that refuses or changes replies by rule: over HTTP, in front of a base URL."""

from collections.abc import Iterator

import pytest
import requests

from pipedrive_assets.registry import ENTITIES
from pipedrive_assets.sandbox import Sandbox, World, serve
from pipedrive_assets_tests.conftest import NOON
from pipedrive_assets_tests.proxy import KINDS, Proxy, at, places, rule, serve_proxy


@pytest.fixture
def proxied() -> Iterator[tuple[Proxy, str]]:
    """A proxy in front of a small account, and its address."""
    with serve(Sandbox(World(deals=2, instant=NOON))) as account:
        proxy = Proxy(account.url)
        with serve_proxy(proxy) as server:
            yield proxy, server.url


def get(url: str, path: str) -> requests.Response:
    return requests.get(f"{url}/{path}", headers={"x-api-token": "sandbox"}, timeout=10)


def test_without_rules_the_proxy_returns_what_the_account_returns(proxied):
    proxy, url = proxied

    assert get(proxy.base_url, "v1/users").json() == get(url, "v1/users").json()
    assert "x-daily-ratelimit-token-remaining" in get(url, "v1/users").headers
    assert [("/v1/users", 200)] * 2 == proxy.log


def test_a_rule_begins_with_its_call_and_ends_after_its_number(proxied):
    proxy, url = proxied
    proxy.rules(rule("403 v1/users from 2 for 2"), rule("data: null v1/filters"))

    assert [200, 403, 403, 200] == [get(url, "v1/users").status_code for _ in range(4)]
    assert [None, None] == [get(url, "v1/filters").json()["data"] for _ in range(2)]


@pytest.mark.samples(8)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_rule_changes_the_reply(proxied, kind):
    proxy, url = proxied
    genuine = get(url, "api/v2/deals")
    proxy.rules(at(kind, "api/v2/deals"))

    refused = get(url, "api/v2/deals")

    assert (genuine.status_code, genuine.content) != (refused.status_code, refused.content)


def test_a_rule_for_records_leaves_lists_alone(proxied):
    proxy, url = proxied
    proxy.rules(at("402", "api/v2/deals/{id}"))

    assert 402 == get(url, "api/v2/deals/2").status_code
    assert 200 == get(url, "api/v2/deals/archived").status_code
    assert 200 == get(url, "api/v2/deals/2/discounts").status_code


@pytest.mark.parametrize("text", ["403", "teapot v1/users", "403 v1/users from x"])
def test_words_that_are_no_rule_are_an_error(text):
    with pytest.raises(ValueError, match="is no rule"):
        rule(text)


@pytest.mark.slow
def test_a_load_asks_for_no_path_that_is_no_place(whole):
    office, _ = whole
    known = {"v1/users/me", *places(ENTITIES)}

    asked = {line.path.strip("/") for line in office.sandbox.log}

    assert asked
    assert [] == [path for path in sorted(asked) if not any(_is_at(path, each) for each in known)]


def _is_at(path: str, place: str) -> bool:
    ours, theirs = path.split("/"), place.split("/")
    return len(ours) == len(theirs) and all(
        part in {"*", "{id}", mine} for mine, part in zip(ours, theirs, strict=True)
    )
