"""An invented company behind Pipedrive's HTTP contract: deterministic, alive and demanding."""

from . import faults
from .adapter import SandboxAdapter
from .answer import API_TOKEN, Sandbox
from .exchange import Call, Reply, call
from .limits import Limits
from .lists import Habits
from .server import Server, serve
from .world import EPOCH, World

__all__ = [
    "API_TOKEN",
    "EPOCH",
    "Call",
    "Habits",
    "Limits",
    "Reply",
    "Sandbox",
    "SandboxAdapter",
    "Server",
    "World",
    "call",
    "faults",
    "serve",
]
