"""A file is whole or not there, and neither the token nor the signed URL goes where it must not."""

import io
import traceback

import pytest

from pipedrive_assets.api import Client, Expected, FileBody
from pipedrive_assets.errors import ApiError, Forbidden, Missing, TransientApiError
from pipedrive_assets.sandbox import Habits, Reply, Sandbox, World, call, faults, serve
from pipedrive_assets.sandbox.http.storage import content
from pipedrive_assets_tests.api.conftest import NO_LIMIT, NOON, TOKEN, Clock, Scripted
from pipedrive_assets_tests.log_text import everything_logged

PATH = "v1/files/{}/download"


class Account:
    """An account whose files are on another port."""

    def __init__(self, files_url):
        self.sandbox = Sandbox(
            World(deals=2, instant=NOON),
            api_token=TOKEN,
            limits=NO_LIMIT,
            habits=Habits(storage_url=files_url),
        )
        self.file = self.sandbox.world.add("files", name="offer.pdf", file_size=300_000)
        self.clock = Clock()

    def client(self, url):
        return Client(
            base_url=url,
            api_token=TOKEN,
            sleep=self.clock.sleep,
            monotonic=self.clock.monotonic,
            now=lambda: NOON,
        )


class Storage:
    """Another host: answers for the account's storage, and keeps what was sent."""

    def __init__(self):
        self.account = None
        self.sent = []
        self.change = lambda reply: reply

    def answer(self, request):
        self.sent.append(request)
        bare = call(request.path, request.params, request.headers)
        return self.change(self.account.sandbox.answer(bare))


@pytest.fixture
def place():
    """An account and its storage, each on a port of its own, and a client."""
    storage = Storage()
    with serve(storage) as files:
        account = storage.account = Account(files.url)
        with serve(account.sandbox) as api:
            yield account, storage, account.client(api.url)


def download(client, file, **expected):
    written = io.BytesIO()
    body = FileBody(written, Expected(**expected))
    client.download(PATH.format(file), body)
    return written.getvalue(), body


def test_the_storage_gets_neither_token_nor_cookie(place):
    account, storage, client = place
    found, body = download(client, account.file, size=300_000)

    assert content("offer.pdf", 300_000) == found
    assert 300_000 == body.size
    (sent,) = storage.sent
    assert TOKEN not in str(sent)
    assert not {"x-api-token", "authorization", "cookie", "x-hidden-target"} & {*sent.headers}
    assert 20 == client.stats.tokens


def test_no_log_and_no_exception_has_the_signed_url(place, capsys):
    account, storage, client = place
    storage.change = lambda _: Reply(status=503, body=b"<Error><Code>SlowDown</Code></Error>")
    with everything_logged() as text, pytest.raises(TransientApiError) as caught:
        download(client, account.file)

    said = text.getvalue() + "".join(traceback.format_exception(caught.value))
    said += "".join(map(str, capsys.readouterr()))
    signature = dict(storage.sent[0].params)["signature"]
    assert "SlowDown" in said
    assert '"GET / HTTP/1.1" 503' in said  # urllib3's log has the request, without its path
    for secret in (signature, "signature=", TOKEN):
        assert secret not in said
    assert 3 == len(storage.sent)
    assert 20 == client.stats.tokens


def cut(reply):
    return Reply(status=200, body=reply.body, headers=reply.headers, cut=1000)


def shorter(reply):
    return Reply(status=200, body=reply.body[:-1], headers=reply.headers)


def page(_):
    return Reply(status=200, body=b"<html>Error</html>", headers={"Content-Type": "text/html"})


def empty(_):
    return Reply(status=200, body=b"")


@pytest.mark.parametrize("change", [cut, shorter, page, empty])
def test_what_is_not_the_whole_file_is_requested_again_and_then_fails(place, change):
    account, storage, client = place
    storage.change = change
    with pytest.raises(TransientApiError):
        download(client, account.file, size=300_000)
    assert 3 == len(storage.sent)
    assert 1 == len(account.sandbox.calls("download"))

    storage.change = lambda reply: reply
    assert content("offer.pdf", 300_000) == download(client, account.file, size=300_000)[0]


def partial(reply):
    return Reply(status=206, body=reply.body[:1000], headers=reply.headers)


