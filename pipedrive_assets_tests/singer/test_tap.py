"""The tap as the old one's users know it: from Python and from the command line."""

import io
import json
import re
from datetime import timedelta

import pytest

from pipedrive_assets import errors, singer
from pipedrive_assets.cli.main import main
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import faults, serve
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets.singer import PipedriveTap
from pipedrive_assets.singer.stream import ALL

TOKEN = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def port(office):
    """The office's account on a real port, with a token that must not be seen."""
    office.sandbox.api_token = TOKEN
    with serve(office.sandbox) as server:
        yield server.url


@pytest.fixture
def config(port, tmp_path):
    path = tmp_path / "config.json"
    content = {"api_token": TOKEN, "start_date": "2024-01-01T00:00:00Z", "base_url": port}
    path.write_text(json.dumps(content))
    return path


def test_the_documented_example_runs(port, monkeypatch, capsys):
    monkeypatch.setenv("PIPEDRIVE_BASE_URL", port)

    config = {
        "api_token": TOKEN,
        "start_date": "2024-01-01T00:00:00Z",
    }
    state = {}

    tap = PipedriveTap(config, state)

    # Discover streams
    catalog = tap.do_discover()

    # Execute sync
    tap.do_sync(catalog)

    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    sent = {message["stream"] for message in messages if message["type"] == "RECORD"}
    assert {stream.tap_stream_id for stream in tap.streams} == sent
    assert tap.state == messages[-1]["value"]


def test_the_documented_signature_holds():
    assert 15 == len(PipedriveTap.streams)
    assert isinstance(PipedriveTap.get_default_config(), dict)
    tap = PipedriveTap({"api_token": "x"}, {})
    assert all(map(callable, (tap.do_discover, tap.do_sync, tap.get_selected_streams)))


