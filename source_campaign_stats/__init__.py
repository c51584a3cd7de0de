"""Airbyte source for the campaign statistics of Batch (CEP and MEP) and MoEngage."""

from source_campaign_stats.source import SourceCampaignStats

__all__ = ["SourceCampaignStats"]