@pytest.mark.parametrize("change", [cut, page, empty, partial])
def test_the_size_need_not_be_known(place, change):
    account, storage, client = place
    storage.change = change
    with pytest.raises(TransientApiError):
        download(client, account.file)


@pytest.mark.parametrize(
    ("headers", "size", "is_whole"),
    [
        ({}, None, False),
        ({}, 3, True),
        ({"content-length": "3"}, None, True),
        ({"transfer-encoding": "chunked"}, None, True),
    ],
)
def test_a_body_counts_only_if_something_shows_its_end(headers, size, is_whole):
    body = FileBody(io.BytesIO(), Expected(size=size))
    body.begin(headers)
    body.write(b"abc")

    assert is_whole == (not body.fault())


def test_a_file_of_unknown_size_ends_at_the_limit_of_its_rule(place):
    account, _, client = place
    with pytest.raises(TransientApiError, match="more than 999 bytes"):
        download(client, account.file, below=1000)


def test_a_web_page_may_be_a_file(place):
    account, storage, client = place
    storage.change = page
    assert b"<html>Error</html>" == download(client, account.file, is_page=True)[0]


def test_refusals_have_the_words_of_pipedrive(place):
    account, _, client = place
    with pytest.raises(Missing, match="File not found"):
        download(client, 424242)
    account.sandbox.inject(faults.refused("v1/files/*/download", 403, "No access to this file"))
    with pytest.raises(Forbidden, match="No access to this file"):
        download(client, account.file)


def test_a_refusal_of_the_storage_is_not_retried(place):
    account, storage, client = place
    storage.change = lambda _: Reply(status=403, body=b"<Error><Code>AccessDenied</Code></Error>")
    with pytest.raises(ApiError, match="AccessDenied"):
        download(client, account.file)
    assert 1 == len(storage.sent)


@pytest.mark.parametrize(
    "location",
    [
        "http://files.example/1?signature=5ecre7",
        "ftp://files.example/1?signature=5ecre7",
        "https://user:5ecre7@files.example/1",
        "https://files.example:99999999/5ecre7",
    ],
)
def test_a_redirect_to_an_unsafe_address_is_not_followed(location):
    scripted = Scripted(lambda: Reply(status=302, body=b"", headers={"Location": location}))
    clock = Clock()
    client = Client(
        base_url="https://api.pipedrive.com",
        api_token=TOKEN,
        adapter=scripted,
        sleep=clock.sleep,
        monotonic=clock.monotonic,
        now=lambda: NOON,
    )
    with pytest.raises(ApiError) as caught:
        download(client, 7)
    assert 1 == len(scripted.sent)
    assert "5ecre7" not in str(caught.value)


def test_redirects_end():
    scripted = Scripted(
        lambda: Reply(status=302, body=b"", headers={"Location": "https://files.example/5ecre7"})
    )
    client = Client(base_url="https://api.pipedrive.com", api_token=TOKEN, adapter=scripted)
    with pytest.raises(ApiError, match="redirects") as caught:
        download(client, 7)
    assert "5ecre7" not in str(caught.value)
    assert [TOKEN] == [
        value for sent in scripted.sent if (value := sent.headers.get("x-api-token"))
    ]


def test_pipedrive_may_return_the_file_itself():
    headers = {"Content-Type": "application/octet-stream"}
    scripted = Scripted(lambda: Reply(status=200, body=b"%PDF-1", headers=headers))
    client = Client(base_url="https://api.pipedrive.com", api_token=TOKEN, adapter=scripted)
    assert b"%PDF-1" == download(client, 7, size=6)[0]


@pytest.mark.slow
def test_a_proxy_gets_the_real_path_and_no_header_of_ours(monkeypatch):
    """Nothing listens on port 9, so that only the proxy can answer."""
    storage = Storage()
    with serve(storage) as proxy:
        account = storage.account = Account("http://localhost:9")
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        client = account.client("http://127.0.0.1:9")
        assert content("offer.pdf", 300_000) == download(client, account.file)[0]
    asked, fetched = storage.sent
    assert TOKEN == asked.headers["x-api-token"]
    assert f"/storage/{account.file}" == fetched.path
    assert not {"x-api-token", "x-hidden-target"} & {*fetched.headers}
