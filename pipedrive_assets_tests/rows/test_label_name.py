"""Every door names a custom field alike: our naming is dlt's."""

import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import example, given
from hypothesis import strategies as st

from pipedrive_assets.rows.custom_fields.label_name import label_name

SIGNS = "aZ9 _-+*@|.ßÄ٣"


@given(st.one_of(st.text(), st.text(SIGNS, max_size=12)).filter(str.strip))
@example("HTTPResponseCode2X")
@example("Deal's value (EUR)__")
@example("2nd Phone")
def test_a_label_becomes_the_name_that_dlt_gives_it(label):
    assert NamingConvention().normalize_identifier(label) == label_name(label)


@pytest.mark.parametrize("label", ["", "  "])
def test_a_blank_label_has_no_name(label):
    with pytest.raises(ValueError, match=r"^\s*$"):
        label_name(label)
