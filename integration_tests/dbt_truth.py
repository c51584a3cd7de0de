"""The expected rows of the dbt package, worked out in Python from the records by the rules of docs/dbt.md.

It uses neither SQL nor the package, so that a mistake in one of the two shows as a difference.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from integration_tests.process import differences

Row = dict[str, Any]
# The records of one connection, by stream. A stream that is missing here has no raw table.
Records = Mapping[str, Sequence[Row]]
Key = tuple[Any, ...]

METRICS = (
    *("sends", "deliveries", "impressions", "opens", "unique_opens", "machine_opens", "clicks", "unique_clicks"),
    *("conversions", "unique_conversions", "revenue", "unsubscribes", "bounces", "complaints", "failures"),
)
GOAL_METRICS = ("conversions", "unique_conversions", "revenue")
CAMPAIGN = ("source_relation", "vendor", "account", "campaign_id")
# The columns that are in the key of each daily report, besides campaign and day.
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "campaign_stats__daily": (),
    "campaign_stats__daily_by_platform": ("platform",),
    "campaign_stats__daily_by_variant": ("variant",),
    "campaign_stats__daily_by_step": ("step_id",),
    "campaign_stats__daily_by_locale": ("locale",),
    "campaign_stats__daily_by_goal": ("goal_name",),
}
KEYS: Mapping[str, tuple[str, ...]] = {
    "campaign_stats__campaigns": CAMPAIGN,
    **{model: (*CAMPAIGN, "date_day", *dimensions) for model, dimensions in DIMENSIONS.items()},
}
PERFORMANCE = (
    *("attempted", "sent", "failed", "bounced", "impression", "click", "opened", "delivered", "read", "closed_click"),
    *("unsubscribe", "ctr", "delivery_rate", "read_rate", "successfully_synced", "sent_rate", "failure_rate"),
    *("eligible_users", "complaint", "hard_bounce", "soft_bounce", "open_rate", "ctor", "unsub_rate", "bounce_rate"),
    "complaints_rate",
)
# The values that mean the total in a dimension of MoEngage, the preferred one first.
TOTALS = {
    "platform": ("all_platforms",),
    "locale": ("all_locales", "all_locale"),
    "variation": ("all_variations",),
}
CONTROL_GROUPS = ("campaign_control_group", "global_control_group")


def reports(connections: Mapping[str, Records]) -> dict[str, list[Row]]:
    """The rows of each model for the records of all connections, by the name of the connection."""
    found: dict[str, list[Row]] = {model: [] for model in KEYS}
    for name, records in connections.items():
        for model, rows in _of_connection(records).items():
            found[model] += [{"source_relation": name, **row} for row in rows]
    return found


def in_total(leaves: Sequence[Row]) -> list[Row]:
    """The leaves of one campaign and day that together count everything once."""
    return _wholes([leaf for leaf in leaves if has_performance(leaf)], ("platform", "locale", "variation"))


def has_performance(leaf: Row) -> bool:
    return any(leaf.get(name) is not None for name in PERFORMANCE)


def total(numbers: Iterable[Any]) -> Any:
    """The sum of the numbers that are not None; None if there is no such number."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _of_connection(records: Records) -> dict[str, list[Row]]:
    listed = dict(_listed(records))
    parts = {model: list(rows(records)) for model, rows in _PARTS.items()}
    found = {model: _added_up(rows, DIMENSIONS[model], listed) for model, rows in parts.items()}
    for row in found["campaign_stats__daily_by_goal"]:
        for name in set(METRICS) - set(GOAL_METRICS):
            del row[name]
    steps = {
        (order["project_key"], order["id"], step["step_id"]): step.get("step_name")
        for order in records.get("orchestrations", ())
        for step in order.get("message_steps") or ()
    }
    for row in found["campaign_stats__daily_by_step"]:
        row["step_name"] = steps.get((row["account"], row["campaign_id"], row["step_id"]))
    found["campaign_stats__campaigns"] = _campaigns(records, listed, found["campaign_stats__daily"])
    return found


def differences_of(rows: Sequence[Row], truth: Sequence[Row], model: str) -> str:
    """How a report differs from the truth; empty if it does not. The last digits of revenue may be lost in a table."""
    key = KEYS[model]
    right = {tuple(row[name] for name in key): row.get("revenue") for row in truth}
    rounded = [
        {**row, "revenue": known} if _is_close(row.get("revenue"), known) else row
        for row in rows
        for known in [right.get(tuple(row[name] for name in key))]
    ]
    return differences(rounded, truth, key)


def _is_close(found: Any, right: Any) -> bool:
    return found is not None and right is not None and math.isclose(found, right, rel_tol=1e-9, abs_tol=1e-6)


# --- campaigns ------------------------------------------------------------------------------------------------------


