"""The command line: what is typed, what is printed, and how a command ends.

What a command does belongs in the packages below.
"""

from pipedrive_assets.cli.main import main, tap

__all__ = ["main", "tap"]
