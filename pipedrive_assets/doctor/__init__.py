"""The doctor: what is wrong with settings, warehouse, account and clock, and the remedy."""

from pipedrive_assets.doctor.examination import examine
from pipedrive_assets.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