def _listed(records: Records) -> Iterator[tuple[Key, Row]]:
    for item in records.get("orchestrations", ()):
        channels = {channel.lower() for channel in item.get("channels") or ()}
        yield (
            ("batch", item["project_key"], item["id"]),
            {
                "campaign_name": item.get("name"),
                "channel": "multichannel" if len(channels) > 1 else next(iter(channels), None),
                "campaign_type": _lower(item.get("type")),
                "status": _lower(item.get("status")),
                "created_at": _moment(item.get("created_date")),
                "started_at": _moment(item.get("start_time")),
            },
        )
    for item in records.get("legacy_campaigns", ()):
        yield (
            ("batch_legacy", item["app"], item["campaign_token"]),
            {
                **{"campaign_name": item.get("name"), "channel": "push", "campaign_type": None, "status": None},
                "created_at": _moment(item.get("created_date")),
                "started_at": _moment(item.get("push_time")),
            },
        )
    for item in records.get("moengage_campaigns", ()):
        yield (
            ("moengage", item["workspace_id"], item["campaign_id"]),
            {
                "campaign_name": item.get("campaign_name"),
                "channel": _lower(item.get("channel")),
                "campaign_type": _lower(item.get("campaign_delivery_type")),
                "status": _lower(item.get("campaign_status")),
                "created_at": None,
                "started_at": _moment(item.get("campaign_start_time")),
            },
        )


def _unlisted(vendor: str) -> Row:
    names = ("campaign_name", "channel", "campaign_type", "status", "created_at", "started_at")
    return {**dict.fromkeys(names), "channel": "push" if vendor == "batch_legacy" else None}


def _campaigns(records: Records, listed: Mapping[Key, Row], daily: Sequence[Row]) -> list[Row]:
    known = dict.fromkeys(listed)
    known |= {("batch", *_values(row, "project_key", "orchestration_id")): None for row in _stats(records, "batch")}
    known |= {("batch_legacy", *_values(row, "app", "campaign_token")): None for row in _stats(records, "legacy")}
    known |= {("moengage", *_values(row, "workspace_id", "campaign_id")): None for row in _stats(records, "moengage")}
    days = _grouped(daily, "vendor", "account", "campaign_id")
    return [
        {
            **dict(zip(CAMPAIGN[1:], key, strict=True)),
            **listed.get(key, _unlisted(key[0])),
            "is_listed": key in listed,
            "first_day": min((row["date_day"] for row in days.get(key, ())), default=None),
            "last_day": max((row["date_day"] for row in days.get(key, ())), default=None),
        }
        for key in known
    ]


# --- days and parts -------------------------------------------------------------------------------------------------


def _daily(records: Records) -> Iterator[Row]:
    for row in _stats(records, "batch"):
        yield {**_batch_day(row), **_batch(row)}
    for row in _stats(records, "legacy"):
        yield {**_legacy_day(row), **_legacy(row)}
    for leaf in _stats(records, "moengage"):
        if leaf.get("in_total") and has_performance(leaf):
            yield {**_moengage_day(leaf), **_moengage(leaf)}


def _by_platform(records: Records) -> Iterator[Row]:
    for row in _stats(records, "batch"):
        for part in row.get("platforms") or ():
            yield {**_batch_day(row), "platform": part["platform"].lower(), **_batch(part)}
    for leaf in _parts_of_moengage(records, "platform"):
        yield {**_moengage_day(leaf), "platform": leaf["platform"].lower(), **_moengage(leaf)}


def _by_variant(records: Records) -> Iterator[Row]:
    for row in _stats(records, "batch"):
        for position, part in enumerate(row.get("versions") or (), 1):
            yield {**_batch_day(row), "variant": part.get("version") or str(position), **_batch(part)}
    for row in _stats(records, "legacy"):
        for position, part in enumerate(row.get("versions") or (), 1):
            yield {**_legacy_day(row), "variant": part.get("version") or str(position), **_legacy(part)}
    for leaf in _parts_of_moengage(records, "variation"):
        if leaf["variation"].lower() not in CONTROL_GROUPS:
            yield {**_moengage_day(leaf), "variant": leaf["variation"], **_moengage(leaf)}


def _by_step(records: Records) -> Iterator[Row]:
    for row in _stats(records, "batch"):
        for part in row.get("message_steps") or ():
            yield {**_batch_day(row), "step_id": part["step_id"], **_batch(part)}


def _by_locale(records: Records) -> Iterator[Row]:
    for leaf in _parts_of_moengage(records, "locale"):
        yield {**_moengage_day(leaf), "locale": leaf["locale"], **_moengage(leaf)}


def _by_goal(records: Records) -> Iterator[Row]:
    for leaf in _stats(records, "moengage"):
        if leaf.get("in_total") and has_performance(leaf):
            for goal in leaf.get("conversion_goal_stats") or ():
                numbers = _moengage({**leaf, "conversion_goal_stats": [goal]})
                yield {**_moengage_day(leaf), "goal_name": goal["goal_name"], **numbers}


_PARTS: Mapping[str, Callable[[Records], Iterator[Row]]] = {
    "campaign_stats__daily": _daily,
    "campaign_stats__daily_by_platform": _by_platform,
    "campaign_stats__daily_by_variant": _by_variant,
    "campaign_stats__daily_by_step": _by_step,
    "campaign_stats__daily_by_locale": _by_locale,
    "campaign_stats__daily_by_goal": _by_goal,
}


