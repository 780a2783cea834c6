"""Dagster's dlt integration: the only module that chooses between its two packages.

dagster-embedded-elt 0.29.1, its last release, wraps dagster-dlt and pins Dagster 1.13.1. On a newer
Dagster, dagster-dlt is installed alone (the extra `dagster-dlt`).
"""

import warnings

from dagster_dlt.translator import DltResourceTranslatorData

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        from dagster_embedded_elt.dlt import DagsterDltResource, DagsterDltTranslator
    except ModuleNotFoundError:
        from dagster_dlt import DagsterDltResource, DagsterDltTranslator

__all__ = ["DagsterDltResource", "DagsterDltTranslator", "DltResourceTranslatorData"]
