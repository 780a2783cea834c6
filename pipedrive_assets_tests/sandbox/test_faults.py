import json

import pytest

from pipedrive_assets.sandbox import call, faults
from pipedrive_assets.sandbox.exchange import Dropped

from .conftest import HEADERS

DEALS = "/api/v2/deals"


def statuses(sandbox, count, path=DEALS, **params):
    return [sandbox.answer(call(path, params, HEADERS)).status for _ in range(count)]


def test_a_fault_strikes_the_nth_matching_call_for_so_many_times(sandbox):
    sandbox.inject(faults.server_error(DEALS, 502).at(2, times=2))

    assert [200, 502, 502, 200] == statuses(sandbox, 4)
    assert [200] == statuses(sandbox, 1, "/v1/users")


def test_a_pattern_matches_many_paths(sandbox):
    sandbox.inject(faults.refused("/v1/deals/*/flow", 404))

    assert [404, 404] == statuses(sandbox, 2, "/v1/deals/7/flow")
    assert [200] == statuses(sandbox, 1, "/v1/deals/7/changelog")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 524])
def test_server_errors_are_pages_of_text(sandbox, ask, status):
    sandbox.inject(faults.server_error(DEALS, status))

    reply = ask(sandbox, DEALS)
    assert (status, "text/html") == (reply.status, reply.headers["Content-Type"])


def test_burst_refusals_come_with_and_without_numbers(sandbox, ask):
    sandbox.inject(faults.burst(DEALS), faults.burst(DEALS, headers=False).at(2))

    first, second = ask(sandbox, DEALS), ask(sandbox, DEALS)
    assert (429, "0") == (first.status, first.headers["x-ratelimit-remaining"])
    assert 429 == second.status
    assert "x-ratelimit-reset" not in second.headers


def test_a_spent_budget_stays_spent(sandbox, ask):
    sandbox.inject(faults.spent().at(2, times=None))

    assert [200, 429, 429] == statuses(sandbox, 3)
    assert "0" == ask(sandbox, DEALS).headers["x-daily-ratelimit-token-remaining"]


def test_a_dropped_line_has_no_reply(sandbox):
    sandbox.inject(faults.dropped(DEALS))

    with pytest.raises(Dropped):
        sandbox.answer(call(DEALS, {}, HEADERS))
    assert [0] == [line.status for line in sandbox.log]


def test_a_truncated_reply_says_where_it_is_cut(sandbox, ask):
    sandbox.inject(faults.truncated(DEALS))

    reply = ask(sandbox, DEALS)
    assert reply.cut == len(reply.body) // 2


def test_broken_json_cannot_be_parsed(sandbox, ask):
    sandbox.inject(faults.broken_json(DEALS))

    with pytest.raises(json.JSONDecodeError):
        ask(sandbox, DEALS).json()


def test_bodies_can_lack_what_they_promise(sandbox, ask):
    path = "/v1/deals/7/flow"
    sandbox.inject(
        faults.null_body(path),
        faults.without_data(path).at(2),
        faults.null_data(path).at(3),
        faults.unsuccessful(path).at(4),
    )
    bodies = [ask(sandbox, path).json() for _ in range(4)]

    assert bodies[0] is None
    assert "data" not in bodies[1]
    assert bodies[2]["data"] is None
    assert bodies[3]["success"] is False


def test_the_firewall_answers_in_html(sandbox, ask):
    sandbox.inject(faults.firewall())

    assert (403, "text/html") == (
        (reply := ask(sandbox, DEALS)).status,
        reply.headers["Content-Type"],
    )


@pytest.mark.parametrize("status", [402, 403, 404, 410, 415])
def test_a_path_can_be_refused(sandbox, ask, status):
    sandbox.inject(faults.refused("/api/v2/projects", status))

    reply = ask(sandbox, "/api/v2/projects")
    assert (status, False) == (reply.status, reply.json()["success"])


def test_an_expired_marker_is_refused_and_fresh_walks_pass(sandbox, ask):
    sandbox.inject(faults.expired_marker(DEALS))
    marker = ask(sandbox, DEALS, limit=2).json()["additional_data"]["next_cursor"]

    assert 400 == ask(sandbox, DEALS, limit=2, cursor=marker).status
    assert 200 == ask(sandbox, DEALS, limit=2).status


def test_a_withdrawn_api_token_stays_withdrawn(sandbox):
    sandbox.inject(faults.revoked().at(2))
    refused = statuses(sandbox, 4)
    sandbox.clear_faults()

    assert [200, 401, 401, 401] == refused
    assert [200] == statuses(sandbox, 1)


def test_the_world_can_change_between_two_pages(sandbox, world, ask):
    sandbox.inject(faults.after(DEALS, lambda: world.edit("deals", 7, title="meanwhile")))
    first = ask(sandbox, DEALS, ids="7").json()["data"][0]
    second = ask(sandbox, DEALS, ids="7").json()["data"][0]

    assert "meanwhile" != first["title"]
    assert "meanwhile" == second["title"]


def test_random_trouble_repeats_with_its_seed(make):
    def run(seed):
        sandbox = make(faults=(faults.server_error(DEALS).randomly(0.3, seed=seed),))
        return statuses(sandbox, 30, limit=1)

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 3 <= run(1).count(503) <= 18
