import pytest

from pipedrive_assets.sandbox import Sandbox, World, call
from pipedrive_assets.sandbox.http import routes, v2_lists
from pipedrive_assets.sandbox.http.route import Route
from pipedrive_assets.sandbox.http.routes import ROUTES

from .conftest import HEADERS, NOON

BAD = [
    ("api/v2/deals", {"colour": "red"}),
    ("api/v2/deals", {"limit": "501"}),
    ("api/v2/deals", {"limit": "0"}),
    ("api/v2/deals", {"limit": "-1"}),
    ("api/v2/deals", {"limit": "ten"}),
    ("api/v2/deals", {"limit": ""}),
    ("api/v2/deals", {"sort_by": "title"}),
    ("api/v2/deals", {"sort_direction": "up"}),
    ("api/v2/deals", {"status": "open,lame"}),
    ("api/v2/deals", {"status": ""}),
    ("api/v2/deals", {"updated_since": "2026-01-01T00:00:00"}),
    ("api/v2/deals", {"updated_since": "2026-01-01T00:00:00.000Z"}),
    ("api/v2/deals", {"updated_since": "2026-01-01T00:00:00+00:00"}),
    ("api/v2/deals", {"updated_since": "2026-13-01T00:00:00Z"}),
    ("api/v2/deals", {"updated_until": "2026-01-01"}),
    ("api/v2/deals", {"include_fields": "products_count,secrets"}),
    ("api/v2/deals", {"include_option_labels": "1"}),
    ("api/v2/deals", {"custom_fields": ",".join([f"{n:040x}" for n in range(16)])}),
    ("api/v2/deals", {"custom_fields": "title"}),
    ("api/v2/deals", {"ids": ",".join(map(str, range(101)))}),
    ("api/v2/deals", {"cursor": "%%%"}),
    ("api/v2/deals", {"cursor": "bm9uc2Vuc2U"}),
    ("api/v2/deals", {"cursor": "WzFd"}),
    ("api/v2/deals/archived", {"include_labels": "true"}),
    ("api/v2/deals/x", {}),
    ("api/v2/deals/products", {}),
    ("api/v2/deals/products", {"deal_ids": ",".join(map(str, range(101)))}),
    ("api/v2/deals/products", {"deal_ids": "1,x"}),
    ("api/v2/persons", {"status": "deleted"}),
    ("api/v2/persons", {"is_deleted": "true"}),
    ("api/v2/pipelines", {"updated_since": "2026-01-01T00:00:00Z"}),
    ("api/v2/stages", {"updated_since": "2026-01-01T00:00:00Z"}),
    ("api/v2/products", {"updated_until": "2026-01-01T00:00:00Z"}),
    ("api/v2/phases", {}),
    ("v1/leads/archived", {"updated_since": "2026-01-01T00:00:00Z"}),
    ("v1/leads", {"sort": "update_time SIDEWAYS"}),
    ("v1/notes", {"lead_id": "7"}),
    ("v1/notes", {"start_date": "yesterday"}),
    ("v1/files", {"limit": "101"}),
    ("v1/files", {"sort": "add_time"}),
    ("v1/goals/find", {"type.name": "deals_lost"}),
    ("v1/goals/find", {"expected_outcome.target": "much"}),
    ("v1/deals/7/flow", {"items": "gossip"}),
    ("v1/deals/7/flow", {"all_changes": "yes"}),
    ("v1/deals/7/changelog", {"cursor": "aWQ6"}),
    ("v1/users", {"limit": "1"}),
]


@pytest.mark.parametrize(("path", "params"), BAD)
def test_wrong_parameters_are_refused(sandbox, ask, path, params):
    reply = ask(sandbox, path, **params)

    body = reply.json()
    assert (400, False) == (reply.status, body["success"])
    assert "ERR_SCHEMA_VALIDATION_FAILED" == body["code"]


def test_a_repeated_parameter_is_refused(sandbox):
    pairs = [("deal_ids", 1), ("deal_ids", 2)]

    assert 400 == sandbox.answer(call("api/v2/deals/products", pairs, HEADERS)).status


