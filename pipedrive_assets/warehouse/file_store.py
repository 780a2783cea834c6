"""A folder of files: local, or in an object store that fsspec can reach."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from pipedrive_assets.errors import ConfigurationError, WarehouseError, raise_alone
from pipedrive_assets.fault_text import described
from pipedrive_assets.warehouse.private_files import make_file, make_folder

PART = ".part"
"""Suffix of a local file that is not complete."""

EXPORT_IS_SAFE = "The tables that manifest.json lists there are complete."


class FileStore:
    """A folder. A file appears in it at once and complete, or not at all."""

    def __init__(
        self, url: str, file_mode: int, *, option: str = "--to", safe: str = EXPORT_IS_SAFE
    ) -> None:
        """Prepare the folder without writing.

        Args:
            url: A path or a URL of fsspec.
            file_mode: Permissions of new local files.
            option: The option or setting that has the URL, for error messages.
            safe: The sentence of an error message about what is safe.

        Raises:
            ConfigurationError: The URL cannot be used.
        """
        if not url.strip():
            # fsspec would use the working directory.
            raise ConfigurationError(
                f"{option} is empty. Nothing was written. Give a folder or a URL of fsspec."
            )
        self._url, self._mode, self._safe = url, file_mode, safe
        try:
            self._fs, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(
                f"{option} {self}: {error}. Use a folder or a URL of fsspec, such as "
                "s3://bucket/folder, which needs pip install s3fs."
            ) from None
        self._root = str(root).rstrip("/")
        self._is_local = isinstance(self._fs, LocalFileSystem)

    def __str__(self) -> str:
        """Return the URL without user, password and parameters."""
        parts = urlsplit(self._url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))

    def check(self) -> None:
        """Check that the folder can be reached, and a local one written; nothing is changed.

        Raises:
            WarehouseError: It cannot be reached, or this user may not write it.
        """
        with self._explained():
            if not self._is_local:
                # Not exists(): it returns False for every error, also for refused credentials.
                with contextlib.suppress(FileNotFoundError):
                    self._fs.info(self._root)
                return
            folder = Path(self._root)
            held = next(each for each in (folder, *folder.parents) if each.exists())
            if not held.is_dir():
                raise OSError(errno.ENOTDIR, str(held))
            if not os.access(held, os.W_OK | os.X_OK):
                raise OSError(errno.EACCES, str(held))

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        with self._explained():
            try:
                content: bytes = self._fs.cat_file(self._at(path))
            except FileNotFoundError:
                return None
            return content

    def paths(self) -> set[str]:
        """Return the paths of all files."""
        with self._explained():
            self._fs.invalidate_cache()
            found = self._fs.find(self._root)
        return {str(each)[len(self._root) :].lstrip("/") for each in found}

    def size(self, path: str) -> int:
        """Return the size of a file in bytes."""
        with self._explained():
            return int(self._fs.size(self._at(path)))

    def holds(self, path: str, size: int) -> bool:
        """Whether there is a file of this size in bytes."""
        with self._explained():
            self._fs.invalidate_cache()
            try:
                return int(self._fs.size(self._at(path))) == size
            except FileNotFoundError:
                return False

    def write(self, path: str, content: bytes) -> None:
        """Write or replace a file."""
        with self._explained():
            if self._is_local:
                with self._local(path) as partial:
                    partial.write_bytes(content)
            else:
                self._fs.pipe_file(self._at(path), content)

    def upload(self, source: Path, path: str) -> None:
        """Write a file from a local one."""
        with self._explained():
            if self._is_local:
                with (
                    self._local(path) as partial,
                    source.open("rb") as read,
                    partial.open("wb") as to,
                ):
                    while block := read.read(1 << 20):
                        to.write(block)
            else:
                self._fs.put_file(str(source), self._at(path))

    def remove(self, path: str) -> None:
        """Remove a file, if it exists."""
        with self._explained(), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._at(path))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextlib.contextmanager
    def _local(self, path: str) -> Iterator[Path]:
        """Write a local file under another name, then rename it."""
        target = Path(self._at(path))
        make_folder(target.parent, self._mode)
        partial = target.with_name(f"{target.name}{PART}")
        make_file(partial, self._mode)
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(target)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - each store has exceptions of its own
            is_full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
            remedy = (
                "Free up disk space"
                if is_full
                else "Check the URL, the credentials and the permissions"
            )
            raise_alone(
                WarehouseError(
                    f"{self} could not be read or written: {described(error)}. {self._safe} "
                    f"{remedy}, and run again."
                )
            )
