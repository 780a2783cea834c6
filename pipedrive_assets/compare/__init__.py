"""What differs between two warehouses, or between two copies of one; nothing is written."""

from pipedrive_assets.compare.differences import Changed, Difference
from pipedrive_assets.compare.files import Side
from pipedrive_assets.compare.sides import Comparison, compare

__all__ = ["Changed", "Comparison", "Difference", "Side", "compare"]