@pytest.mark.parametrize(
    "path",
    [
        "v1/deals",
        "v1/deals/7",
        "v1/deals/7/products",
        "v1/persons",
        "v1/organizations/1/deals",
        "v1/activities/collection",
        "v1/products/search",
        "v1/pipelines",
        "v1/stages/1",
        "v1/itemSearch/field",
        "api/v1/deals",
    ],
)
def test_paths_out_of_support_are_gone(sandbox, ask, path):
    reply = ask(sandbox, path)

    assert (410, False) == (reply.status, reply.json()["success"])


@pytest.mark.parametrize(
    "path", ["v2/deals", "api/v2/dealz", "v1/nothing", "", "api/v1/leads", "api/v1/goals/find"]
)
def test_unknown_paths_are_not_found(sandbox, ask, path):
    assert 404 == ask(sandbox, path).status


def test_v1_answers_under_api_too(sandbox, data):
    assert data(sandbox, "v1/users") == data(sandbox, "api/v1/users")


def test_unknown_records_are_not_found(sandbox, ask):
    assert 404 == ask(sandbox, "api/v2/deals/999999").status
    assert 404 == ask(sandbox, "v1/deals/999999/flow").status


def test_only_reading_is_possible(sandbox):
    reply = sandbox.answer(call("api/v2/deals", {}, HEADERS, method="DELETE"))

    assert 405 == reply.status


@pytest.mark.parametrize(
    "headers", [{}, {"x-api-token": "wrong"}, {"Authorization": "Bearer wrong"}]
)
def test_a_wrong_api_token_is_refused_at_the_gateway(sandbox, headers):
    reply = sandbox.answer(call("api/v2/deals", {}, headers))

    assert (401, "1") == (reply.status, reply.headers["x-401-by-gw"])
    assert {
        "success": False,
        "error": "unauthorized access",
        "errorCode": 401,
        "error_info": "Please check developers.pipedrive.com",
    } == reply.json()


def test_a_bearer_api_token_is_accepted(sandbox):
    reply = sandbox.answer(call("v1/users/me", {}, {"Authorization": "Bearer sandbox"}))

    assert 200 == reply.status


def test_the_api_token_does_not_belong_into_the_address(sandbox, ask):
    alone = sandbox.answer(call("v1/users/me", {"api_token": "sandbox"}))
    beside = ask(sandbox, "v1/users/me", api_token="sandbox")

    assert (401, 400) == (alone.status, beside.status)
    assert "'api_token', 'sandbox'" not in str(sandbox.log)


def test_the_log_tells_what_was_asked_and_what_it_cost(sandbox, ask):
    ask(sandbox, "api/v2/deals", limit=1)
    ask(sandbox, "v1/users/me")

    assert [("GET", "v1/users/me", (), 200, 2)] == [
        (line.method, line.path, line.params, line.status, line.tokens)
        for line in sandbox.calls("users")
    ]
    assert 12 == sandbox.tokens_spent
    assert "x-api-token" not in str(sandbox.log)


def test_every_reply_carries_the_date_of_the_sandbox(sandbox, ask):
    expected = "Tue, 10 Mar 2026 12:00:00 GMT"

    assert expected == ask(sandbox, "api/v2/deals").headers["Date"]
    assert expected == ask(sandbox, "nowhere").headers["Date"]
    assert expected == sandbox.answer(call("api/v2/deals")).headers["Date"]


def test_the_world_follows_the_clock(make, clock, data):
    sandbox = make()
    since = {"updated_since": "2026-03-10T12:00:01Z"}
    before = data(sandbox, "api/v2/deals", **since)
    clock.advance(days=3)

    assert [] == before
    assert data(sandbox, "api/v2/deals", **since)


def test_the_same_call_to_the_same_world_gives_the_same_bytes(ask):
    path = "api/v2/deals"
    one, other = (Sandbox(World(deals=20, instant=NOON)) for _ in range(2))

    assert ask(one, path, limit=500).body == ask(other, path, limit=500).body


def test_a_deleted_deal_is_listed_for_thirty_days(make, clock, data):
    sandbox = make()
    sandbox.world.delete("deals", 7)
    just_deleted = _ids(data(sandbox, "api/v2/deals", status="deleted"))
    clock.advance(days=29, hours=23)
    still_there = _ids(data(sandbox, "api/v2/deals", status="open,won,lost,deleted"))
    clock.advance(hours=1)
    gone = _ids(data(sandbox, "api/v2/deals", status="deleted"))

    assert 7 in just_deleted
    assert 7 in still_there
    assert 7 not in gone


