"""What went wrong on a database server, by SQLSTATE, and the sentence for it.

PostgreSQL's driver gives no code where no connection came about: there the start of the message
counts, and never a word somewhere in it, which may be a name.
"""

import re
import socket

from pipedrive_assets.fault_text import sqlstate

UNREACHABLE, LOST = "08001", "08006"
STARTING, TOO_MANY = "57P03", "53300"
BUSY = {STARTING, TOO_MANY}
"""The server takes connections again soon."""

_REFUSALS = (
    ("password authentication failed", "28P01"),
    ("fe_sendauth: no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ('role "', "28000"),
    ('database "', "3D000"),
    ("permission denied for database", "42501"),
    ("the database system is ", STARTING),
    ("sorry, too many clients", TOO_MANY),
    ("remaining connection slots", TOO_MANY),
    ("too many connections", TOO_MANY),
    ("terminating connection", LOST),
)
"""How the server's refusal to connect begins, and its SQLSTATE."""


def state_of(error: BaseException) -> str:
    """The SQLSTATE of an error, or the one that it would have; empty: none."""
    if code := sqlstate(error):
        return code
    if isinstance(error, ConnectionRefusedError | socket.gaierror | TimeoutError):
        return UNREACHABLE
    if isinstance(error, ConnectionError):
        return LOST
    kinds = {kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "psycopg2"}
    if not kinds & {"OperationalError", "InterfaceError"}:
        return ""
    return _state_of_text(str(error).strip())


def _state_of_text(text: str) -> str:
    begins_connecting = text.startswith(
        ("connection to server", "could not connect", "could not translate host name")
    )
    said = re.sub(r"^connection to server .*? failed: ", "", text, count=1, flags=re.DOTALL)
    said = re.sub(r"^(FATAL|ERROR): +", "", said)
    for start, code in _REFUSALS:
        if said.startswith(start):
            return code
    if begins_connecting or text.startswith("timeout expired"):
        return UNREACHABLE
    return LOST


def sentence_of(state: str) -> str:
    """The sentence for a SQLSTATE, with places for `place` and `name`; empty: there is none."""
    return _SENTENCES.get(state) or _SENTENCES.get(state[:2], "")


_AGAIN = "Nothing half-loaded counts; run again."
_CREDENTIALS = "DESTINATION__{name}__CREDENTIALS"
_BLOCKED = (
    "Another session on {place} blocks a table or row that this run needs. Wait for it, or end it; "
    "then run again. Nothing half-loaded counts."
)
_LOST = f"The connection to {{place}} was lost. {_AGAIN}"
_BUSY = f"{{place}} takes no connections at the moment. {_AGAIN}"
_SENTENCES = {
    "28": (
        "{place} refuses this user or password. "
        f"Correct {_CREDENTIALS} or .dlt/secrets.toml and run again."
    ),
    "3D": f"There is no database {{place}}. Create it, or name another in {_CREDENTIALS}.",
    UNREACHABLE: (
        "{place} cannot be reached. Check that the server runs and that "
        f"{_CREDENTIALS} names its host and port; then run again."
    ),
    "08": _LOST,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P05": _LOST,
    "25P03": _LOST,
    STARTING: _BUSY,
    TOO_MANY: _BUSY,
    "42501": (
        "The user of {place} may not make or change tables there. "
        "GRANT it CREATE on the database, or make it the owner of the dataset; then run again."
    ),
    "53100": f"The disk of {{place}} is full. Free some space. {_AGAIN}",
    "57014": (
        "A statement on {place} was cancelled: it took longer than statement_timeout, or somebody "
        f"cancelled it. Raise the timeout for this user. {_AGAIN}"
    ),
    "55P03": _BLOCKED,
    "40P01": _BLOCKED,
}
"""By SQLSTATE, or by its class, the first two characters."""
