"""`dlt requirements`: a requirements file that installs this package from where it came from."""

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click

from pipedrive_assets.errors import ConfigurationError

PACKAGE = "pipedrive-assets"
_LINE = re.compile(rf"{PACKAGE.replace('-', '[-_.]')}(?![\w.-])", re.IGNORECASE)


def requirements(file: Path, source: str | None) -> None:
    """Replace the requirement of this package in a file.

    Args:
        file: The requirements file that `dlt init` wrote.
        source: Where to install this package from: a folder, a wheel, or a git URL; None: from
            where the installed package came.

    Raises:
        ConfigurationError: The file cannot be used, or the source is not known.
    """
    line = f"{PACKAGE}[dlt]{_of(source) if source else _installed()}"
    try:
        lines = file.read_text("utf-8").splitlines()
        others = [each for each in lines if not _LINE.match(each.strip())]
        file.write_text("\n".join([*others, line, ""]), "utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be changed ({error.strerror}). Run dlt init first, or pass the path of "
            "the requirements file."
        ) from error
    click.echo(f"{file}: {line}")


def _of(source: str) -> str:
    """Return the version part of a requirement for a folder, a wheel or a git URL."""
    if "://" not in source:
        if not Path(source).exists():
            raise ConfigurationError(
                f"--from: {source} does not exist. Pass a folder, a wheel, or a git URL such as "
                "https://git.example.com/pipedrive-assets.git."
            )
        return f" @ {Path(source).resolve().as_uri()}"
    parts = urlsplit(source)
    if parts.password or (parts.username and not parts.scheme.endswith("ssh")):
        raise ConfigurationError(
            "--from: the URL contains a user or a password. A requirements file is no place for "
            "secrets. Leave them out, and store them where git or pip finds them."
        )
    is_git = not parts.scheme.startswith(("git", "file")) and parts.path.endswith(".git")
    return f" @ {'git+' * is_git}{source}"


def _installed() -> str:
    """Return the version part of a requirement for where the installed package came from.

    Source: PEP 610, `direct_url.json`. A package from an index has no such file.
    """
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise ConfigurationError(
            f"{PACKAGE} is not installed in this environment, so its source is not known. Pass "
            "--from with a folder, a wheel, or a git URL."
        ) from None
    text = package.read_text("direct_url.json")
    return _direct(json.loads(text)) if text else f"=={package.version}"


def _direct(found: dict[str, Any]) -> str:
    parts = urlsplit(found["url"])
    user = f"{parts.username}@" if parts.username and parts.scheme == "ssh" else ""
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{user}{host}"))
    if git := found.get("vcs_info"):
        url = f"{git['vcs']}+{url}@{git['commit_id']}"
    folder = found.get("subdirectory")
    return f" @ {url}{f'#subdirectory={folder}' if folder else ''}"
