"""The vendors, each in a module of its own: this list is all that the rest of the package knows of them."""

from source_campaign_stats.settings.vendor import Vendor
from source_campaign_stats.vendors.batch import BATCH
from source_campaign_stats.vendors.batch_legacy import BATCH_LEGACY
from source_campaign_stats.vendors.moengage import MOENGAGE

VENDORS: tuple[Vendor, ...] = (BATCH, BATCH_LEGACY, MOENGAGE)
