"""Checks of the folders and URLs that replies and attachments are stored in."""

from collections.abc import Iterator

from pipedrive_assets.config import Settings
from pipedrive_assets.doctor.finding import Finding, of_error, ok
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.load.raw_zone import RawZone

TOPIC = "folders"


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Check that the folder of each setting can be reached, without writing.

    A credential that may read a URL but not write it is found by the first load.

    Args:
        settings: The settings.

    Yields:
        A finding per setting that has a value.
    """
    places = {
        "PIPEDRIVE_RAW_TO": RawZone.of(settings),
        "PIPEDRIVE_DOWNLOAD_TO": AttachmentTarget.of(settings),
    }
    for name, place in places.items():
        if place is None:
            continue
        try:
            store = place.store
            store.check()
        except PipedriveError as error:
            yield of_error(TOPIC, error)
        else:
            yield ok(TOPIC, f"{name}: {store} can be reached")
