"""The two names this project uses, from the package that dagster-embedded-elt wraps."""

from dagster_dlt import DagsterDltResource, DagsterDltTranslator

__all__ = ["DagsterDltResource", "DagsterDltTranslator"]
