"""Fingerprints outlive versions: whoever encodes the text, it is the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_assets.rows.fingerprint import canonical, fingerprint

PYTHONS = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.datetimes()
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(VALUES)
def test_the_text_is_that_of_pythons_own_encoder(value):
    assert PYTHONS(value) == canonical(value)


@pytest.mark.parametrize(
    "value",
    [1e16, 1e22, 1e-5, 0.00001234, 1e-7, -0.0, 2**70, "1e5", "\x7f", "é€😀", "\ud83d", "\u2028"],
)
def test_values_that_encoders_write_in_two_ways(value):
    assert PYTHONS([value]) == canonical([value])


def test_a_fingerprint_is_what_it_was():
    row = {"id": 1, "title": "Müller & Söhne", "value": 1e-5, "at": "2026-01-01T00:00:00Z"}
    assert -5223033898370409012 == fingerprint(row)