def test_discover_then_sync_then_sync_again_from_the_command_line(config, tmp_path, capsys):
    assert 0 == main(["singer", "--config", str(config), "--discover"])
    catalog, state = tmp_path / "catalog.json", tmp_path / "state.json"
    catalog.write_text(capsys.readouterr().out)
    assert len(ALL) == len(json.loads(catalog.read_text())["streams"])

    assert 0 == main(["singer", "--config", str(config), "--catalog", str(catalog)])
    first = capsys.readouterr()
    lines = first.out.splitlines()
    assert {"SCHEMA", "RECORD", "STATE"} == {json.loads(line)["type"] for line in lines}
    assert "deals: " in first.err

    state.write_text(json.dumps(json.loads(lines[-1])["value"]))
    args = ["--properties", str(catalog), "--state", str(state)]
    assert 0 == main(["singer", "-c", str(config), *args])
    second = capsys.readouterr()
    assert len(second.out.splitlines()) < len(lines) / 2
    assert not [text for text in (*first, *second, catalog.read_text()) if TOKEN in text]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("config", None, "--config: .*nowhere.json"),
        ("config", "{", "--config: .*config.json"),
        ("config", "[]", "config"),
        ("config", '{"start_date": "2024-01-01"}', "api_token"),
        ("config", '{"api_token": "<configure me>"}', "api_token"),
        ("config", '{"api_token": "please set me up !"}', "api_token"),
        ("config", '{"api_token": "a b"}', "api_token"),
        ("config", '{"api_token": "x", "start_date": "soon"}', "start_date.*'soon'"),
        (
            "config",
            '{"api_token": "x", "start_date": "2099-01-01"}',
            "start_date.*2099-01-01",
        ),
        ("config", '{"api_token": "x", "request_timeout": "long"}', "request_timeout.*'long'"),
        ("config", '{"api_token": "x", "request_timeout": -1}', "request_timeout.*-1"),
        ("config", '{"api_token": "x", "base_url": "ftp://x"}', "base_url.*'ftp://x'"),
        ("config", '{"api_token": "x", "user-agent": "n\\u00e9"}', "user agent"),
        ("catalog", "{}", "catalog"),
        ("catalog", None, "--catalog: .*nowhere.json"),
        ("state", "[]", "state"),
        ("state", "[" * 100_000, "--state: .*state.json"),
        ("state", '{"bookmarks": 3}', "state"),
        ("state", '{"bookmarks": []}', "state"),
        ("state", '{"bookmarks": null}', "state"),
        ("state", '{"type": "STATE"}', "state"),
        ("state", '{"type": "STATE", "value": null}', "state"),
        ("state", '{"type": "RECORD", "record": {}}', "state"),
        ("state", '{"persons": {"update_time": "2026-01-01"}}', "state"),
        ("state", '{"currently_syncing": "deals", "deals": {}}', "state"),
        ("state", '{"bookmarks": {}, "currently_syncing": 3}', "state"),
        (
            "state",
            '{"bookmarks": {"contacts": {"t": "2026"}}}',
            "contacts",
        ),
        ("state", '{"bookmarks": {"deals": {"update_time": "0001-01-01T00:00:00Z"}}}', "deals"),
        ("state", '{"bookmarks": {"deals": {"update_time": "now"}}}', "deals"),
        ("state", '{"bookmarks": {"deals": {"ids_until": "x"}}}', "deals"),
        ("state", '{"bookmarks": {"leads": {"ids_until": 3}}}', "leads"),
        ("state", '{"bookmarks": {"files": {"walk": []}}}', "files"),
        ("state", '{"bookmarks": {"deal_products": {"pending": {"x": null}}}}', "deal_products"),
        ("state", '{"custom_fields": {"deal": [{"name": 1}]}}', "custom_fields"),
        ("state", '{"custom_fields": 3}', "custom_fields"),
        ("state", '{"bookmarks": {"deals": 3}}', "deals"),
        ("state", '{"bookmarks": {"deals": {"update_time": "x"}}}', "deals"),
        ("state", '{"bookmarks": {"deals": {"replication_key_value": "2024"}}}', "update_time"),
        ("state", '{"bookmarks": {"deals": {"walk": {"position": "{}"}}}}', "deals"),
        ("state", '{"bookmarks": {"dealflow": {"x": "2024"}}}', "dealflow.*log_time"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_sentence(config, capsys, name, text, sentence):
    folder = config.parent
    files = {"config": config}
    if name != "config" or text is not None:
        files[name] = folder / f"{name}.json"
    if text is None:
        files[name] = folder / "nowhere.json"
    else:
        files[name].write_text(text)
    options = [part for option, path in files.items() for part in (f"--{option}", str(path))]
    assert 2 == main(["singer", *options])
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if "records" not in line]
    assert 1 == len(lines)
    assert _matches(sentence, lines[0])
    assert TOKEN not in said.err


def _matches(sentence, line):

    return re.search(sentence, line) and line.rstrip().endswith((".", "…"))


def test_without_an_api_token_the_sandbox_never_stands_in():
    with pytest.raises(errors.MissingTokenError, match="api_token"):
        PipedriveTap({"start_date": "2024-01-01"}, {})


def test_what_the_config_leaves_open_the_settings_say(monkeypatch):
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", TOKEN)
    monkeypatch.setenv("PIPEDRIVE_BASE_URL", "acme")
    tap = PipedriveTap({}, {})
    assert "PipedriveTap('https://acme.pipedrive.com')" == repr(tap)
    assert TOKEN not in repr(vars(tap))


