"""Contents of files: Pipedrive redirects to a signed URL of a storage, which accepts no token."""

import hashlib

from pipedrive_assets.sandbox.company.world import World
from pipedrive_assets.sandbox.exchange import Call, Refusal, Reply
from pipedrive_assets.sandbox.http.v2_lists import Ask

PREFIX = "/storage/"
TOKEN_HEADERS = ("x-api-token", "authorization")


def content(name: str, size: int) -> bytes:
    """Return the invented content of a file: equal for files of equal name and size."""
    return hashlib.shake_256(name.encode()).digest(size)


def redirect(ask: Ask) -> Reply:
    """Redirect to the content of a file, which may be on another host.

    Args:
        ask: The request.

    Returns:
        The redirect.

    Raises:
        Refusal: There is no such file.
    """
    key = int(ask.keys[0]) if ask.keys[0].isdecimal() else 0
    row = ask.world.tables["files"].rows.get(key)
    if row is None or not row["active_flag"]:
        raise Refusal(404, "File not found")
    location = f"{ask.habits.storage_url}{PREFIX}{key}?signature={_signature(key)}"
    return Reply(status=302, body=b"", headers={"Location": location})


def answer(call: Call, world: World) -> Reply:
    """Answer a request for the content of a file.

    Args:
        call: The request.
        world: The company.

    Returns:
        The content, or a refusal without a valid signature or with a token.
    """
    if any(name in call.headers for name in TOKEN_HEADERS):
        return _refusal(400, "InvalidArgument")
    key = call.path.removeprefix(PREFIX)
    row = world.tables["files"].rows.get(int(key)) if key.isdecimal() else None
    if row is None or dict(call.params).get("signature") != _signature(int(key)):
        return _refusal(403, "AccessDenied")
    body = content(row["name"], row["file_size"])
    return Reply(status=200, body=body, headers={"Content-Type": "binary/octet-stream"})


def _signature(key: int) -> str:
    return hashlib.sha256(f"signed {key}".encode()).hexdigest()


def _refusal(status: int, code: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>Refused</Message></Error>".encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/xml"})
