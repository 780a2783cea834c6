"""An invented company behind Pipedrive's API, deterministic and as strict as the documentation.

This package imports nothing else of the project. `company` has the data, `http` the API.
"""

from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.adapter import SandboxAdapter
from pipedrive_assets.sandbox.company.world import EPOCH, World
from pipedrive_assets.sandbox.exchange import Call, Reply, call
from pipedrive_assets.sandbox.http.v2_lists import Habits
from pipedrive_assets.sandbox.limits import Limits
from pipedrive_assets.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, OAuthServer
from pipedrive_assets.sandbox.sandbox import API_TOKEN, Sandbox
from pipedrive_assets.sandbox.server import Server, serve

__all__ = [
    "API_TOKEN",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "EPOCH",
    "Call",
    "Habits",
    "Limits",
    "OAuthServer",
    "Reply",
    "Sandbox",
    "SandboxAdapter",
    "Server",
    "World",
    "call",
    "faults",
    "serve",
]
