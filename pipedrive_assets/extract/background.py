"""Requests in the background, while other requests of the same list are running."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")


class Background:
    """Runs functions in daemon threads, one thread for each call.

    As a context manager, it waits at its end for what still runs, so that every request is counted.
    It does not wait if the process is interrupted, or if the results are no longer wanted: a
    request can be retried for minutes.
    """

    def __init__(self, name: str) -> None:
        """Start nothing yet; `name` is the name of the threads."""
        self._name = name
        self._running: list[Future[Any]] = []

    def start(self, work: Callable[[], Result]) -> "Future[Result]":
        """Call a function in a thread of its own; the future has its result or its exception."""
        future: Future[Result] = Future()
        self._running = [*(each for each in self._running if not each.done()), future]
        threading.Thread(target=_run, args=(work, future), name=self._name, daemon=True).start()
        return future

    def __enter__(self) -> "Background":  # noqa: PYI034 - Self is in typing since Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, Exception):
            wait(self._running)


def _run(work: Callable[[], Result], future: "Future[Result]") -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - raised to the thread that needs the result
        future.set_exception(error)
    else:
        future.set_result(result)
