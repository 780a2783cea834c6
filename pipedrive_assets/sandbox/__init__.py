"""An invented company behind Pipedrive's API contract: deterministic and strict.

Imports nothing else of this project. The company is in `company`, its API in `http`.
"""

from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.adapter import SandboxAdapter
from pipedrive_assets.sandbox.company.world import EPOCH, World
from pipedrive_assets.sandbox.exchange import Call, Reply, call
from pipedrive_assets.sandbox.http.v2_lists import Habits
from pipedrive_assets.sandbox.limits import Limits
from pipedrive_assets.sandbox.sandbox import API_TOKEN, Sandbox
from pipedrive_assets.sandbox.server import Server, serve

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