def test_a_deleted_deal_says_so_and_is_not_listed_unasked(sandbox, data):
    sandbox.world.delete("deals", 7)

    assert 7 not in _ids(data(sandbox, "api/v2/deals", limit=500))
    deleted = data(sandbox, "api/v2/deals/7")
    assert (True, "deleted") == (deleted["is_deleted"], deleted["status"])


def test_a_deleted_deal_cannot_be_read_after_thirty_days(make, clock, ask):
    sandbox = make()
    sandbox.world.delete("deals", 7)
    clock.advance(days=30)

    assert 404 == ask(sandbox, "api/v2/deals/7").status


def test_an_archived_deal_changes_lists(sandbox, data):
    sandbox.world.archive("deals", 7)
    archived = _ids(data(sandbox, "api/v2/deals/archived"))
    normal = _ids(data(sandbox, "api/v2/deals", limit=500))
    sandbox.world.unarchive("deals", 7)

    assert 7 in archived
    assert 7 not in normal
    assert 7 in _ids(data(sandbox, "api/v2/deals", limit=500))


def test_an_archived_and_deleted_deal_stands_in_the_archive(sandbox, data):
    sandbox.world.archive("deals", 7)
    sandbox.world.delete("deals", 7)

    assert 7 in _ids(data(sandbox, "api/v2/deals/archived", status="deleted"))
    assert 7 not in _ids(data(sandbox, "api/v2/deals", status="deleted"))


def test_status_takes_a_comma_list(sandbox, walk):
    rows = walk(sandbox, "api/v2/deals", status="won,lost")

    assert {"won", "lost"} == {row["status"] for row in rows}


@pytest.mark.parametrize("entity", ["persons", "organizations", "activities", "products"])
def test_deleted_rows_of_other_tables_are_never_listed(sandbox, walk, entity):
    key = sandbox.world.ids(entity)[0]
    sandbox.world.delete(entity, key)

    assert key not in _ids(walk(sandbox, f"api/v2/{entity}"))


def test_rows_without_update_time_match_no_window(sandbox, walk):
    rows = walk(sandbox, "api/v2/persons", updated_since="2000-01-01T00:00:00Z")

    assert rows
    assert all(row["update_time"] for row in rows)


def test_a_window_includes_its_start_and_excludes_its_end(sandbox, data):
    sandbox.world.touch("deals", 7, "2026-02-01T00:00:00Z")
    path, stamp, later = "api/v2/deals", "2026-02-01T00:00:00Z", "2026-02-01T00:00:01Z"

    assert 7 in _ids(data(sandbox, path, updated_since=stamp, updated_until=later))
    assert 7 not in _ids(data(sandbox, path, updated_until=stamp))


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("api/v2/deals", {"owner_id": 9002}),
        ("api/v2/deals", {"pipeline_id": 2}),
        ("api/v2/deals", {"stage_id": 2}),
        ("api/v2/persons", {"owner_id": 9003}),
        ("api/v2/organizations", {"owner_id": 9003}),
        ("api/v2/stages", {"pipeline_id": 1}),
        ("v1/leads", {"owner_id": 9001}),
        ("v1/notes", {"user_id": 9002}),
        ("v1/filters", {"type": "deals"}),
        ("v1/permissionSets", {"app": "sales"}),
    ],
)
def test_a_filter_keeps_exactly_the_rows_that_match(sandbox, data, path, params):
    ((column, value),) = params.items()
    limit = {} if path in {"v1/filters", "v1/permissionSets"} else {"limit": 500}
    everything = data(sandbox, path, **limit)

    expected = [row for row in everything if row[column] == value]
    assert expected
    assert expected == data(sandbox, path, **params, **limit)


def test_ids_select_and_unknown_ones_are_passed_over(sandbox, data):
    assert {1, 7} == _ids(data(sandbox, "api/v2/deals", ids="7,1,999999"))


def test_a_saved_filter_makes_the_quick_filters_void(sandbox, data, ask):
    both = data(sandbox, "api/v2/deals", filter_id=1, status="won", limit=500)

    assert {"open"} == {row["status"] for row in both}
    assert 404 == ask(sandbox, "api/v2/persons", filter_id=1).status


