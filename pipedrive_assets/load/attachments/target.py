"""Which attachments are downloaded, and where they are stored."""

from dataclasses import dataclass

from pipedrive_assets.config import Settings
from pipedrive_assets.config.download_rules import DownloadRule
from pipedrive_assets.warehouse.file_store import FileStore


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentTarget:
    """The place of attachments.

    Attributes:
        url: A path or a URL of fsspec.
        file_mode: Permissions of new local files.
        rules: Which files are downloaded; none: no file.
    """

    url: str
    file_mode: int
    rules: tuple[DownloadRule, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "AttachmentTarget | None":
        """Return the target of the settings; None if they have none."""
        if not settings.download_to:
            return None
        return cls(
            url=settings.download_to, file_mode=settings.file_mode, rules=settings.download_files
        )

    def check(self) -> None:
        """Check that the URL can be used, without a request.

        Raises:
            ConfigurationError: It cannot be used.
        """
        _ = self.store

    @property
    def store(self) -> FileStore:
        """The files.

        Raises:
            ConfigurationError: The URL cannot be used.
        """
        return FileStore(
            self.url,
            self.file_mode,
            option="PIPEDRIVE_DOWNLOAD_TO",
            safe="All rows are loaded, and files that are already stored are complete.",
        )
