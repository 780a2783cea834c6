"""Facts that messages state: names, numbers, quotes. Their wording is held in `test_errors.py`."""

import re
from typing import Any

import pytest


def mentions(*facts: object) -> str:
    """Return a pattern that matches a text which contains each fact, in any order."""
    return "".join(rf"(?=(?s:.*){re.escape(str(fact))})" for fact in facts)


def raises(kind: type[BaseException] | tuple[type[BaseException], ...], *facts: object) -> Any:
    """Expect an error of a class whose message contains each fact."""
    return pytest.raises(kind, match=rf"\A{mentions(*facts)}")