def _parts_of_moengage(records: Records, dimension: str) -> Iterator[Row]:
    leaves = [leaf for leaf in _stats(records, "moengage") if has_performance(leaf)]
    others = tuple(name for name in ("platform", "locale", "variation") if name != dimension)
    for of_day in _grouped(leaves, "workspace_id", "campaign_id", "date").values():
        for of_value in _grouped(of_day, dimension).values():
            if of_value[0][dimension].lower() not in TOTALS[dimension]:
                yield from _wholes(of_value, others)


def _wholes(leaves: Sequence[Row], dimensions: Sequence[str]) -> list[Row]:
    """The leaves that count everything once: in each dimension the total if there is one, otherwise all parts."""
    if not dimensions:
        return list(leaves)
    dimension, *others = dimensions
    for name in TOTALS[dimension]:
        if of_total := [leaf for leaf in leaves if leaf[dimension].lower() == name]:
            return _wholes(of_total, others)
    return [leaf for of_value in _grouped(leaves, dimension).values() for leaf in _wholes(of_value, others)]


def _added_up(parts: Iterable[Row], dimensions: Sequence[str], listed: Mapping[Key, Row]) -> list[Row]:
    key = ("vendor", "account", "campaign_id", "date_day", *dimensions)
    rows = []
    for values, group in _grouped(parts, *key).items():
        campaign = listed.get(values[:3], _unlisted(values[0]))
        named = {name: campaign[name] for name in ("campaign_name", "channel")}
        sums = {name: total(part[name] for part in group) for name in METRICS}
        rows.append({**dict(zip(key, values, strict=True)), **named, **sums})
    return rows


# --- what each vendor counts ----------------------------------------------------------------------------------------


def _batch_day(row: Row) -> Row:
    return _day("batch", row, "project_key", "orchestration_id")


def _legacy_day(row: Row) -> Row:
    return _day("batch_legacy", row, "app", "campaign_token")


def _moengage_day(row: Row) -> Row:
    return _day("moengage", row, "workspace_id", "campaign_id")


def _day(vendor: str, row: Row, account: str, campaign: str) -> Row:
    day = date.fromisoformat(row["date"])
    return {"vendor": vendor, "account": row[account], "campaign_id": row[campaign], "date_day": day}


def _batch(part: Row) -> Row:
    return {
        **dict.fromkeys(METRICS),
        "sends": part.get("sent"),
        "deliveries": part.get("delivered"),
        "opens": part.get("total_open"),
        "unique_opens": part.get("unique_open"),
        "machine_opens": part.get("unique_machine_open"),
        "clicks": part.get("total_click"),
        "unique_clicks": part.get("unique_click"),
        "conversions": part.get("total_conversion"),
        "unique_conversions": part.get("unique_conversion"),
        "revenue": _money(part.get("total_revenue")),
        "unsubscribes": part.get("unsubscribe"),
        "bounces": part.get("total_bounce"),
        "complaints": part.get("spam"),
    }


def _legacy(part: Row) -> Row:
    return {
        **dict.fromkeys(METRICS),
        "sends": part.get("sent"),
        "opens": total((part.get("direct_open"), part.get("influenced_open"))),
        "failures": part.get("errors"),
    }


def _moengage(leaf: Row) -> Row:
    goals = leaf.get("conversion_goal_stats") or ()
    opened = leaf.get("opened") if leaf.get("opened") is not None else leaf.get("read")
    counted = {"opens": opened, "clicks": leaf.get("click"), "conversions": total(g.get("conversions") for g in goals)}
    prefix = "unique_" if leaf["metric_type"] == "UNIQUE" else ""
    return {
        **dict.fromkeys(METRICS),
        "sends": leaf.get("sent"),
        "deliveries": leaf.get("delivered"),
        "impressions": leaf.get("impression"),
        **{prefix + name: number for name, number in counted.items()},
        "revenue": total(_money(goal.get("revenue")) for goal in goals),
        "unsubscribes": leaf.get("unsubscribe"),
        "bounces": leaf.get("bounced"),
        "complaints": leaf.get("complaint"),
        "failures": leaf.get("failed"),
    }


# --- small things ---------------------------------------------------------------------------------------------------

_STATS = {
    "batch": "orchestration_stats",
    "legacy": "legacy_campaign_stats",
    "moengage": "moengage_campaign_stats",
}


def _stats(records: Records, vendor: str) -> Sequence[Row]:
    return records.get(_STATS[vendor], ())


def _values(row: Row, *names: str) -> Key:
    return tuple(row[name] for name in names)


def _grouped(rows: Iterable[Row], *names: str) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_values(row, *names)].append(row)
    return groups


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def _money(number: float | int | None) -> Decimal | None:
    """The number with nine decimals, as the warehouses keep it."""
    return None if number is None else Decimal(str(number)).quantize(Decimal(10) ** -9)