@pytest.mark.parametrize(
    ("timeout", "expected"), [(7, 7.0), ("300", 300.0), ("0", 60.0), ("", 60.0), (None, 60.0)]
)
def test_who_asks_and_how_long_it_waits_is_as_configured(timeout, expected):
    tap = PipedriveTap({"api_token": "x", "user-agent": "me/1", "request_timeout": timeout})
    wire = tap._connected().client._wire
    assert ("me/1", expected) == (wire._session.headers["user-agent"], wire._read_seconds)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, singer.PipedriveBadRequestError),
        (401, singer.PipedriveUnauthorizedError),
        (402, singer.PipedrivePaymentRequiredError),
        (403, singer.PipedriveForbiddenError),
        (404, singer.PipedriveNotFoundError),
        (410, singer.PipedriveGoneError),
        (415, singer.PipedriveUnsupportedMediaError),
        (422, singer.PipedriveUnprocessableEntityError),
        (500, singer.PipedriveInternalServiceError),
        (501, singer.PipedriveNotImplementedError),
        (503, singer.PipedriveServiceUnavailableError),
    ],
)
def test_a_refused_stream_raises_the_error_of_its_status(bench, status, kind):
    catalog = bench.catalog("deals")
    bench.office.sandbox.inject(faults.refused("api/v2/deals", status).always())
    with pytest.raises(kind) as caught:
        bench.sync(catalog)
    assert (status, "api/v2/deals") == (caught.value.status, caught.value.path)


def test_the_day_s_limit_ends_a_sync_and_the_next_one_goes_on(bench, small_pages):
    catalog = bench.catalog("persons")
    bench.office.sandbox.inject(faults.spent("api/v2/persons").at(3))
    with pytest.raises(singer.PipedriveTooManyRequestsError, match="UTC"):
        bench.sync(catalog)
    assert bench.target.rows["persons"]
    bench.office.sandbox.clear_faults()
    bench.sync(catalog)
    assert [] == bench.differences("persons")


def test_a_burst_that_does_not_end_and_a_reply_with_nothing_in_it_have_their_classes(bench):
    catalog = bench.catalog("deals")
    bench.office.sandbox.inject(faults.burst("api/v2/deals").always())
    with pytest.raises(singer.PipedriveTooManyRequestsInSecondError):
        bench.sync(catalog)
    bench.office.sandbox.clear_faults()
    bench.office.sandbox.inject(faults.null_body("api/v2/deals").always())
    with pytest.raises(singer.PipedriveNull200Error):
        bench.sync(catalog)


def test_a_stream_that_is_refused_costs_no_other_its_records(bench):
    bench.office.sandbox.inject(faults.refused("api/v2/stages", 403).always())
    with pytest.raises(singer.PipedriveForbiddenError):
        bench.sync(bench.catalog("stages", "deals", "persons"))
    assert [] == bench.differences("deals", "persons")
    assert "currently_syncing" not in bench.target.state


def test_a_feature_that_the_account_lacks_is_no_failure(bench):
    bench.office.sandbox.inject(faults.refused("api/v2/products", 402).always())
    bench.sync(bench.catalog("products", "persons"))
    assert [] == bench.differences("persons")
    assert "products" not in bench.target.rows


def test_several_refused_streams_are_told_together(bench):
    bench.office.sandbox.inject(faults.refused("api/v2/stages", 403).always())
    bench.office.sandbox.inject(faults.refused("api/v2/pipelines", 404).always())
    with pytest.raises(errors.LoadFailed) as failed:
        bench.sync(bench.catalog())
    assert {"stages", "pipelines"} == set(failed.value.failures)


@pytest.mark.slow
def test_a_deal_whose_children_are_refused_is_asked_for_again_by_the_next_sync(bench):
    catalog = bench.catalog("dealflow")
    bench.office.sandbox.inject(faults.refused("v1/deals/7/flow", 403).always())
    bench.sync(catalog)
    assert {"7"} == set(bench.target.state["bookmarks"]["dealflow"]["pending"])
    bench.office.sandbox.clear_faults()
    bench.sync(catalog)
    assert [] == bench.differences("dealflow")
    assert "pending" not in bench.target.state["bookmarks"]["dealflow"]


