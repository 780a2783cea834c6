"""`rebuild`: a warehouse from raw replies, without a request."""

from pathlib import Path

from pipedrive_assets.config import Settings
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.load.recording.rebuild import rebuild as repeat_runs
from pipedrive_assets.load.recording.recorded import Erasure
from pipedrive_assets.warehouse import warehouse_of


def rebuild(url: str, target: Path | None) -> None:
    """Rebuild a warehouse, and print a line per run.

    Args:
        url: The raw replies.
        target: The DuckDB file to write; None: the warehouse of the settings.

    Raises:
        PipedriveError: The warehouse exists, or cannot be rebuilt.
    """
    settings = Settings.from_env()
    if target:
        settings = settings.replace(warehouse=target, destination="duckdb")
    warehouse = warehouse_of(settings)
    zone = RawZone(url=url, file_mode=settings.file_mode, option="--from")
    runs = 0
    try:
        for each in repeat_runs(zone, warehouse):
            if isinstance(each, Erasure):
                print(f"{each.recorded_at:%Y-%m-%d %H:%M:%S}: {each}")
            else:
                runs += 1
                print(f"{each.recorded_at:%Y-%m-%d %H:%M:%S}: {each.what}")
        print(
            f"{warehouse.backend} is rebuilt from {runs} {'run' if runs == 1 else 'runs'} in "
            f"{zone.store}. No request was sent to Pipedrive."
        )
    finally:
        warehouse.close()
