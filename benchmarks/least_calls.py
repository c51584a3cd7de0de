"""The least number of calls that is safe by the vendors' documents, counted from an account.

Where no document says what an answer means, the second request that confirms it is counted too. docs/performance.md has
the reasons. The connector's code is not used here, so that a mistake in it shows.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from integration_tests.sandbox import Account

_ORCHESTRATIONS_ON_A_PAGE = 100
_LEGACY_CAMPAIGNS_ON_A_PAGE = 100
_MOENGAGE_CAMPAIGNS_ON_A_PAGE = 15
_MOENGAGE_STATS_ON_A_PAGE = 10
# A statistic is booked on the day of sending, which can be a day before the start (time zones) or up to four days after
# it (local-time sends, warm-up).
_LATEST_BOOKING = timedelta(days=4)
_EARLIEST_BOOKING = timedelta(days=1)
# Delay steps go on sending after the end of their trigger. The documents name no maximum, so this is our own bound.
_LATEST_STEP = timedelta(days=90)


@dataclass(frozen=True)
class Days:
    """The first and the last day that a sync has to bring."""

    first: date
    last: date

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1


def least_calls(account: Account, batch: Days, moengage: Days) -> Counter[str]:
    """The calls by endpoint. `batch` and `moengage` are the windows; an answer of Batch MEP always has all days."""
    return Counter(
        batch_list=_batch_pages(len(account.orchestrations)),
        batch_stats=sum(
            not _has_no_rows(o.listed(account.today), batch, account.today) for o in account.orchestrations
        ),
        legacy_list=sum(_legacy_pages(account, live) for live in (False, True, False)),
        legacy_stats=sum(not campaign.dev_only for app in account.apps for campaign in app.campaigns),
        # The second reading ends at a short page, once it has all campaigns of the first one.
        moengage_campaigns=_pages_until_empty(len(account.moengage_campaigns), _MOENGAGE_CAMPAIGNS_ON_A_PAGE)
        + len(account.moengage_campaigns) // _MOENGAGE_CAMPAIGNS_ON_A_PAGE
        + 1,
        moengage_stats=sum(_moengage_pages(account, moengage)),
    )


def _pages_until_told(items: int, size: int) -> int:
    """Pages of a list that says whether there is another one."""
    return max(1, math.ceil(items / size))


def _pages_until_empty(items: int, size: int) -> int:
    """Pages of a list whose end shows only in a page without an item."""
    return math.ceil(items / size) + 1


def _batch_pages(items: int) -> int:
    """An empty list is asked for twice."""
    return _pages_until_told(items, _ORCHESTRATIONS_ON_A_PAGE) if items else 2


def _legacy_pages(account: Account, live: bool) -> int:
    halves = (sum(campaign.item["live"] is live for campaign in app.campaigns) for app in account.apps)
    return sum(map(_pages_of_a_half, halves))


def _pages_of_a_half(items: int) -> int:
    """Each page begins with the last item of the page before; the last page has only that. An empty half takes two."""
    new_on_a_page = _LEGACY_CAMPAIGNS_ON_A_PAGE - 1
    return max(1, math.ceil((items - 1) / new_on_a_page)) + 1


def _moengage_pages(account: Account, days: Days) -> Iterator[int]:
    """The pages of each day. An answer has no dates, so each day is asked alone, and days without rows too.

    A day without rows between days with rows is asked twice.
    """
    on_a_day: Counter[date] = Counter()
    for campaign in account.moengage_campaigns:
        on_a_day.update(account.moengage_days(campaign, days.first, days.last))
    for day in (days.first + timedelta(days=n) for n in range(days.count)):
        is_between = not on_a_day[day] and min(on_a_day, default=day) < day < max(on_a_day, default=day)
        yield _pages_until_told(on_a_day[day], _MOENGAGE_STATS_ON_A_PAGE) + is_between


def _has_no_rows(item: Mapping[str, Any], window: Days, today: date) -> bool:
    """Whether an orchestration can't have a row in the window, by the vendor's documents."""
    if item["status"] == "draft":
        return True
    if item["status"] == "running":
        # Its dates can be edited after it sent.
        return False
    recurrence = item.get("recurrence", {})
    ends = [end for end in (item.get("end_time"), recurrence.get("end_time")) if end]
    has_steps = "message_steps" in item or "messages_steps" in item
    goes_on = bool(recurrence or ends or has_steps) or "in_app" in item["channels"]
    if item["type"] in ("campaign", "onetime") and not goes_on:
        start = _day(item.get("start_time"))
        if start is None:
            return False
        return start + _LATEST_BOOKING < window.first or start - _EARLIEST_BOOKING > window.last
    days = [_day(end) for end in ends]
    if not days or None in days:
        return False
    last = max(day for day in days if day) + (_LATEST_STEP if has_steps else _LATEST_BOOKING)
    if item["type"] == "trigger" and not has_steps and "in_app" not in item["channels"]:
        # No document says what an automation without listed steps sends after its end.
        return False
    return last < window.first


def _day(timestamp: str | None) -> date | None:
    try:
        return date.fromisoformat((timestamp or "")[:10])
    except ValueError:
        return None
