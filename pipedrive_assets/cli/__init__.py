"""The command line."""

from pipedrive_assets.cli.main import main

__all__ = ["main"]
