"""The file that keeps an OAuth app's tokens: private, locked, and replaced atomically."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import filelock

from pipedrive_assets.api.oauth.app import Tokens
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.windows import parse_stamp, stamp

LOCK_SECONDS = 300.0
"""How long a process waits for another one that renews the tokens."""

RESERVED_BYTES = 4096
"""Size of the file. It is written before a renewal, so that a full disk loses no token."""

OTHERS = 0o077
"""Permissions of the group and of all other users."""


class TokenFile:
    """The token file of an OAuth app. Processes on one machine share it."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read or written.

        Args:
            path: The file.
        """
        self.path = Path(os.path.realpath(path))
        self._lock = filelock.FileLock(f"{self.path}.lock", timeout=LOCK_SECONDS, mode=0o600)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the file against other threads and processes.

        Yields:
            Once, with the lock held.

        Raises:
            ConfigurationError: The folder is not writable, or another process has held the lock
                for five minutes.
        """
        with _explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Fails at once in a read-only folder; the lock would wait until its timeout.
            Path(self._lock.lock_file).open("a", encoding="utf-8").close()
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def read(self) -> Tokens | None:
        """Return the stored tokens; None if there is no file.

        Raises:
            ConfigurationError: Other users can read the file, or it is not a token file.
        """
        with _explained(self.path):
            try:
                with self.path.open("rb") as file:
                    mode, text = os.fstat(file.fileno()).st_mode, file.read()
            except FileNotFoundError:
                return None
        if mode & OTHERS:
            raise ConfigurationError(
                f"The token file {self.path} can be read by other users (permissions "
                f"{mode & 0o777:04o}). Nothing was requested. Run: chmod 600 {self.path}"
            )
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            return _tokens_in(json.loads(text))
        # Raised out here: the error of the JSON parser holds the whole text, with the tokens.
        raise ConfigurationError(
            f"{self.path} is not a token file. Nothing was requested. Remove it, then run "
            "`pipedrive-assets login`."
        )

    @contextlib.contextmanager
    def replacing(self) -> Iterator[Callable[[Tokens], None]]:
        """Reserve space for a new version of the file, before the tokens are requested.

        Yields:
            A function that writes the tokens and replaces the file.

        Raises:
            ConfigurationError: The folder is not writable, or the disk is full.
        """
        with _explained(self.path):
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            with os.fdopen(handle, "wb") as file:

                def write(tokens: Tokens) -> None:
                    text = json.dumps(_as_json(tokens), indent=2).encode().ljust(RESERVED_BYTES)
                    _write_over(file, text)
                    Path(name).replace(self.path)

                try:
                    _write_over(file, b" " * RESERVED_BYTES)
                    yield write
                finally:
                    Path(name).unlink(missing_ok=True)


def _write_over(file: BinaryIO, content: bytes) -> None:
    file.seek(0)
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _as_json(tokens: Tokens) -> dict[str, Any]:
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_in": tokens.lifetime,
        "scope": " ".join(sorted(tokens.scopes)),
        "api_domain": tokens.api_domain,
        "obtained_at": stamp(tokens.obtained_at),
        "origin": tokens.origin,
    }


def _tokens_in(content: Mapping[str, Any]) -> Tokens:
    return Tokens(
        access_token=str(content["access_token"]),
        refresh_token=str(content["refresh_token"]),
        lifetime=float(content["expires_in"]),
        scopes=frozenset(content["scope"].split()),
        api_domain=str(content["api_domain"]),
        obtained_at=parse_stamp(content["obtained_at"]),
        origin=str(content["origin"]),
    )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Replace errors of the operating system by one that names the token file."""
    try:
        yield
    except filelock.Timeout:
        error = ConfigurationError(
            f"Another process has locked the token file {path} for over {LOCK_SECONDS:.0f} "
            "seconds. No token was replaced. Run again when the other process has finished."
        )
    except OSError as trouble:
        error = ConfigurationError(
            f"The token file {path} cannot be read and replaced ({trouble.strerror}), so a new "
            "refresh token could get lost. Set PIPEDRIVE_TOKEN_FILE to a file in a writable folder."
        )
    else:
        return
    raise error
