"""The code location as on a machine of its own: each process that loads this module gets a working
directory and a home that no other has.
"""

import os
import tempfile

PLACE = tempfile.mkdtemp(prefix="machine-", dir=os.environ["MACHINES"])
os.chdir(PLACE)
os.environ["HOME"] = PLACE

from pipedrive_assets.definitions import defs  # noqa: E402 - at this place

__all__ = ["defs"]
