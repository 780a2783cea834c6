"""Owners, tags and group of the assets, from the settings."""

import dagster as dg

from pipedrive_assets.config import Settings


def with_owners_and_tags(assets: dg.AssetsDefinition, settings: Settings) -> dg.AssetsDefinition:
    """Return the assets with the owners, tags and group of the settings added."""

    def label(spec: dg.AssetSpec) -> dg.AssetSpec:
        merged = spec.merge_attributes(owners=settings.asset_owners, tags=settings.asset_tags)
        if settings.asset_group is None:
            return merged
        return merged.replace_attributes(group_name=settings.asset_group)

    return assets.map_asset_specs(label)
