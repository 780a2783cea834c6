"""docs/seeds.md cites the test that proves each line; those tests exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
CITED = re.compile(r"`(test_\w+)`")


def test_every_test_that_is_cited_exists():
    text = (ROOT / "docs" / "seeds.md").read_text("utf-8")
    sources = [path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*.py")]
    defined = set(re.findall(r"^def (test_\w+)", "\n".join(sources), re.MULTILINE))

    cited = set(CITED.findall(text))

    assert cited
    assert set() == cited - defined
