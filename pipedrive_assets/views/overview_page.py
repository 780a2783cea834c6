"""Writes the sales overview: draws the charts and saves them as one HTML page."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pipedrive_assets import __version__
from pipedrive_assets.errors import WarehouseError, missing_extra
from pipedrive_assets.views.overview import Overview, overview
from pipedrive_assets.views.report.charts import CHARTS, Chart
from pipedrive_assets.views.report.drawings import Spec
from pipedrive_assets.views.report.page import (
    Picture,
    digest_of,
    drawings_in,
    inline,
    page,
    renewed,
)
from pipedrive_assets.views.sql import loaded_tables
from pipedrive_assets.views.sql.table import DERIVED_BY_NAME
from pipedrive_assets.warehouse.private_files import make_file, make_folder
from pipedrive_assets.warehouse.replace_file import replace_file
from pipedrive_assets.warehouse.warehouse import Warehouse

FILE = "sales_overview.html"
SANDBOX_FILE = "sales_overview_sandbox.html"
"""The file for invented sandbox data, so that it never replaces the page of an account."""

DRAWING = "vl_convert"
"""The module that draws the charts."""


def charts_missing() -> str:
    """Return why no chart can be drawn; '' if the extra `charts` is installed."""
    if find_spec(DRAWING):
        return ""
    return str(missing_extra(ModuleNotFoundError(name=DRAWING), "the sales overview"))


def page_path(folder: Path, seen: Overview, prefix: str = "") -> Path:
    """Return the path of the page. Invented sandbox data has a file of its own.

    Args:
        folder: The folder of the page.
        seen: The data of the charts.
        prefix: Prefix of the file's name, if several accounts share the folder.
    """
    return folder / f"{prefix}{SANDBOX_FILE if seen.invented else FILE}"


def known_pages(folder: Path, prefix: str = "") -> set[str]:
    """Return the digests of what the pages in a folder show.

    Args:
        folder: The folder of the pages; it may not exist.
        prefix: Prefix of their names; see `page_path`.
    """
    found = set()
    for name in (FILE, SANDBOX_FILE):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found.add(digest_of((folder / f"{prefix}{name}").read_text("utf-8")))
    return found - {""}


def pictures_of(seen: Overview, path: Path) -> list[Picture]:
    """Draw every chart that has rows.

    Args:
        seen: The data of the charts.
        path: The page of an earlier run, whose drawings are used if they show the same; it may not
            exist.

    Returns:
        One picture per chart, in order; without a drawing if the chart has no rows.
    """
    drawn: dict[str, str] = {}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        drawn = drawings_in(path.read_text("utf-8"))
    return [_picture(chart, seen, drawn) for chart in CHARTS]


def _picture(chart: Chart, seen: Overview, drawn: Mapping[str, str]) -> Picture:
    if chart.name in seen.missing:
        return Picture(chart=chart, missing=seen.missing[chart.name])
    if not (rows := seen.rows[chart.name]):
        return Picture(chart=chart)
    until = seen.days.get(chart.name)
    spec = chart.spec(rows, until)
    digest = _digest(chart, spec)
    svg = drawn.get(digest) or inline(chart, _draw(spec))
    return Picture(chart=chart, rows=rows, svg=svg, drawn_from=digest, note=chart.note(rows, until))


def _digest(chart: Chart, spec: Spec) -> str:
    """Return a digest of what a drawing shows and of what draws it."""
    facts = [chart.name, spec, version("vl-convert-python"), __version__]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


def _draw(spec: Spec) -> str:
    import vl_convert  # noqa: PLC0415 - 90 MB and 0.5 s that nothing else needs

    return str(vl_convert.vegalite_to_svg(spec))


def write_page(path: Path, pictures: list[Picture], seen: Overview, *, file_mode: int) -> None:
    """Write the page.

    Args:
        path: The page.
        pictures: The drawn charts.
        seen: The data of the charts.
        file_mode: The permissions of a new file.

    Raises:
        WarehouseError: The file cannot be written.
    """
    text = page(
        seen.account,
        pictures,
        headline=seen.headline,
        until=seen.complete_until,
        invented=seen.invented,
        digest=seen.digest,
    )
    _replace(path, text, file_mode)


def renew_page(path: Path, seen: Overview, *, file_mode: int) -> None:
    """Write the headline of a page again; its charts are the same.

    Args:
        path: The page.
        seen: The headline.
        file_mode: The permissions of a new file.

    Raises:
        WarehouseError: The file cannot be written.
    """
    text = renewed(path.read_text("utf-8"), headline=seen.headline, until=seen.complete_until)
    _replace(path, text, file_mode)


def _replace(path: Path, text: str, file_mode: int) -> None:
    """Write a page atomically: a program that reads it meanwhile gets the complete old page."""
    folder = path.parent
    fresh = path.with_name(f".{path.name}.fresh")
    try:
        make_folder(folder, file_mode)
        fresh.unlink(missing_ok=True)
        make_file(fresh, file_mode)
        fresh.write_text(text, "utf-8")
        replace_file(fresh, path)
    except OSError as error:
        raise WarehouseError(
            f"The sales overview could not be written to {path} ({error}). All tables are loaded. "
            "Free up disk space or let this user write the folder; the next load writes the page."
        ) from error


def draw_page(
    warehouse: Warehouse, folder: Path, loaded: Iterable[str], *, file_mode: int
) -> Path | None:
    """Draw the page after a load.

    Args:
        warehouse: The warehouse that was loaded.
        folder: The folder of the page.
        loaded: The names of the tables that were loaded.
        file_mode: The permissions of a new page.

    Returns:
        The page's path; None if no chart shows a loaded table, no chart has rows, or the extra
        `charts` is not installed.

    Raises:
        WarehouseError: The warehouse cannot be read, or the file cannot be written.
    """
    shown = {name for chart in CHARTS for name in loaded_tables(DERIVED_BY_NAME[chart.table])}
    if charts_missing() or shown.isdisjoint(loaded):
        return None
    if not (seen := overview(warehouse, known_pages(folder))):
        return None
    path = page_path(folder, seen)
    if seen.is_known:
        renew_page(path, seen, file_mode=file_mode)
        return path
    pictures = pictures_of(seen, path)
    if not any(picture.svg for picture in pictures):
        return None
    write_page(path, pictures, seen, file_mode=file_mode)
    return path
