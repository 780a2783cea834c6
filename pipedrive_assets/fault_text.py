"""Describe exceptions without row content: the type, and the message only if it is safe.

Messages of libraries quote rows: a value that does not fit a column, a duplicate key. Rows are
personal data and must not appear in logs, exceptions or run histories.
"""

import json
import os
import re

NAMES_ONLY = (AttributeError, ImportError, NameError, TypeError, ArithmeticError, RecursionError)
"""Exceptions of Python whose messages contain names and types, but no values."""

DATABASE_NAMES_ONLY = (
    "BinderException",
    "CatalogException",
    "IOException",
    "OutOfMemoryException",
    "TransactionException",
)
"""Exceptions of DuckDB whose first line contains names, but no values."""

PLAIN_KEY = re.compile(r"[a-z_][a-z0-9_]{0,79}", re.ASCII)
"""A key that is an identifier or a column name, not a person's name or a number."""

MOST_CHARACTERS = 300


def causes(error: BaseException) -> list[BaseException]:
    """Return the error and all errors that it wraps, outermost first."""
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


def interrupt_of(error: BaseException) -> BaseException | None:
    """Return the request to stop that an exception wraps, such as a Ctrl-C; None if there is none.

    DuckDB wraps it in a RuntimeError. A run that is terminated in Dagster raises an exception of
    Dagster's, which is no `Exception` either.
    """
    none = Exception | GeneratorExit
    return next((each for each in causes(error) if not isinstance(each, none)), None)


def sqlstate(error: BaseException) -> str:
    """Return the SQLSTATE of a database driver's error; empty if it has none."""
    for name in ("pgcode", "sqlstate"):
        code = getattr(error, name, None)
        if isinstance(code, str) and re.fullmatch(r"[0-9A-Z]{5}", code):
            return code
    return ""


def described(error: BaseException) -> str:
    """Return a short description of an exception without row content, e.g. `KeyError: 'x'`."""
    name, text = type(error).__name__, _safe_text(error)
    return f"{name}: {text}" if text else name


def shown(value: object) -> str:
    """Return a value of a row for an error message: numbers as they are, else only the type."""
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
    """Return the names of the table, column and constraint that the error is about."""
    facts = getattr(error, "diag", None)
    names = {
        kind: getattr(facts, f"{kind}_name", None) for kind in ("table", "column", "constraint")
    }
    return [f"{kind} {name}" for kind, name in names.items() if name]
