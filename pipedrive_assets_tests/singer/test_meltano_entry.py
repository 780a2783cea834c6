"""Meltano's entry of the tap, in the example and in the documentation."""

import re
from pathlib import Path

import yaml

from pipedrive_assets.singer.config import DEFAULTS, OPTIONAL, SETTINGS_KEYS

ROOT = Path(__file__).parents[2]


def extractor(text):
    (found,) = yaml.safe_load(text)["plugins"]["extractors"]
    return found


def example():
    return extractor((ROOT / "examples" / "meltano" / "meltano.yml").read_text("utf-8"))


def test_the_documentation_has_the_entry_of_the_example():
    text = (ROOT / "docs" / "singer.md").read_text("utf-8")
    (documented,) = re.findall(r"```yaml\n(plugins:.*?)```", text, re.DOTALL)

    assert example() == extractor(documented)


def test_the_entry_has_every_config_key_and_hides_secrets():
    settings = {setting["name"]: setting for setting in example()["settings"]}

    assert {*DEFAULTS, *SETTINGS_KEYS, "start_date", OPTIONAL} == settings.keys()
    assert ["api_token", "client_secret", "refresh_token"] == [
        name for name, each in settings.items() if each.get("sensitive")
    ]
    assert all(setting["kind"] for setting in settings.values())
