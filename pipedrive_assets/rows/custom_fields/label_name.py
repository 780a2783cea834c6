"""A label as a column name, written as dlt's naming `snake_case` writes it, without dlt.

A test compares the two, so that every door gives a custom field the same name.
"""

import re

_SIGNS = str.maketrans("+*-@|", "xx_al")
_strange = re.compile(r"[^a-zA-Z\d_]+")
_word_borders = re.compile(r"(?<=[^_])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")
_underscores = re.compile("__+")


def label_name(label: str) -> str:
    """The name; raises ValueError for a blank label."""
    text = label.strip()
    if not text:
        raise ValueError(label)
    plain = _strange.sub("_", text.translate(_SIGNS))
    name = _word_borders.sub("_", plain).lower()
    if name[0].isdecimal():
        name = f"_{name}"
    stem = name.rstrip("_")
    return _underscores.sub("_", stem + "x" * (len(name) - len(stem)))
