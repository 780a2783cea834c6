"""dagster_embedded_elt's dlt integration: imported here and nowhere else.

The package is a deprecated shim over `dagster_dlt`; leaving it is a change of one line below.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from dagster_embedded_elt.dlt import DagsterDltResource, DagsterDltTranslator

__all__ = ["DagsterDltResource", "DagsterDltTranslator"]
