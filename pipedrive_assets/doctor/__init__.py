"""The doctor: checks settings, warehouse, account and clock, and names the remedy."""

from pipedrive_assets.doctor.examination import examine, examine_account
from pipedrive_assets.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine", "examine_account"]