def test_a_key_of_pipedrive_s_that_nobody_knows_is_sent_along(bench):
    def with_news(reply):
        body = reply.json()
        body["data"] = [{**row, "brand_new": {"a": 1}} for row in body["data"]]
        return json_reply(200, body)

    bench.office.sandbox.inject(faults.changed("api/v2/stages", with_news).always())
    bench.sync(bench.catalog("stages"))
    assert [{"brand_new": {"a": 1}}] == [
        *{json.dumps(row["_unmapped"]): row["_unmapped"] for row in _rows(bench)}.values()
    ]


def _rows(bench):
    return bench.target.rows["stages"].values()


class Closed(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, _text):
        raise BrokenPipeError


def test_a_target_that_has_ended_is_told_in_one_sentence(bench):
    catalog = bench.catalog("stages")
    with pytest.raises(errors.WarehouseError, match="target"):
        bench.tap(Closed()).do_sync(catalog)


def test_a_catalog_that_selects_nothing_of_this_tap_is_a_warning(bench, caplog):
    catalog = bench.catalog("stages")
    (entry,) = [each for each in catalog.streams if each.is_selected]
    entry.tap_stream_id = "stagez"
    bench.sync(catalog)
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert ["stagez" in warnings[0], "selects no stream" in warnings[1]] == [True, True]


def test_the_given_state_is_not_changed_and_what_is_unknown_in_it_is_not_carried_on(bench):
    bookmark = {"update_time": "2026-03-01T00:00:00Z", "odd": 2}
    state = {"bookmarks": {"stages": {"x": 1}, "deals": bookmark, "gone": {}}, "other": {"kept": 1}}
    given = json.dumps(state)
    bench.sync(bench.catalog("stages"), state=state)
    assert given == json.dumps(state)
    bookmark.pop("odd")
    assert {"bookmarks", "custom_fields"} == bench.target.state.keys()
    assert {"deals": bookmark} == bench.target.state["bookmarks"]


def test_streams_know_their_tap(bench, monkeypatch):
    taps = []
    monkeypatch.setattr(
        singer.DealStageChangeStream, "columns", property(lambda self: taps.append(self.tap))
    )
    one, other = bench.tap(io.StringIO()), bench.tap()
    with pytest.raises(AttributeError):
        one.do_discover()
    assert [one] == taps
    assert {one} == {stream.tap for stream in (*one.streams, *one.further_streams)}
    assert {other} == {stream.tap for stream in other.streams}
    assert {None} == {stream.tap for stream in PipedriveTap.streams}


@pytest.mark.samples(1)
@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_deal_that_is_refused_in_every_sync_stays_pending_and_holds_nobody_up(bench, status):
    catalog = bench.catalog("dealflow", "deals")
    paths = ["v1/deals/7/flow", *(["api/v2/deals/7"] if status == 404 else [])]
    bench.office.sandbox.inject(*(faults.refused(path, status) for path in paths))
    bench.sync(catalog)
    bench.office.advance(hours=1)
    bench.office.world.edit("deals", 8, stage_id=bench.office.world.ids("stages")[-1])
    bench.sync(catalog)
    bench.sync(catalog)
    assert {"7"} == set(bench.target.state["bookmarks"]["dealflow"]["pending"])
    bench.office.sandbox.clear_faults()
    bench.sync(catalog)
    assert [] == bench.differences("dealflow")
    assert "pending" not in bench.target.state["bookmarks"]["dealflow"]


def test_empty_replies_in_one_sync_hide_nothing(bench):
    catalog = bench.catalog("dealflow", "deal_products")
    empty = json_reply(200, {"success": True, "data": []})
    for path in ("v1/deals/*/flow", "api/v2/deals/products"):
        bench.office.sandbox.inject(faults.reply(path, empty).always())
    bench.sync(catalog)
    bench.office.sandbox.clear_faults()
    bench.sync(catalog)
    assert [] == bench.differences("dealflow", "deal_products")
    bench.sync(catalog)
    marks = bench.target.state["bookmarks"].values()
    assert [] == [mark for mark in marks if {"pending", "doubted"} & mark.keys()]


