"""`singer`: the Singer tap, with nothing but messages on standard output."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipedrive_assets.errors import ConfigurationError, WarehouseError
from pipedrive_assets.singer import Catalog, PipedriveTap
from pipedrive_assets.singer.messages import target_closed


def run_tap(config: Path, state: Path | None, catalog: Path | None, *, discover: bool) -> None:
    """Write the catalog, or sync.

    Args:
        config: JSON file with the config.
        state: JSON file with the last state; None: a first sync.
        catalog: JSON file with the selected streams; None: the catalog of discovery.
        discover: Write the catalog and return.

    Raises:
        ConfigurationError: A file cannot be used.
        WarehouseError: The target closed its input.
    """
    tap = PipedriveTap(
        _json_file(config, "--config"), _json_file(state, "--state") if state else None
    )
    try:
        with _progress_on_stderr():
            if discover:
                tap.do_discover().dump(sys.stdout)
            elif catalog:
                tap.do_sync(Catalog.from_dict(_json_file(catalog, "--catalog")))
            else:
                tap.do_sync(tap.do_discover())
        sys.stdout.flush()
    except OSError as error:
        _drop_output()
        raise target_closed(error) from error
    except WarehouseError:
        _drop_output()
        raise


@contextmanager
def _progress_on_stderr() -> Iterator[None]:
    """Log the progress of each stream to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    progress = logging.getLogger("pipedrive_assets.singer")
    progress.addHandler(handler)
    progress.setLevel(logging.INFO)
    progress.propagate = False
    try:
        yield
    finally:
        progress.removeHandler(handler)
        progress.propagate = True


def _drop_output() -> None:
    """Discard buffered output, so that Python does not report the closed pipe a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _json_file(path: Path, option: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(
            f"{option}: {path} cannot be read ({error.strerror}). Give the path of a JSON file."
        ) from error
    except (ValueError, RecursionError):
        raise ConfigurationError(
            f"{option}: {path} is not valid JSON. Correct the file or create it again."
        ) from None
