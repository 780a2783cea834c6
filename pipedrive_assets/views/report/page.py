"""Builds the HTML page of the sales overview, a single file without scripts or downloads."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from pipedrive_assets.views.report.charts import Chart
from pipedrive_assets.views.report.drawings import Row

MOST_ROWS = 200
STYLE = """
body { font: 16px/1.5 sans-serif; color: #222; max-width: 60rem; margin: 2rem auto }
h1 { margin-bottom: 0 } h2 { margin-top: 2.5rem } .as-of { color: #666 }
.invented { background: #fff3cd; padding: .5rem 1rem } svg { max-width: 100%; height: auto }
.headline { display: flex; gap: 2rem; padding: 0; list-style: none } .headline b { font-size: 2rem }
table { border-collapse: collapse; font-size: .85rem } th { text-align: left }
td, th { border-bottom: 1px solid #ddd; padding: .15rem .8rem .15rem 0 }
"""
LABEL = re.compile(r'(<path aria-label="([^"]*)"[^>]*?)/>')
DRAWING = re.compile(r"<!--([0-9a-f]{64})-->(.*?)<!--end-->", re.DOTALL)
CONTENT = re.compile(r"<!--content ([0-9a-f]{64})-->")
SUMMARY = re.compile(r'<p class="as-of">.*?</ul>', re.DOTALL)
NAMES = re.compile(r'(\bid="|url\(#|href="#)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn chart.

    Attributes:
        chart: The chart.
        rows: The rows that it shows.
        svg: The drawing as SVG, with tooltips and ids that are unique on the page; empty if there
            is none.
        drawn_from: A digest of what the drawing shows, by which the next run recognizes it.
        missing: Why there is no drawing.
        note: What the drawing omits; empty if nothing.
    """

    chart: Chart
    rows: Sequence[Row] = ()
    svg: str = ""
    drawn_from: str = ""
    missing: str = "No data yet."
    note: str = ""


def page(  # noqa: PLR0913 - all parts of a page
    account: str,
    pictures: Sequence[Picture],
    *,
    headline: Mapping[str, int],
    until: datetime | None,
    invented: bool,
    digest: str = "",
) -> str:
    """Build the page.

    Args:
        account: The name of the company.
        pictures: The drawn charts.
        headline: Numbers of deals, by description.
        until: Up to when all data on the page is complete, UTC; None if a table is not loaded.
        invented: Whether the data is the sandbox's invented data.
        digest: A digest of what the pictures show, by which the next run recognizes the page.

    Returns:
        The HTML.
    """
    warning = '<p class="invented">This data is INVENTED: it comes from the sandbox.</p>'
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Sales overview: {escape(account)}</title><style>{STYLE}</style></head><body>",
            f"<h1>Sales overview</h1><p>{escape(account)}</p>",
            *([warning] if invented else []),
            _summary(headline, until),
            f"<!--content {digest}-->",
            *map(_section, pictures),
            "</body></html>\n",
        ]
    )


def digest_of(text: str) -> str:
    """Return the digest of what the pictures of a page show; empty if it has none."""
    found = CONTENT.search(text)
    return found[1] if found else ""


def renewed(text: str, *, headline: Mapping[str, int], until: datetime | None) -> str:
    """Return a page with another headline, and the same pictures.

    Args:
        text: The page.
        headline: Numbers of deals, by description.
        until: Up to when all data on the page is complete, UTC; None if a table is not loaded.
    """
    return SUMMARY.sub(lambda _: _summary(headline, until), text, count=1)


def _summary(headline: Mapping[str, int], until: datetime | None) -> str:
    complete = (
        f"Data is complete up to {until:%Y-%m-%d %H:%M} UTC."
        if until
        else "Not all tables are fully loaded yet."
    )
    note = "Deleted records are not counted. Amounts are in the currencies of the deals."
    return f'<p class="as-of">{complete} {note}</p>\n{_headline(headline)}'


def _headline(numbers: Mapping[str, int]) -> str:
    cells = (f"<li><b>{number:,}</b> {escape(what)}</li>" for what, number in numbers.items())
    return f'<ul class="headline">{"".join(cells)}</ul>'


def _section(picture: Picture) -> str:
    chart = picture.chart
    shown = f"<p>{escape(picture.missing)}</p>"
    if picture.svg:
        note = f"<p>{escape(picture.note)}</p>\n" if picture.note else ""
        drawing = f"<!--{picture.drawn_from}-->{picture.svg}<!--end-->"
        shown = f"{drawing}\n{note}{_figures(picture)}"
    return (
        f'<section id="{chart.name}"><h2>{escape(chart.title)}</h2>\n'
        f"<p>{escape(chart.description)} From <code>{chart.table}</code>.</p>\n{shown}</section>"
    )


def inline(chart: Chart, svg: str) -> str:
    """Add tooltips to a drawing, and make its ids unique on the page."""
    with_tooltips = LABEL.sub(r"\1><title>\2</title></path>", svg)
    return NAMES.sub(rf"\g<1>{chart.name}-", with_tooltips)


def drawings_in(text: str) -> dict[str, str]:
    """Return the drawings of an earlier page by the digest of what they show."""
    return dict(DRAWING.findall(text))


def _figures(picture: Picture) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in picture.chart.columns)
    rows = [
        "".join(f"<td>{escape(_text(value))}</td>" for value in row)
        for row in picture.rows[:MOST_ROWS]
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    left = len(picture.rows) - MOST_ROWS
    more = f"<p>{left:,} more rows are not shown.</p>" if left > 0 else ""
    table = f"<table><tr>{head}</tr>{body}</table>{more}"
    return f"<details><summary>Data</summary>{table}</details>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _number(value)


def _number(value: Any) -> str:
    try:
        return f"{float(value):,.2f}".removesuffix(".00")
    except TypeError:
        return str(value)
