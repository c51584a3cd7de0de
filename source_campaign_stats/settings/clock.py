"""Which day it is where the vendor's days are counted."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.macros import today_with_timezone


def today(config: Mapping[str, Any]) -> date:
    """The date it is now in the configured time zone; KeyError, AttributeError or ValueError if that is none."""
    return today_with_timezone(config["timezone"])
