"""Airbyte source for the campaign statistics of Batch (CEP and MEP) and MoEngage."""

import attributes_doc

# The CDK's serializer reads the source text of every class of the protocol for descriptions that nobody sees: a third
# of what each start of the connector takes.
attributes_doc.get_attributes_doc = lambda cls: {}

from source_campaign_stats.source import SourceCampaignStats  # noqa: E402

__all__ = ["SourceCampaignStats"]
