"""Where the content of rows could be found that belongs in the warehouse only."""

import logging
from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest


def everything_of(error: BaseException | None) -> str:
    """All text of an error and of every error that it refers to, also where Python hides it."""
    texts, waiting, known = [], [error], set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in known:
            continue
        known.add(id(one))
        texts.append(f"{one!r} {one} {vars(one)}")
        waiting += [one.__cause__, one.__context__]
    return "\n".join(texts)


def files_with(secret: str, folder: Path) -> list[str]:
    """The files below a folder that contain a secret."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    )


class Collected(logging.Handler):
    """All text that a log would show."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter())
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"


@pytest.fixture
def logged() -> Iterator[Collected]:
    """What all loggers write at any level, dlt's own among them."""
    dlt.current.run_context()  # starts dlt, which sets the level of its logger
    handler, loggers = Collected(), [logging.getLogger(name) for name in (None, "dlt")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield handler
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)
