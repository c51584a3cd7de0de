"""The truth: the records that a sync has to produce, made from the account's data and not from answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from .account import BATCH_METRICS, LEGACY_METRICS, PERFORMANCE, TRANSACTIONAL_METRICS, Account, Platforms, counts_once
from .seeded import Block

Record = dict[str, Any]
Config = Mapping[str, Any]

# The metrics that the vendors' pages name.
_OF_BATCH = frozenset(BATCH_METRICS["universal"])
_OF_LEGACY = frozenset(LEGACY_METRICS)
_OF_TRANSACTIONAL = frozenset(TRANSACTIONAL_METRICS)
_OF_MOENGAGE = frozenset(name for names in PERFORMANCE.values() for name in names)


def moment(text: object) -> str | None:
    """Return a timestamp in the form of the records (`2026-11-20T08:00:00Z`), or None if it is not a timestamp."""
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?", text):
        return None
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None


def _with_moments(item: Record, *names: str) -> Record:
    return {**item, **{name: moment(item[name]) for name in names if name in item}}


def _columns(numbers: Block, documented: frozenset[str]) -> Record:
    others = {name: value for name, value in numbers.items() if name not in documented}
    columns = {name: value for name, value in numbers.items() if name in documented}
    return {**columns, "other_metrics": others} if others else columns


def _orchestrations(account: Account, config: Config, first: date, last: date) -> Iterator[Record]:
    for o in account.orchestrations:
        item = _with_moments(o.listed(account.today), "created_date", "start_time", "end_time")
        if "messages_steps" in item:
            item["message_steps"] = item.pop("messages_steps")
        if "recurrence" in item:
            recurrence = _with_moments(item["recurrence"], "end_time")
            if "repeat_fequency" in recurrence:
                recurrence["repeat_frequency"] = recurrence.pop("repeat_fequency")
            item["recurrence"] = recurrence
        yield {**item, "project_key": account.project_key}


def _split(platforms: Platforms) -> Record:
    if not platforms:
        return {}
    return {"platforms": [{"platform": name, **block} for name, block in platforms]}


def _orchestration_stats(account: Account, config: Config, first: date, last: date) -> Iterator[Record]:
    skipped = set(config["batch"].get("skip_orchestration_ids") or ())
    for o in account.orchestrations:
        if o.id in skipped:
            continue
        for day in account.orchestration_days(o, max(first, account.batch_floor), last):
            record = {
                "project_key": account.project_key,
                "orchestration_id": o.id,
                "date": day.day.isoformat(),
                **_columns(day.metrics, _OF_BATCH),
                **_split(day.platforms),
            }
            if day.versions:
                record["versions"] = [
                    {**({"version": name} if name else {}), **block, **_split(platforms)}
                    for name, block, platforms in day.versions
                ]
            if day.steps:
                record["message_steps"] = [
                    {"step_id": step, **block, **_split(platforms)} for step, block, platforms in day.steps
                ]
            yield record


def _configured_apps(account: Account, config: Config) -> Iterator[tuple[str, Any, set[str] | None]]:
    for configured in config["batch_legacy"]["apps"]:
        key = str(configured["api_key"]).strip()
        app = next((app for app in account.apps if app.key == key), None)
        if app is None:
            raise ValueError("the configuration names an app that the account does not have")
        tokens = configured.get("campaign_tokens")
        yield configured["name"], app, set(tokens) if tokens else None


def _legacy_campaigns(account: Account, config: Config, first: date, last: date) -> Iterator[Record]:
    for name, app, tokens in _configured_apps(account, config):
        for campaign in app.campaigns:
            if tokens is None or campaign.token in tokens:
                yield {"app": name, **_with_moments(campaign.item, "created_date", "push_time")}


def _legacy_campaign_stats(account: Account, config: Config, first: date, last: date) -> Iterator[Record]:
    skipped = set(config["batch_legacy"].get("skip_campaign_tokens") or ())
    for name, app, tokens in _configured_apps(account, config):
        for campaign in app.campaigns:
            if campaign.token in skipped or (tokens is not None and campaign.token not in tokens):
                continue
            for day in account.legacy_days(app, campaign, first, last):
                record: Record = {
                    "app": name,
                    "campaign_token": campaign.token,
                    "date": day.day.isoformat(),
                    **_columns(day.metrics, _OF_LEGACY),
                }
                if day.versions:
                    record["versions"] = [{"version": version, **block} for version, block in day.versions]
                yield record


def _legacy_transactional_stats(account: Account, config: Config, first: date, last: date) -> Iterator[Record]:
    named = [app.get("transactional_group_ids") or () for app in config["batch_legacy"]["apps"]]
    for (name, app, _), wanted in zip(_configured_apps(account, config), named, strict=True):
        for group in app.groups:
            if group.id not in [str(one).strip() for one in wanted]:
                continue
            for day, numbers in account.transactional_days(app, group, first, last):
                identity = {"app": name, "group_id": group.id, "date": day.isoformat()}
                yield {**identity, **_columns(numbers, _OF_TRANSACTIONAL)}


def _moengage_campaigns(account: Account, config: Config, first: date, last: date) -> Iterator[Record]:
    for campaign in account.moengage_campaigns:
        item = _with_moments(campaign.item, "campaign_start_time")
        del item["created_by"]
        yield {"workspace_id": account.workspace_id, **item}


def _has_numbers(performance: Block | None) -> bool:
    return any(value is not None for name, value in (performance or {}).items() if name in _OF_MOENGAGE)


def _moengage_campaign_stats(account: Account, config: Config, first: date, last: date) -> Iterator[Record]:
    settings = config["moengage"]
    attribution = settings.get("attribution_type") or "TOTAL_CONVERSIONS"
    metric = settings.get("metric_type") or "TOTAL"
    asked = settings.get("campaign_ids")
    for campaign in account.moengage_campaigns:
        if asked and campaign.id not in asked:
            continue
        for day in account.moengage_days(campaign, first, last):
            leaves = {leaf: account.leaf_stats(campaign, leaf, day, attribution, metric) for leaf in campaign.leaves}
            rivals = [leaf for leaf, stats in leaves.items() if _has_numbers(stats.performance)]
            for leaf, stats in leaves.items():
                yield {
                    "workspace_id": account.workspace_id,
                    "date": day.isoformat(),
                    "campaign_id": campaign.id,
                    "platform": leaf[0],
                    "locale": leaf[1],
                    "variation": leaf[2],
                    "in_total": leaf in rivals and counts_once(leaf, rivals),
                    **_columns(stats.performance or {}, _OF_MOENGAGE),
                    "delivery_funnel": dict(stats.funnel),
                    "conversion_goal_stats": [{**block, "goal_name": goal} for goal, block in stats.goals],
                    "failure_breakdown": [{"reason": why, "count": count} for why, count in stats.failures],
                    "attribution_type": attribution,
                    "metric_type": metric,
                }


STREAMS: dict[str, Callable[[Account, Config, date, date], Iterator[Record]]] = {
    "orchestrations": _orchestrations,
    "orchestration_stats": _orchestration_stats,
    "legacy_campaigns": _legacy_campaigns,
    "legacy_campaign_stats": _legacy_campaign_stats,
    "legacy_transactional_stats": _legacy_transactional_stats,
    "moengage_campaigns": _moengage_campaigns,
    "moengage_campaign_stats": _moengage_campaign_stats,
}
PRIMARY_KEYS: dict[str, tuple[str, ...]] = {
    "orchestrations": ("id",),
    "orchestration_stats": ("orchestration_id", "date"),
    "legacy_campaigns": ("app", "campaign_token"),
    "legacy_campaign_stats": ("app", "campaign_token", "date"),
    "legacy_transactional_stats": ("app", "group_id", "date"),
    "moengage_campaigns": ("campaign_id",),
    "moengage_campaign_stats": ("date", "campaign_id", "platform", "locale", "variation"),
}


def expected(account: Account, stream: str, first_day: date, last_day: date, config: Config) -> list[Record]:
    """Return the records of a stream for these days; lists (full refresh) ignore the days."""
    return list(STREAMS[stream](account, config, first_day, last_day))
