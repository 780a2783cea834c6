"""What any library logs at any level, for tests that search it for secrets."""

import contextlib
import http.client
import io
import logging
from collections.abc import Iterator

import pytest

LOUD = (
    "",
    "urllib3",
    "urllib3.connectionpool",
    "requests",
    "dlt",
    "dagster",
    "pipedrive_assets",
    "asyncio",
    "filelock",
)


@contextlib.contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Collect the lines of all loggers, and let `http.client` print its headers."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    loggers = [logging.getLogger(name) for name in LOUD]
    before = [(logger.level, logger.disabled) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        logger.addHandler(handler)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(http.client.HTTPConnection, "debuglevel", 1)
            yield text
    finally:
        for logger, (level, disabled) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            # Unlike an assignment to `level`, this clears what loggers remember of enabled levels.
            logger.setLevel(level)
            logger.disabled = disabled
