"""The processes of a benchmark: the invented account, and one per measured task."""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIRST = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
LATER, NEXT_DAY = FIRST + timedelta(hours=1), FIRST + timedelta(days=1)

Facts = dict[str, Any]


class Account:
    """The process of the invented account."""

    def __init__(self, deals: int, folder: Path, *how: str) -> None:
        """Start the process.

        Args:
            deals: Number of deals.
            folder: Where it keeps its replies.
            *how: Further options; see `bench.account`.
        """
        self._process = subprocess.Popen(
            python("bench.account", *how, deals=deals, folder=folder, instant=FIRST.isoformat()),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url: str = self._answer()["url"]

    def order(self, phase: str, instant: datetime, **how: Any) -> Facts:
        """Begin a phase.

        Args:
            phase: Name of the phase.
            instant: Time of the account during the phase.
            **how: Further keys of the order; see `bench.account.begin_phase`.

        Returns:
            Number of rows in the account.
        """
        order = json.dumps({"phase": phase, "instant": instant.isoformat(), **how})
        print(order, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Facts:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            sys.exit("The account's process has ended; see its output above.")
        answer: Facts = json.loads(line)
        return answer

    def close(self) -> None:
        """Stop the process."""
        self._process.communicate()


def children_cpu() -> float:
    """Return the CPU seconds of all ended child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def python(module: str, *words: str, **named: object) -> list[str]:
    """Return the command that runs a module with `words` and `--name value` options."""
    options = [text for name, value in named.items() for text in (f"--{name}", str(value))]
    return [sys.executable, "-m", module, *words, *options]


def measured(work: str, **named: object) -> Facts:
    """Run a task of `bench.work` in a process of its own.

    Args:
        work: Name of the task.
        **named: Options of the task.

    Returns:
        What it measured: `wall` and `cpu` in seconds, `peak` in MB, `rows`, `requests`, `tokens`.

    Raises:
        SystemExit: If the task failed.
    """
    return output_of(python("bench.work", work, **named))


def output_of(command: Sequence[str]) -> Facts:
    """Run a command and read the last line of its output as JSON.

    Args:
        command: The program and its arguments.

    Returns:
        The JSON object.

    Raises:
        SystemExit: If the command failed.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}\n{' '.join(command[1:4])} failed; see its output above.")
    found: Facts = json.loads(done.stdout.splitlines()[-1])
    return found
