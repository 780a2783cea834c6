"""Other programs from the package index that read the same account, for comparison."""

import subprocess
import sys
from pathlib import Path

from bench.process import FIRST, ROOT, Facts, output_of

OLD_TAP = "tap-pipedrive==2.1.0"
VENV = ROOT / ".rivals"


def old_tap(url: str) -> Facts | None:
    """Measure a first sync of the old Singer tap, in a venv of its own.

    Args:
        url: Address of the account.

    Returns:
        The measurements; None if the tap cannot be installed.
    """
    interpreter = _installed()
    if interpreter is None:
        return None
    start_date = f"{FIRST.replace(year=FIRST.year - 30):%Y-%m-%dT%H:%M:%SZ}"
    return output_of([str(interpreter), "bench/old_tap.py", url, start_date])


def _installed() -> Path | None:
    """Return the interpreter of the venv with the tap; install it first if necessary."""
    interpreter = VENV / "bin/python"
    done = VENV / OLD_TAP
    if done.exists():
        return interpreter
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", OLD_TAP]
    for command in ([sys.executable, "-m", "venv", str(VENV)], [str(interpreter), *install]):
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:
            print(f"{OLD_TAP} cannot be installed:\n{found.stderr[-500:]}", file=sys.stderr)
            return None
    done.touch()
    return interpreter
