"""What may be said of an exception: its type, and its text where that cannot hold row content.

Texts of libraries quote rows: a value that does not fit a column, a key that exists twice. Rows are
personal data and belong in no log, exception or history.
"""

import json
import os
import re

NAMES_ONLY = (AttributeError, ImportError, NameError, TypeError, ArithmeticError, RecursionError)
"""Python's own texts for these hold names and types, and no values."""

DATABASE_NAMES_ONLY = (
    "BinderException",
    "CatalogException",
    "IOException",
    "OutOfMemoryException",
    "TransactionException",
)
"""The same of DuckDB, for the first line."""

PLAIN_KEY = re.compile(r"[a-z_][a-z0-9_]{0,79}", re.ASCII)
"""A key that is a name in the code or a column, and neither a person's name nor a number."""

MOST_CHARACTERS = 300


def causes(error: BaseException) -> list[BaseException]:
    """The error and everything that it wraps, outermost first."""
    found = [error]
    for each in found:
        wrapped = (
            each.__cause__,
            None if each.__suppress_context__ else each.__context__,
            getattr(each, "dbapi_exception", None),
            getattr(each, "inner_exc", None),
            getattr(each, "exception", None),
        )
        known = {id(one) for one in found}
        found += [one for one in wrapped if isinstance(one, BaseException) and id(one) not in known]
    return found


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE that a database driver's error carries; empty: it has none."""
    for name in ("pgcode", "sqlstate"):
        code = getattr(error, name, None)
        if isinstance(code, str) and re.fullmatch(r"[0-9A-Z]{5}", code):
            return code
    return ""


def described(error: BaseException) -> str:
    """An exception in a few words that hold no row content, such as `KeyError: 'x'`."""
    name, text = type(error).__name__, _safe_text(error)
    return f"{name}: {text}" if text else name


def shown(value: object) -> str:
    """A value of a row as an error message may quote it: numbers, and the kind of anything else."""
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    kinds: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)


def _safe_text(error: BaseException) -> str:
    if code := sqlstate(error):
        return " ".join([f"SQLSTATE {code}", *_places(error)])
    if isinstance(error, KeyError):
        key = error.args[0] if error.args else None
        return repr(key) if isinstance(key, str) and PLAIN_KEY.fullmatch(key) else ""
    if isinstance(error, OSError):
        return os.strerror(error.errno) if isinstance(error.errno, int) else ""
    if isinstance(error, NAMES_ONLY):
        return _first_line(error)
    is_duckdb = type(error).__module__.partition(".")[0] in {"duckdb", "_duckdb"}
    return _first_line(error) if is_duckdb and type(error).__name__ in DATABASE_NAMES_ONLY else ""


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:MOST_CHARACTERS]


def _places(error: BaseException) -> list[str]:
    """Where in the database it happened: names of table, column and constraint."""
    facts = getattr(error, "diag", None)
    names = {
        kind: getattr(facts, f"{kind}_name", None) for kind in ("table", "column", "constraint")
    }
    return [f"{kind} {name}" for kind, name in names.items() if name]
