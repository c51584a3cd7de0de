"""Airbyte source for the statistics of marketing campaigns; `manifest.yaml` shows the vendors and their streams."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_campaign_stats.source import SourceCampaignStats

__all__ = ["SourceCampaignStats"]


def __getattr__(name: str) -> Any:
    """Imports the source on first use, so that the command line can prepare its process before the CDK is imported."""
    if name != "SourceCampaignStats":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from source_campaign_stats.source import SourceCampaignStats

    return SourceCampaignStats
