"""Exports tables as Parquet files to a folder or an object store.

The manifest names the files of the current state; it is replaced after they are complete.
"""

from pipedrive_assets.export.run import ExportRequest, export
from pipedrive_assets.export.table import ExportedTable

__all__ = ["ExportRequest", "ExportedTable", "export"]
