"""Identify a process across machines, containers and reboots.

A process id and a host name are not enough: two machines may share a host name, containers reuse
small process ids, and a reboot starts counting again.
"""

import contextlib
import json
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")
MACHINE_ID = Path("/etc/machine-id")
NETWORK = Path("/sys/class/net")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A process, and where it runs.

    Attributes:
        machine: The machine's id and network addresses; empty if they are not available.
            Cloned virtual machines share the id, but not the addresses.
        boot: The id of the kernel's current boot, empty outside Linux.
        namespace: The PID namespace, which separates containers; empty outside Linux.
        pid: The process id within that namespace.
        started: When the process started, in clock ticks since boot; None outside Linux.
    """

    machine: str
    boot: str
    namespace: str
    pid: int
    started: int | None

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """Return the identity of this process."""
        namespace, boot = "", _text(BOOT_ID)
        with contextlib.suppress(OSError):
            namespace = str(PID_NAMESPACE.readlink())
        return cls(
            machine=_linux_machine() if boot else _network_address(),
            boot=boot,
            namespace=namespace,
            pid=os.getpid(),
            started=_started(os.getpid()),
        )

    @classmethod
    def from_json(cls, text: str) -> "ProcessIdentity | None":
        """Read an identity that `to_json` wrote.

        Args:
            text: JSON text, possibly written by another version or program.

        Returns:
            The identity, or None if the text is not a valid identity.
        """
        try:
            found = cls(**json.loads(text))
        except (ValueError, TypeError):
            return None
        return found if type(found.pid) is int and found.pid > 0 else None

    def to_json(self) -> str:
        """Return the identity as JSON."""
        return json.dumps(asdict(self))

    def is_gone(self) -> bool:
        """Return whether the process is known to have ended.

        False if this cannot be determined, for example for another machine or container.
        """
        here = ProcessIdentity.current()
        if self.boot != here.boot:
            return bool(self.boot and self.machine) and self.machine == here.machine
        is_here = self.namespace == here.namespace if self.boot else self.machine == here.machine
        if not is_here or not (self.boot or self.machine):
            return False
        return not _exists(self.pid) or _started(self.pid) not in {None, self.started}


def _linux_machine() -> str:
    """Return the machine's id and the addresses of its network devices; empty if one is missing."""
    identifier, addresses = _text(MACHINE_ID), []
    with contextlib.suppress(OSError):
        # Virtual interfaces (bridges) have no device, and get a new address with each boot.
        devices = [one for one in NETWORK.iterdir() if (one / "device").exists()]
        addresses = sorted(filter(None, (_text(one / "address") for one in devices)))
    return " ".join((identifier, *addresses)) if identifier and addresses else ""


def _network_address() -> str:
    """Return the network address; empty if Python made up one, which has the multicast bit set."""
    node = uuid.getnode()
    return "" if node >> 40 & 1 else f"{node:012x}"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _started(pid: int) -> int | None:
    """Return the start of a process in clock ticks since boot (field 22 of /proc/PID/stat)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # The second field is a name in parentheses, which can contain spaces.
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        return int(after_name.split()[19])
    return None


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""
