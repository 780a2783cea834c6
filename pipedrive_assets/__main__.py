"""`python -m pipedrive_assets`: the command line."""

import sys

from pipedrive_assets.cli import main

if __name__ == "__main__":
    sys.exit(main())