def test_persons_of_a_deal_are_its_participants(sandbox, data):
    deal = sandbox.world.add("deals", person_id=1)
    sandbox.world.add_participant(deal, 2)

    assert {1, 2} == _ids(data(sandbox, "api/v2/persons", deal_id=deal))


def test_custom_fields_are_nulls_where_unset_and_gone_where_deleted(sandbox, data):
    world = sandbox.world
    world.edit("deals", 7, custom_fields={(code := world.add_field("deals", "X")): "kept"})
    shown = data(sandbox, "api/v2/deals/7")["custom_fields"]
    world.remove_field("deals", code)
    left = data(sandbox, "api/v2/deals/7")["custom_fields"]

    assert "kept" == shown[code]
    assert None in shown.values()
    assert list(world.fields["deals"]) == list(left)


def test_a_call_can_ask_for_few_custom_fields(sandbox, data):
    codes = list(sandbox.world.fields["deals"])[:2]

    row = data(sandbox, "api/v2/deals/7", custom_fields=",".join(codes))
    assert codes == list(row["custom_fields"])


def test_option_labels_turn_ids_into_objects(sandbox, data):
    world = sandbox.world
    enum, many = (world.code("deals", label) for label in ("Priority", "Interests"))
    first = world.fields["deals"][enum]["options"][0]
    other = world.fields["deals"][many]["options"][1]
    world.edit("deals", 7, custom_fields={enum: first["id"], many: [other["id"], 1]})

    shown = data(sandbox, "api/v2/deals/7", include_option_labels="true")["custom_fields"]
    assert {"id": first["id"], "label": "Low"} == shown[enum]
    assert [{"id": other["id"], "label": "Medium"}, {"id": 1, "label": None}] == shown[many]


def test_labels_come_when_asked_for(sandbox, data):
    sandbox.world.edit("deals", 7, label_ids=[1])

    assert "labels" not in data(sandbox, "api/v2/deals/7")
    expected = [{"id": 1, "label": "Hot"}]
    assert expected == data(sandbox, "api/v2/deals/7", include_labels="true")["labels"]


def test_counters_tell_the_truth(sandbox, data):
    counters = {
        "products_count": "deal_products",
        "participants_count": "participants",
        "notes_count": "notes",
        "files_count": "files",
        "activities_count": "activities",
        "followers_count": "followers",
    }
    rows = data(sandbox, "api/v2/deals", limit=500, include_fields=",".join(counters))

    for counter, table in counters.items():
        children = [row["deal_id"] for row in sandbox.world.tables[table].rows.values()]
        expected = [children.count(row["id"]) for row in rows]
        shown = [row[counter] for row in rows]
        if table != "activities":
            assert expected == shown, counter
        assert any(shown), counter


def test_a_deal_with_a_person_has_that_participant(sandbox, walk, data):
    with_person = [row for row in walk(sandbox, "api/v2/deals") if row["person_id"]][:5]

    for row in with_person:
        people = data(sandbox, f"v1/deals/{row['id']}/participants")
        assert row["person_id"] in [each["person_id"]["value"] for each in people]


def test_children_of_many_deals_come_in_one_call(sandbox, data):
    ids = sandbox.world.ids("deals")[:100]
    joined = ",".join(map(str, ids))
    rows = data(sandbox, "api/v2/deals/products", deal_ids=joined, limit=500)

    one_by_one = [
        row for key in ids for row in data(sandbox, "api/v2/deals/products", deal_ids=str(key))
    ]
    assert sorted(one_by_one, key=lambda row: row["id"]) == rows


def test_installments_and_discounts_answer_without_additional_data(sandbox, ask):
    ids = ",".join(map(str, sandbox.world.ids("deals")[:100]))
    bulk = ask(sandbox, "api/v2/deals/installments", deal_ids=ids).json()

    assert ["success", "data"] == list(bulk)
    assert bulk["data"]
    assert ["success", "data"] == list(ask(sandbox, "api/v2/deals/7/discounts").json())


def test_an_empty_v1_list_is_null(sandbox, data, make):
    tolerant = make(habits={"empty_is_null": False})

    assert data(sandbox, "v1/notes", project_id=77) is None
    assert [] == data(tolerant, "v1/notes", project_id=77)


