"""Which day it is where the vendor's days are counted."""

import zoneinfo
from collections.abc import Mapping, Set
from datetime import date
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.macros import today_with_timezone


def today(config: Mapping[str, Any]) -> date:
    """The date it is now in the configured time zone; KeyError, AttributeError or ValueError if that is none."""
    return today_with_timezone(config["timezone"])


def time_zones() -> Set[str]:
    """The names that a time zone can have; none on a machine that has no list of them."""
    return zoneinfo.available_timezones()
