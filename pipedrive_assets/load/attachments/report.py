"""What a load did with attachments."""

from dataclasses import dataclass, field
from datetime import datetime

from pipedrive_assets.api import RequestStats


@dataclass(slots=True, kw_only=True)
class AttachmentReport:
    """Counts of files.

    Attributes:
        downloaded: Downloaded and stored.
        size: Bytes of the downloaded files.
        already_stored: Those of the downloaded files whose content another file has as well.
        refused: Refused by Pipedrive.
        failed: Incomplete, or not reachable; a later run tries again.
        remote: Only linked in Pipedrive, for example to Google Drive.
        deleted: Contents that were deleted because their rows were purged.
        waiting: Left for later by a token cap.
        reason: Which cap was reached; empty: none.
        resumes_at: When the next run can continue, UTC.
        stats: Requests and token cost.
    """

    downloaded: int = 0
    size: int = 0
    already_stored: int = 0
    refused: int = 0
    failed: int = 0
    remote: int = 0
    deleted: int = 0
    waiting: int = 0
    reason: str = ""
    resumes_at: datetime | None = None
    stats: RequestStats = field(default_factory=RequestStats)

    def __str__(self) -> str:
        """Return one sentence or two."""
        counts = {
            "refused by Pipedrive": self.refused,
            "failed": self.failed,
            "only linked": self.remote,
            "deleted": self.deleted,
        }
        others = "".join(f", {count:,} {what}" for what, count in counts.items() if count)
        text = (
            f"Attachments: {self.downloaded:,} downloaded ({self.size / 1e6:,.1f} MB, "
            f"{self.stats.tokens:,} tokens){others}."
        )
        if self.waiting and self.resumes_at:
            text += (
                f" {self.waiting:,} are still to be downloaded: {self.reason}. The first run after "
                f"{self.resumes_at:%Y-%m-%d %H:%M} UTC continues."
            )
        return text