def test_leads_are_flat_and_unset_fields_are_absent(sandbox, data):
    world = sandbox.world
    label = {name: world.code("deals", name) for name in ("Budget", "Priority", "Interests")}
    values = {label["Budget"]: {"value": 5, "currency": "EUR"}, label["Priority"]: 7}
    lead = world.add("leads", title="L", custom_fields={**values, label["Interests"]: [1, 2]})

    row = next(row for row in data(sandbox, "v1/leads", limit=500) if row["id"] == lead)
    assert (5, "EUR") == (row[label["Budget"]], row[f"{label['Budget']}_currency"])
    assert ("7", "1,2") == (row[label["Priority"]], row[label["Interests"]])
    assert "custom_fields" not in row
    assert world.code("deals", "Score") not in row


def test_lead_times_have_milliseconds(sandbox, data):
    rows = data(sandbox, "v1/leads", limit=500)

    assert all(24 == len(row["add_time"]) for row in rows)
    assert {"."} == {row["add_time"][19] for row in rows}


def test_archived_leads_have_their_own_list(sandbox, data):
    lead = sandbox.world.add("leads", title="L")
    sandbox.world.archive("leads", lead)

    assert lead in _ids(data(sandbox, "v1/leads/archived", limit=500))
    assert lead not in _ids(data(sandbox, "v1/leads", limit=500))


@pytest.mark.parametrize("path", ["v1/leads", "v1/notes"])
def test_v1_updated_since_is_inclusive(sandbox, data, path):
    table = path.removeprefix("v1/")
    key = sandbox.world.ids(table)[0]
    sandbox.world.touch(table, key, "2026-03-09T00:00:00Z")

    assert key in _ids(data(sandbox, path, updated_since="2026-03-09T00:00:00Z", limit=500))
    assert key not in _ids(data(sandbox, path, updated_since="2026-03-09T00:00:01Z", limit=500))


@pytest.mark.parametrize(
    ("path", "sort", "descending"),
    [
        ("v1/files", "update_time DESC", True),
        ("v1/notes", "update_time ASC", False),
        ("v1/leads", "update_time", False),
    ],
)
def test_v1_lists_sort_as_told(sandbox, data, path, sort, descending):
    rows = data(sandbox, path, sort=sort, limit=100)
    stamps = [row["update_time"] or "" for row in rows]

    assert sorted(stamps, reverse=descending) == stamps


def test_other_v1_times_have_no_zone(sandbox, data):
    for path in ("v1/notes", "v1/files"):
        assert all(19 == len(row["add_time"]) for row in data(sandbox, path))


def test_flow_is_newest_first_and_holds_every_kind_of_event(sandbox, data):
    world = sandbox.world
    deal = world.add("deals", title="x", person_id=1)
    world.add("notes", deal_id=deal, content="hi")
    world.add("files", deal_id=deal, name="f")
    world.add("activities", deal_id=deal, subject="Call")
    world.edit("deals", deal, value=5)

    rows = data(sandbox, f"v1/deals/{deal}/flow")
    stamps = [row["timestamp"] for row in rows]
    assert sorted(stamps, reverse=True) == stamps
    kinds = {"dealChange", "note", "file", "activity", "participant"}
    assert kinds == {row["object"] for row in rows}
    assert {"dealChange"} == {
        row["object"] for row in data(sandbox, f"v1/deals/{deal}/flow", items="dealChange")
    }


def test_flow_tells_custom_changes_only_when_asked(sandbox, data):
    deal = sandbox.world.add("deals", title="x")
    code = sandbox.world.code("deals", "Campaign")
    sandbox.world.edit("deals", deal, custom_fields={code: "new"})

    path = f"v1/deals/{deal}/flow"
    assert code not in [row["data"]["field_key"] for row in data(sandbox, path)]
    changes = [row["data"]["field_key"] for row in data(sandbox, path, all_changes=1)]
    assert code in changes


def test_changelog_values_are_text(sandbox, data):
    deal = sandbox.world.add("deals", title="x")
    sandbox.world.edit("deals", deal, value=50, label_ids=[1, 2], is_archived=True)

    listed = data(sandbox, f"v1/deals/{deal}/changelog")
    rows = {row["field_key"]: row["new_value"] for row in listed}
    assert ("50", "1,2", "1") == (rows["value"], rows["label_ids"], rows["is_archived"])


