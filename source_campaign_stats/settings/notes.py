"""Lines for the log about a configuration that is valid but may not mean what was intended."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from source_campaign_stats.settings.clock import today
from source_campaign_stats.settings.names import misnomers
from source_campaign_stats.settings.specification import Schema
from source_campaign_stats.settings.vendor import Vendor


def warnings(config: Mapping[str, Any], cleaned: Mapping[str, Any], specification: Schema) -> Iterator[str]:
    """Settings that do nothing, or something else than they seem to; for the log of `check` and `read`."""
    for misnomer in misnomers(config, specification):
        if not misnomer.is_meant:
            yield misnomer.words
    zone = re.fullmatch(r"(?i)(?:etc/)?gmt([+-])0*([1-9]\d?)", str(cleaned.get("timezone")))
    if zone:
        sign, hours = zone.groups()
        side, other_side, other = ("behind", "ahead of", "-") if sign == "+" else ("ahead of", "behind", "+")
        yield (
            f"The time zone {cleaned['timezone']} is {hours} h {side} UTC: the sign in these names is reversed. If "
            f"you are {hours} h {other_side} UTC, enter Etc/GMT{other}{hours}, or better the name of a place."
        )


def first_sync(cleaned: Mapping[str, Any], vendors: Sequence[Vendor]) -> Iterator[str]:
    """How many days a first sync reads, and what that costs at each vendor that is read; for the log of `check`."""
    start = date.fromisoformat(cleaned["start_date"])
    last = today(cleaned) - timedelta(days=0 if cleaned["include_today"] else 1)
    days = (last - start).days + 1
    if days < 1:
        return
    yield f"A first sync reads {days:,} days, from {start} to {last}."
    for vendor in vendors:
        if vendor.name in cleaned:
            yield vendor.first_sync(cleaned[vendor.name], days)
