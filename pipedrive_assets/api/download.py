"""Downloads a file: the redirect to its storage, the body as it arrives, and what proves it whole.

Pipedrive usually redirects to a signed URL on another host. The API token is not sent there, and
the signed URL is in no log and no error.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from pipedrive_assets import errors
from pipedrive_assets.api.paging import IncompletePage
from pipedrive_assets.api.verdict import Action, ApiReply, Verdict, judge
from pipedrive_assets.api.wire import NoReply, Wire, length_of
from pipedrive_assets.fault_text import described

DOWNLOAD_TOKENS = 20
"""Token cost of the request for a file (official docs)."""

ATTEMPTS = 3
"""Attempts per request before a file counts as failed; the next run tries again."""

MOST_REDIRECTS = 5
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PARTIAL = "HTTP {status}, which is not a whole file"
_CODE = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is known of a file before its download.

    Attributes:
        size: Bytes; None if unknown.
        below: The file must have fewer bytes; None: any number.
        is_page: Whether the file may be a web page.
    """

    size: int | None = None
    below: int | None = None
    is_page: bool = False


class FileBody:
    """Writes the body of a reply into a file, counts and hashes it. Each reply starts over."""

    def __init__(self, file: BinaryIO, expected: Expected) -> None:
        """Write nothing yet.

        Args:
            file: A seekable file.
            expected: What is known of the file.
        """
        self.size = 0
        """Bytes written."""

        self._file, self._expected = file, expected
        self._hash = hashlib.sha256()
        self._headers: Mapping[str, str] = {}

    @property
    def sha256(self) -> str:
        """The hash of what was written, in hexadecimal digits."""
        return self._hash.hexdigest()

    def begin(self, headers: Mapping[str, str]) -> None:
        """Remove what an earlier reply wrote.

        Args:
            headers: The headers of the reply, by lower-case name.
        """
        self.size, self._hash, self._headers = 0, hashlib.sha256(), headers
        self._file.seek(0)
        self._file.truncate()

    def write(self, piece: bytes) -> None:
        """Write the next bytes.

        Args:
            piece: The bytes.

        Raises:
            NoReply: The body is longer than the file can be.
            WarehouseError: The disk does not take the bytes.
        """
        self.size += len(piece)
        most = self._expected.size
        if most is None and self._expected.below is not None:
            most = self._expected.below - 1
        if most is not None and self.size > most:
            raise NoReply(f"the body has more than {most:,} bytes")
        self._hash.update(piece)
        try:
            self._file.write(piece)
        except OSError as error:
            errors.raise_alone(
                errors.WarehouseError(
                    f"A downloaded file cannot be written to the temporary folder: "
                    f"{described(error)}. Files that are already stored are safe. Free some space, "
                    "or set TMPDIR to a folder on another disk, and run again."
                )
            )

    def fault(self) -> str:
        """Return why what was written is not the whole file; empty if it is."""
        kind = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        length = length_of(self._headers)
        announced, wanted = length or self.size, self._expected.size or self.size
        shows_its_end = self._headers.get("transfer-encoding", "").strip().lower() == "chunked"
        if not self.size:
            return "the body is empty"
        if not (length or self._expected.size or shows_its_end):
            return "nothing shows whether the body is complete: neither a length nor a size"
        if kind == "text/html" and not self._expected.is_page:
            return "a web page was returned instead of the file"
        if self.size != announced:
            return f"the body has {self.size:,} bytes, but {announced:,} were announced"
        if self.size != wanted:
            return f"the body has {self.size:,} bytes, but the size of the file is {wanted:,}"
        return ""


def judge_download(
    reply: ApiReply, *, cost: int, paged_on: bool = False, known_left: int | None = None
) -> Verdict:
    """Decide what to do after Pipedrive's reply to the request for a file.

    Args:
        reply: Pipedrive's reply.
        cost: Token cost of the request.
        paged_on: Not used.
        known_left: Daily tokens remaining after earlier replies; None if unknown.

    Returns:
        The verdict. Its body has the `location` of a redirect, which no other part has.
    """
    if reply.status == 200:
        return Verdict(action=Action.GO_ON, body={})
    if 200 < reply.status < 300:
        return Verdict(action=Action.RETRY, quote=_PARTIAL.format(status=reply.status))
    if reply.status in _REDIRECTS and (location := reply.headers.get("location")):
        return Verdict(action=Action.GO_ON, body={"location": location})
    verdict = judge(reply, cost=cost, paged_on=paged_on, known_left=known_left)
    return replace(verdict, quote="") if verdict.error is errors.Redirected else verdict


def read_location(body: dict[str, Any], to: FileBody) -> str | None:
    """Return where Pipedrive redirects to; None if its reply was the file.

    Args:
        body: The body of the verdict.
        to: What the reply was written to.

    Raises:
        IncompletePage: The reply was not the whole file.
    """
    location: str | None = body.get("location")
    if location is None and (fault := to.fault()):
        raise IncompletePage(fault)
    return location


def fetch(wire: Wire, location: str, to: FileBody) -> Verdict:
    """Request a file from the storage, following redirects without a token.

    Args:
        wire: The HTTP connection.
        location: The `location` of Pipedrive's redirect.
        to: What the file is written to.

    Returns:
        Go on, or retry or stop with the reason, which does not contain the URL.
    """
    url = wire.base_url + "/"
    for _ in range(MOST_REDIRECTS):
        url = urljoin(url, location)
        if not _is_safe(url, wire.base_url):
            return _stop("a redirect to an address that is not encrypted, or not valid")
        try:
            reply = wire.get_file(url, to)
        except NoReply as trouble:
            return Verdict(action=Action.RETRY, quote=f"the file storage: {trouble}")
        location = reply.headers.get("location", "")
        if reply.status not in _REDIRECTS or not location:
            return _judge_storage(reply, to)
    return _stop(f"more than {MOST_REDIRECTS} redirects")


def _is_safe(url: str, base_url: str) -> bool:
    """Whether a file may be requested from a URL: encrypted, or from this machine to itself."""
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
        _ = parts.port
    except ValueError:
        return False
    is_local = base.scheme == "http" and base.hostname in LOOPBACK and parts.hostname in LOOPBACK
    is_right = parts.scheme == "https" or (parts.scheme == "http" and is_local)
    return bool(is_right and parts.hostname and "@" not in parts.netloc)


def _judge_storage(reply: ApiReply, to: FileBody) -> Verdict:
    if 200 < reply.status < 300:
        quote = _PARTIAL.format(status=reply.status)
        return Verdict(action=Action.RETRY, quote=f"the file storage: {quote}")
    if reply.status == 200:
        if fault := to.fault():
            return Verdict(action=Action.RETRY, quote=f"the file storage: {fault}")
        return Verdict(action=Action.GO_ON)
    code = _CODE.search(reply.content[:4096])
    quote = f"the file storage answered {reply.status}{f' {code[1].decode()}' if code else ''}"
    if reply.status in {404, 410}:
        return Verdict(action=Action.STOP, error=errors.PipedriveNotFoundError, quote=quote)
    is_passing = reply.status >= 500 or reply.status in {408, 429}
    return Verdict(action=Action.RETRY, quote=quote) if is_passing else _stop(quote)


def _stop(quote: str) -> Verdict:
    return Verdict(action=Action.STOP, quote=quote)
