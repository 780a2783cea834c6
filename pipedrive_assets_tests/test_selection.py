"""PIPEDRIVE_TABLES: what it names, and the sentence for what it cannot mean."""

import pytest

from pipedrive_assets.config.selection import select
from pipedrive_assets.config.values import Unusable
from pipedrive_assets.registry import DEFAULT_ENTITIES, ENTITIES

USUAL = {entity.name for entity in DEFAULT_ENTITIES}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("default", USUAL),
        ("", USUAL),
        ("default,+projects,-files", USUAL - {"files"} | {"projects"}),
        (" default , +goals ", USUAL | {"goals"}),
        ("-files", USUAL - {"files"}),
        ("+tasks", USUAL | {"tasks"}),
        ("deals,stages", {"deals", "stages"}),
    ],
)
def test_what_is_named_is_loaded_in_the_registrys_order(text, expected):
    assert [e.name for e in ENTITIES if e.name in expected] == list(select(text))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("default,+projekts", r"'default,\+projekts'.*'projekts'"),
        ("default,-deals", r"\+deals.*-deals_flow"),
        ("deals_flow", "deals"),
        ("deals,-deals", "deals,-deals"),
    ],
)
def test_what_it_cannot_mean_is_one_sentence(text, sentence):
    with pytest.raises(Unusable, match=sentence):
        select(text)
