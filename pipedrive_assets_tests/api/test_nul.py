"""NUL characters are removed where the destination cannot store them."""

import pytest

from pipedrive_assets.api.nul import may_have_nul, without_nul


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("a\0b", "ab"),
        ({"k\0": ["\0", {"\0in": {"ner": "x\0"}}]}, {"k": ["", {"in": {"ner": "x"}}]}),
        ({"a\0": 1, "a": 2}, {"a": 2}),
        ([None, True, 1.5, 7], [None, True, 1.5, 7]),
    ],
)
def test_a_nul_is_removed_from_texts_and_keys_at_every_depth(value, cleaned):
    assert cleaned == without_nul(value)


@pytest.mark.parametrize("content", [rb'{"a": "\u0000"}', '{"a": "\\u0000"}'.encode("utf-16")])
def test_a_reply_that_has_one_is_found_by_its_bytes(content):
    assert may_have_nul(content)
    assert not may_have_nul(rb'{"a": "\u0001"}')
