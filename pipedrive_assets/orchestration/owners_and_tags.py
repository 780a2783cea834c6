"""Owners, tags and group of the assets, as the settings ask."""

import dagster as dg

from pipedrive_assets.config import Settings


def with_owners_and_tags(assets: dg.AssetsDefinition, settings: Settings) -> dg.AssetsDefinition:
    """The assets, each with the settings' owners and tags beside its own, and in their group."""

    def label(spec: dg.AssetSpec) -> dg.AssetSpec:
        merged = spec.merge_attributes(owners=settings.asset_owners, tags=settings.asset_tags)
        if settings.asset_group is None:
            return merged
        return merged.replace_attributes(group_name=settings.asset_group)

    return assets.map_asset_specs(label)
