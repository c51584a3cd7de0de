"""Today's date in the time zone in which the vendor counts days."""

import zoneinfo
from collections.abc import Mapping, Set
from datetime import date
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.macros import today_with_timezone


def today(config: Mapping[str, Any]) -> date:
    """Today in the configured time zone; raises KeyError, AttributeError or ValueError if that is none."""
    return today_with_timezone(config["timezone"])


def time_zones() -> Set[str]:
    """All names of time zones; empty on a machine that has no list of them."""
    return zoneinfo.available_timezones()