@pytest.mark.parametrize("changed", [1, None], ids=["one deal", "all deals"])
@pytest.mark.parametrize(
    ("stream", "table"),
    [
        ("dealflow", "deals_flow"),
        ("deal_products", "deals_products"),
        ("deals_participants", "deals_participants"),
    ],
)
def test_empty_replies_in_two_syncs_hide_nothing(bench, stream, table, changed):
    catalog = bench.catalog(stream)
    bench.sync(catalog)
    world = bench.office.world
    world.instant += timedelta(minutes=30)
    since = world.instant
    persons = world.ids("persons")
    filled = [
        key
        for key in world.ids("deals")
        if world.tables["participants"].where("deal_id", key)
        and world.tables["deal_products"].where("deal_id", key)
    ]
    for deal in filled[:changed]:
        world.edit("deals", deal, stage_id=world.ids("stages")[-1])
        world.add_participant(deal, persons[deal % len(persons)])
    path = BY_NAME[table].path.format(id="*")
    empty = json_reply(200, {"success": True, "data": []})
    bench.office.sandbox.inject(faults.reply(path, empty).always())
    bench.sync(catalog)
    if changed:
        bench.sync(catalog)
    else:
        with pytest.raises(errors.DataError, match="in two runs, although"):
            bench.sync(catalog)
    assert bench.target.state["bookmarks"][stream]["doubted"]
    bench.office.sandbox.clear_faults()
    bench.sync(catalog)
    assert [] == bench.differences(stream, since=since)
    bench.sync(catalog)
    assert not {"pending", "doubted"} & bench.target.state["bookmarks"][stream].keys()


def test_a_single_deal_that_stays_empty_is_not_requested_for_ever(bench):
    catalog = bench.catalog("dealflow", "deals_participants")
    bench.sync(catalog)
    bench.office.world.instant += timedelta(minutes=30)
    controls = {mark["filled"] for mark in bench.target.state["bookmarks"].values()}
    deal = next(key for key in bench.office.world.ids("deals") if key not in controls)
    bench.office.world.edit("deals", deal, title="Moved")
    bench.office.world.add_participant(deal, bench.office.world.ids("persons")[0])
    empty = json_reply(200, {"success": True, "data": []})
    for path in (f"v1/deals/{deal}/flow", f"v1/deals/{deal}/participants"):
        bench.office.sandbox.inject(faults.reply(path, empty).always())
    bench.sync(catalog)
    bench.sync(catalog)
    marks = bench.target.state["bookmarks"].values()
    assert [] == [mark for mark in marks if {"pending", "doubted"} & mark.keys()]


def test_a_deal_that_no_sync_finds_for_a_week_is_forgotten(bench):
    catalog = bench.catalog("dealflow")
    bench.office.sandbox.inject(
        faults.refused("v1/deals/7/flow", 404), faults.refused("api/v2/deals/7", 404)
    )
    bench.sync(catalog)
    first = bench.target.state["bookmarks"]["dealflow"]
    bench.office.world.instant += timedelta(days=8)
    bench.sync(catalog)
    assert {"7"} == set(first["doubted"])
    assert "doubted" not in bench.target.state["bookmarks"]["dealflow"]
    assert "pending" not in bench.target.state["bookmarks"]["dealflow"]


def test_a_stream_whose_parents_are_refused_in_mid_sync_fails_and_is_whole_afterwards(bench):
    catalog = bench.catalog("dealflow")
    bench.office.sandbox.inject(
        faults.refused("v1/deals/*/flow", 403).at(5, times=None),
        faults.refused("api/v2/deals/*", 403).at(2, times=None),
    )
    with pytest.raises(singer.PipedriveForbiddenError):
        bench.sync(catalog)
    bench.office.sandbox.clear_faults()
    bench.sync(catalog)
    assert [] == bench.differences("dealflow")
