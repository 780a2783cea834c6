"""A command whose failure is one sentence on standard error, with the exit code of its error."""

import contextlib
import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

if TYPE_CHECKING:
    from pipedrive_assets.errors import PipedriveError

HELP = ["-h", "--help"]

INTERRUPTED, PIPE_CLOSED, TERMINATED = 130, 141, 143
"""The exit codes after Ctrl-C, the end of a pipe's reader, and SIGTERM, as shells have them."""


class OutputError(OSError):
    """Standard output cannot be written; other files raise plain `OSError`s."""


class _Output:
    """Standard output, whose errors are `OutputError`s. It has all other attributes of a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _output_errors():
            return self._stream.write(text)

    def flush(self) -> None:
        with _output_errors():
            self._stream.flush()


@contextlib.contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(error.errno, error.strerror) from None


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[threading.Event]:
    """Let SIGTERM, with which services and containers are stopped, end a command as Ctrl-C does.

    A second SIGTERM has its usual effect: it ends the process at once.

    Yields:
        Set after a SIGTERM.
    """
    received = threading.Event()

    def _interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
        received.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


class Command(click.Command):
    """A command that reports errors as `ErrorClass: sentence`."""

    def __init__(
        self, *args: Any, alerts: bool = False, interrupted: str = "", **options: Any
    ) -> None:
        """Take click's arguments.

        Args:
            *args: Passed to click.
            alerts: Whether a failure is posted to PIPEDRIVE_ALERT_WEBHOOK.
            interrupted: What is safe after Ctrl-C or SIGTERM, and what to do next.
            **options: Passed to click.
        """
        super().__init__(*args, **options)
        self.alerts, self.interrupted = alerts, interrupted

    def invoke(self, ctx: click.Context) -> int:
        """Run the command.

        Returns:
            The exit code.
        """
        # The level is the handler's: Dagster sets the levels of loggers.
        handler = logging.StreamHandler(sys.stderr)
        handler.setLevel(logging.WARNING)
        logging.basicConfig(format="%(message)s", handlers=[handler])
        with _sigterm_interrupts() as terminated:
            return self._report(ctx, terminated)

    def _report(self, ctx: click.Context, terminated: threading.Event) -> int:
        """Run the command and report its failure; return the exit code."""
        try:
            with contextlib.redirect_stdout(cast("TextIO", _Output(sys.stdout))):
                code = super().invoke(ctx) or 0
                sys.stdout.flush()
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            return self._stopped(terminated)
        except OutputError as caught:
            return self._unwritten(caught)
        except Exception as caught:  # noqa: BLE001 - a bug is one sentence as well
            from pipedrive_assets.extract.unexpected import foreseen

            try:
                error = foreseen(caught, f"running the command {self.name}")
            except KeyboardInterrupt:
                return self._stopped(terminated)
            click.echo(f"{type(error).__name__}: {error}", err=True)
            if self.alerts:
                _alert(self.name or "", error)
            return error.exit_code
        return code

    def _unwritten(self, error: OutputError) -> int:
        """Report that standard output cannot be written; return the exit code.

        A pipe whose reader needs no more lines, such as `head`, is no failure of the command.
        """
        with contextlib.suppress(OSError, ValueError):
            # Otherwise Python reports the lines that are still to be written when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        is_pipe = error.errno == errno.EPIPE
        if self.interrupted or not is_pipe:
            text = f"Standard output cannot be written ({error.strerror}). {self.interrupted}"
            click.echo(text.rstrip(), err=True)
        return PIPE_CLOSED if is_pipe else 1

    def _stopped(self, terminated: threading.Event) -> int:
        """Report a Ctrl-C or SIGTERM; return the exit code."""
        cause, code = ("SIGTERM", TERMINATED) if terminated.is_set() else ("Ctrl-C", INTERRUPTED)
        click.echo(f"\nStopped by {cause}. {self.interrupted}".rstrip(), err=True)
        return code


class Group(click.Group):
    """A group of such commands, listed in the order in which they are defined."""

    command_class = Command
    group_class = type
    """Click's value for subgroups of the same class."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of their definition."""
        return list(self.commands)


def exit_code(command: click.Command, argv: Sequence[str] | None) -> int:
    """Run a command or group.

    Args:
        command: What to run.
        argv: The arguments; None: those of the process.

    Returns:
        The exit code; 2 for a usage error.
    """
    try:
        return command.main(argv, standalone_mode=False, help_option_names=HELP) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED


def _alert(name: str, error: "PipedriveError") -> None:
    """Post the failure to the webhook, if the settings can be read and have one."""
    from pipedrive_assets.alert import failure_text, post
    from pipedrive_assets.config import Settings
    from pipedrive_assets.errors import LoadFailed, PipedriveError

    with contextlib.suppress(PipedriveError):
        if url := Settings.from_env().alert_webhook.get_secret_value():
            kind = "" if isinstance(error, LoadFailed) else f"{type(error).__name__}: "
            post(url, failure_text(f"`python -m pipedrive_assets {name}`", f"{kind}{error}"))
