"""The queries of docs/dashboards.md, on a warehouse loaded from the sandbox."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "dashboards.md").read_text("utf-8")
QUERIES = re.findall(r"```sql\n(--.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=[query.splitlines()[0][3:40] for query in QUERIES])
def test_a_query_of_the_page_returns_rows(whole, query):
    office, _ = whole

    assert office.query(query)


def test_the_page_has_four_queries():
    assert 4 == len(QUERIES)
