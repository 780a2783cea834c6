"""Error messages for a PostgreSQL server, by SQLSTATE.

PostgreSQL's driver has no SQLSTATE for failed connections. Their cause is determined from the
beginning of the message, never from words within it, which may be names.
"""

import re
import socket

from pipedrive_assets.fault_text import sqlstate

UNREACHABLE, LOST = "08001", "08006"
TLS = "TLS"
"""Used in place of a SQLSTATE, which PostgreSQL does not have for this case."""
STARTING, TOO_MANY = "57P03", "53300"
BUSY = {STARTING, TOO_MANY}
"""SQLSTATEs of a server that will accept connections soon."""

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
    ("server does not support SSL", TLS),
    ("SSL error: ", TLS),
    ("root certificate file ", TLS),
    ("server certificate for ", TLS),
)
"""How the message of a refused connection begins, and the SQLSTATE for it."""


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error, or the equivalent one; empty if there is none."""
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
    reason = re.sub(r"^connection to server .*? failed: ", "", text, count=1, flags=re.DOTALL)
    reason = re.sub(r"^(FATAL|ERROR): +", "", reason)
    for start, code in _REFUSALS:
        if reason.startswith(start):
            return code
    if begins_connecting or text.startswith("timeout expired"):
        return UNREACHABLE
    return LOST


def sentence_of(state: str) -> str:
    """Return the message for a SQLSTATE, with the placeholders `place` and `name`; or empty."""
    return _SENTENCES.get(state) or _SENTENCES.get(state[:2], "")


_AGAIN = "Rows committed before are kept, and the next run continues from there. Run again."
_CREDENTIALS = "DESTINATION__{name}__CREDENTIALS"
_BLOCKED = (
    "Another session on {place} blocks a table or row that this run needs. Rows committed before "
    "are kept. Wait for that session or end it, then run again."
)
_LOST = f"The connection to {{place}} was lost. {_AGAIN}"
_BUSY = f"{{place}} does not accept connections at the moment. {_AGAIN}"
_SENTENCES = {
    "28": (
        "{place} refuses this user or password. "
        f"Correct {_CREDENTIALS} or .dlt/secrets.toml and run again."
    ),
    "3D": f"The database {{place}} does not exist. Create it, or change {_CREDENTIALS}.",
    UNREACHABLE: (
        "{place} cannot be reached. Check that the server is running and that "
        f"{_CREDENTIALS} has its host and port, then run again."
    ),
    TLS: (
        "{place} and this machine do not agree on TLS. Nothing was written. Check sslmode and "
        f"sslrootcert in {_CREDENTIALS}, and the server's certificate, then run again."
    ),
    "08": _LOST,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P05": _LOST,
    "25P03": _LOST,
    STARTING: _BUSY,
    TOO_MANY: _BUSY,
    "42501": (
        "The user of {place} may not create or change tables there. "
        "GRANT CREATE on the database to this user, or make it the owner of the dataset, then run "
        "again."
    ),
    "25006": (
        "{place} is read-only: it is a standby server, or default_transaction_read_only is on. No "
        f"row was lost. Change {_CREDENTIALS} to the primary server, or the setting, and run again."
    ),
    "53100": f"The disk of {{place}} is full. Free up disk space. {_AGAIN}",
    "57014": (
        "A statement on {place} was cancelled because it took longer than statement_timeout, or by "
        f"another user. Raise the timeout for this user. {_AGAIN}"
    ),
    "55P03": _BLOCKED,
    "40P01": _BLOCKED,
}
"""Messages by SQLSTATE, or by its first two characters, the class."""
