"""The doctor: checks settings, warehouse, account, rights and clock, and suggests fixes.

It writes nothing. Loading rows belongs in `load`, printing the findings in `cli`.
"""

from pipedrive_assets.doctor.examination import examine, examine_account
from pipedrive_assets.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine", "examine_account"]
