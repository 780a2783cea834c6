"""Turn a label into a column name like dlt's naming convention `snake_case`, without dlt.

A test compares both, so that a custom field has the same name in the warehouse, in the dlt source
and in the Singer tap.
"""

import re
from functools import lru_cache

_SIGNS = str.maketrans("+*-@|", "xx_al")
_strange = re.compile(r"[^a-zA-Z\d_]+")
_word_borders = re.compile(r"(?<=[^_])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")
_underscores = re.compile("__+")


@lru_cache(maxsize=10_000)  # each row has the same keys
def label_name(label: str) -> str:
    """Return the column name of a label.

    Args:
        label: The label of a field.

    Returns:
        The name in snake case, with ASCII letters, digits and underscores only.

    Raises:
        ValueError: The label is blank.
    """
    text = label.strip()
    if not text:
        raise ValueError(label)
    plain = _strange.sub("_", text.translate(_SIGNS))
    name = _word_borders.sub("_", plain).lower()
    if name[0].isdecimal():
        name = f"_{name}"
    stem = name.rstrip("_")
    return _underscores.sub("_", stem + "x" * (len(name) - len(stem)))