def test_changelog_is_walked_by_markers(sandbox, ask, data):
    deal = sandbox.world.add("deals", title="x")
    for value in range(5):
        sandbox.world.edit("deals", deal, value=value + 1)
    path = f"v1/deals/{deal}/changelog"
    rows, params = [], {"limit": 2}
    while True:
        body = ask(sandbox, path, **params).json()
        rows += body["data"]
        params["cursor"] = body["additional_data"]["next_cursor"]
        if params["cursor"] is None:
            break

    assert data(sandbox, path) == rows
    assert 6 == len(rows)


def test_goals_are_the_callers_own_unless_a_type_is_named(sandbox, data):
    def titles(**params):
        return [goal["title"] for goal in data(sandbox, "v1/goals/find", **params)["goals"]]

    assert ["Goal 1 🎯"] == titles()
    assert ["Goal 2 🎯"] == titles(**{"type.name": "deals_progressed"})
    assert ["Goal 5 🎯"] == titles(**{"type.name": "deals_won", "is_active": "false"})
    assert ["Goal 3 🎯"] == titles(**{"assignee.id": 9002, "type.params.pipeline_id": 1})
    assert [] == titles(**{"period.start": "2026-01-01"})


def test_currencies_can_be_searched(sandbox, data):
    assert ["USD"] == [row["code"] for row in data(sandbox, "v1/currencies", term="dollar")]


def test_the_api_token_tells_the_company(sandbox, data):
    assert "sandbox-stationery" == data(sandbox, "v1/users/me")["company_domain"]


def test_projects_and_tasks_have_their_filters(sandbox, data):
    assert [2] == [row["id"] for row in data(sandbox, "api/v2/projects/archived")]
    assert {"open"} >= {row["status"] for row in data(sandbox, "api/v2/projects", status="open")}
    assert [1] == [row["id"] for row in data(sandbox, "api/v2/tasks", parent_task_id="null")]
    assert {True} == {row["is_done"] for row in data(sandbox, "api/v2/tasks", is_done="true")}
    deal = data(sandbox, "api/v2/projects")[0]["deal_ids"][0]
    assert 1 == len(data(sandbox, "api/v2/projects", deal_id=deal))
    assert {1} == {row["board_id"] for row in data(sandbox, "api/v2/phases", board_id=1)}


def test_leads_can_carry_their_page_facts_flat(make, ask):
    flat = make(habits={"lead_pagination": False, "lead_next_start": False})
    nested = make()
    facts = {"start": 0, "limit": 2, "more_items_in_collection": True}

    assert facts == ask(flat, "v1/leads", limit=2).json()["additional_data"]
    body = ask(nested, "v1/leads", limit=2).json()
    assert {"pagination": {**facts, "next_start": 2}} == body["additional_data"]


def test_every_list_can_be_asked_without_parameters_but_the_required(sandbox, ask):
    values = {"folder": "inbox", "period.start": "2026-01-01", "period.end": "2026-01-31"}
    for route in ROUTES:
        params = {name: values.get(name, "1") for name in route.requires}
        path = route.path
        if "{id}" in path:
            owner = path.partition("/{id}")[0].rpartition("/")[2]
            table = {"permissionSets": "permission_sets", "mailThreads": "mail_threads"}
            path = path.replace("{id}", str(sandbox.world.ids(table.get(owner, owner))[0]))
        assert 200 == ask(sandbox, path, **params).status, path


def _ids(rows):
    return {row["id"] for row in rows or ()}


def test_the_log_has_the_cause_if_the_code_of_the_sandbox_fails(sandbox, ask, monkeypatch, caplog):
    def answer(ask):
        return ask.params["no_such_parameter"]

    broken = Route(path="v1/users", cost=20, answer=answer)
    monkeypatch.setattr(routes, "open_for", lambda *_, **__: (broken, ()))

    with pytest.raises(KeyError):
        ask(sandbox, "v1/users")

    assert "cannot answer v1/users" in caplog.text
    assert "no_such_parameter" in caplog.text


def test_a_user_who_left_the_company_is_found(sandbox):
    left = next(row for row in sandbox.world.tables["users"].rows.values() if row["is_deleted"])
    asked = v2_lists.Ask(
        world=sandbox.world, now=NOON, habits=v2_lists.Habits(), params={}, keys=(str(left["id"]),)
    )

    assert left == v2_lists.found(asked, "users")
