import pytest


def test_the_burst_limit_closes_and_opens_with_the_window(make, clock, ask):
    sandbox = make(limits={"burst": 3})
    served = [ask(sandbox, "v1/users/me").status for _ in range(3)]
    refused = ask(sandbox, "v1/users/me")
    clock.moment += 2.0

    assert [200, 200, 200] == served
    assert 429 == refused.status
    assert {"success": False, "error": "request over limit", "errorCode": 429} == refused.json()
    assert ("0", "2") == (
        refused.headers["x-ratelimit-remaining"],
        refused.headers["x-ratelimit-reset"],
    )
    assert 200 == ask(sandbox, "v1/users/me").status


def test_refused_calls_cost_nothing(make, ask):
    sandbox = make(limits={"burst": 1})
    ask(sandbox, "v1/users/me")
    ask(sandbox, "v1/users/me")

    assert 2 == sandbox.tokens_spent


def test_a_client_that_ignores_refusals_meets_the_firewall(make, clock, ask):
    sandbox = make(limits={"burst": 1, "blocked_after": 2})
    statuses = [ask(sandbox, "v1/users/me").status for _ in range(4)]
    page = ask(sandbox, "v1/users/me")
    clock.moment += 2.0

    assert [200, 429, 429, 403] == statuses
    assert "text/html" == page.headers["Content-Type"]
    assert b"Cloudflare" in page.body
    assert 200 == ask(sandbox, "v1/users/me").status


def test_the_daily_budget_is_charged_with_the_price_of_each_call(make, ask):
    sandbox = make(limits={"daily_tokens": 25})
    left = [
        ask(sandbox, path).headers["x-daily-ratelimit-token-remaining"]
        for path in ("api/v2/deals", "api/v2/deals/1", "v1/users/me", "v1/users")
    ]

    # What was left before each call was charged, as real accounts report it.
    assert ["25", "15", "14", "12"] == left
    assert "0" == ask(sandbox, "v1/users").headers["x-daily-ratelimit-token-remaining"]


def test_a_spent_budget_refuses_everything_until_midnight(make, clock, ask):
    sandbox = make(limits={"daily_tokens": 2})
    ask(sandbox, "v1/users/me")
    refused = ask(sandbox, "v1/users/me")
    clock.advance(hours=12)

    assert 429 == refused.status
    assert "0" == refused.headers["x-daily-ratelimit-token-remaining"]
    assert int(refused.headers["x-ratelimit-remaining"]) > 0
    assert "3" == refused.headers["retry-after"]
    assert 200 == ask(sandbox, "v1/users/me").status


def test_the_daily_numbers_can_be_left_out(make, ask):
    headers = ask(make(limits={"daily_headers": False}), "v1/users/me").headers

    assert not [name for name in headers if "daily" in name]
    assert "120" == ask(make(limits={}), "v1/users/me").headers["x-ratelimit-limit"]


@pytest.mark.parametrize("elapsed", [0.0, 1.9])
def test_the_reset_is_in_seconds_from_now(make, clock, ask, elapsed):
    sandbox = make()
    ask(sandbox, "v1/users/me")
    clock.moment += elapsed

    expected = {0.0: "2", 1.9: "1"}[elapsed]
    assert expected == ask(sandbox, "v1/users/me").headers["x-ratelimit-reset"]
