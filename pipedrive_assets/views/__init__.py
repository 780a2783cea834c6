"""Views: readable names, live rows, derived tables, and the sales overview.

They are created again after every load and store no rows. Writing rows belongs in `load`.
"""

from pipedrive_assets.views.derived import Derivation, derive
from pipedrive_assets.views.overview import Overview, overview

__all__ = ["Derivation", "Overview", "derive", "overview"]
