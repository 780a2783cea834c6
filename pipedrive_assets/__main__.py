"""Run the command line: `python -m pipedrive_assets`."""

import sys

from pipedrive_assets.cli import main

if __name__ == "__main__":
    sys.exit(main())
