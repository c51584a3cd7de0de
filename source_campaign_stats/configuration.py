"""The configuration as a person typed it: cleaned, completed with defaults, and refused in plain words."""

import copy
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.macros import today_with_timezone

BATCH_PAGE = 'the Batch dashboard under "⚙ Settings → General"'
MOENGAGE_PAGE = "the MoEngage dashboard under Settings > Account > APIs"

MOST_WORKERS = 40
# The data center becomes part of the host name that gets the key, so nothing else is let through.
DATA_CENTERS = ("01", "02", "03", "04", "05", "06", "101")

_CREDENTIALS = {
    ("batch", "rest_api_key"): ('"REST API key" of "Batch"', BATCH_PAGE),
    ("batch", "project_key"): ('"Project key" of "Batch"', BATCH_PAGE),
    ("batch_legacy", "rest_api_key"): ('"REST API key" of "Batch MEP (legacy)"', BATCH_PAGE),
    ("moengage", "workspace_id"): ('"Workspace ID" of "MoEngage"', MOENGAGE_PAGE),
    ("moengage", "api_key"): ('"API key" of "MoEngage"', MOENGAGE_PAGE),
}
_ID_LISTS = (("batch", "skip_orchestration_ids"), ("moengage", "campaign_ids"))
GROUPS = {"batch": "Batch", "batch_legacy": "Batch MEP (legacy)", "moengage": "MoEngage"}


def cleaned(config: Mapping[str, Any], specification: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with keys stripped, empty settings left out and the specification's defaults filled in.

    Never raises. A key or a group of a wrong shape is left out, so that no validator can quote it; `complaint`
    then says that it is missing.
    Example: `{"batch": {"rest_api_key": " k\\n", "project_key": 7}}` becomes
    `{"batch": {"rest_api_key": "k", "project_key": "7", "lookback_days": 30, …}, "timezone": "UTC", …}`.
    """
    result: dict[str, Any] = _without_nothing(copy.deepcopy(dict(config)))
    for setting in ("start_date", "timezone"):
        if setting in result:
            result[setting] = _as_text(result[setting])
    for group in GROUPS:
        if not isinstance(result.get(group, {}), dict):
            result[group] = None
    for group, setting in _CREDENTIALS:
        _clean_key(_group(result, group), setting)
    for group, setting in _ID_LISTS:
        _clean_ids(_group(result, group), setting)
    if legacy := _group(result, "batch_legacy"):
        legacy["apps"] = _apps(result)
    for app in _apps(result):
        _clean_key(app, "name")
        _clean_key(app, "api_key")
        _clean_ids(app, "campaign_tokens")
    _complete(result, specification)
    return result


def complaint(config: Mapping[str, Any]) -> str | None:
    """What is wrong with a cleaned configuration, in words that say what to correct; None when nothing is.

    No value of a secret is ever quoted.
    """
    return next(_complaints(config), None)


def today(config: Mapping[str, Any]) -> date:
    """The date it is now in the configured time zone."""
    return today_with_timezone(config["timezone"])


def secrets_in(config: Any, schema: Mapping[str, Any]) -> set[str]:
    """Every value in the configuration that the specification marks `airbyte_secret`, arrays included.

    A group that is not an object (a key pasted one level too high) counts as secret altogether.
    """
    if config is None:
        return set()
    if schema.get("airbyte_secret") or not isinstance(config, (Mapping, list)):
        return set(_texts(config)) if _holds_secrets(schema) else set()
    found: set[str] = set()
    schema = schema.get("items", schema)
    if isinstance(config, list):
        for item in config:
            found |= secrets_in(item, schema)
    else:
        for name, value in config.items():
            found |= secrets_in(value, schema.get("properties", {}).get(name, {}))
    return found


def _complaints(config: Mapping[str, Any]) -> Iterator[str]:
    yield from _time_zone_complaints(config)
    yield from _start_date_complaints(config)
    workers = config.get("num_workers", MOST_WORKERS)
    if not isinstance(workers, int) or isinstance(workers, bool) or not 2 <= workers <= MOST_WORKERS:
        yield f"The number of workers has to be a whole number from 2 to {MOST_WORKERS}."
    for group, name in GROUPS.items():
        if group in config and config[group] is None:
            yield f'The settings of "{name}" have to be a group of values, not a single value.'
    if not any(group in config for group in GROUPS):
        yield (
            'No vendor is configured. Fill in at least one of the groups "Batch", "Batch MEP (legacy)" and "MoEngage".'
        )
    for (group, setting), (label, page) in _CREDENTIALS.items():
        if group in config:
            yield from _key_complaints(config[group].get(setting), label, page)
    if "batch_legacy" in config:
        yield from _app_complaints(config["batch_legacy"].get("apps"))
    if "moengage" in config and config["moengage"].get("data_center") not in DATA_CENTERS:
        yield (
            f'The "Data center" of "MoEngage" has to be one of {", ".join(DATA_CENTERS)}. It is the number in the '
            "address of your MoEngage dashboard: dashboard-03.moengage.com is data center 03."
        )
    for group, setting in _ID_LISTS:
        yield from _id_complaints(_group(config, group).get(setting, []), f"{GROUPS[group]}: {setting}")


def _time_zone_complaints(config: Mapping[str, Any]) -> Iterator[str]:
    try:
        today_with_timezone(config.get("timezone", "UTC"))
    except (KeyError, AttributeError, ValueError):
        yield (
            f'The time zone "{config["timezone"]}" is not known. Enter an IANA name, '
            "for example UTC, Europe/Paris or America/New_York."
        )


def _start_date_complaints(config: Mapping[str, Any]) -> Iterator[str]:
    text = config.get("start_date")
    if text is None:
        yield 'The "Start date" is missing. Enter the first day to read, for example 2026-01-31.'
        return
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        start = date.fromisoformat(text)
    except (TypeError, ValueError):
        yield f'The start date "{text}" is not a date. Enter it as YYYY-MM-DD, for example 2026-01-31.'
        return
    if start > today(config):
        yield (
            f"The start date {start} is in the future (it is {today(config)} in the time zone "
            f"{config['timezone']}). Enter today or an earlier day."
        )


def _key_complaints(value: Any, label: str, page: str) -> Iterator[str]:
    if not value:
        yield f"The {label} is missing. Copy it from {page}."
    elif not all("!" <= character <= "~" for character in value):
        yield (
            f"The {label} contains white space, a line break or a character that no key has. "
            f"Copy it again from {page}, without anything around or inside it."
        )


def _app_complaints(apps: Any) -> Iterator[str]:
    if not apps:
        yield 'Batch MEP (legacy) has no app. Add at least one app with its name and its "Live API key".'
        return
    for position, app in enumerate(apps, start=1):
        name = app.get("name")
        if not name:
            yield f'App number {position} of "Batch MEP (legacy)" has no name. Give it one: it marks its rows.'
            return
        yield from _key_complaints(app.get("api_key"), f'"Live API key" of the app "{name}"', BATCH_PAGE)
        tokens = app.get("campaign_tokens", [])
        yield from _id_complaints(tokens, f'campaign tokens of the app "{name}"')
    names = [app["name"] for app in apps]
    for name in names:
        if names.count(name) > 1:
            yield (f'Two apps are named "{name}". Give each app a name of its own: it is part of the rows\' key.')
    by_key: dict[str, str] = {}
    for app in apps:
        if (other := by_key.setdefault(app["api_key"], app["name"])) != app["name"]:
            yield (
                f'The apps "{other}" and "{app["name"]}" have the same "Live API key". '
                "Each platform of an app has its own: enter each once."
            )


def _id_complaints(values: Any, label: str) -> Iterator[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        yield f"{label} has to be a list of ids, one text each."
    elif any(character.isspace() for value in values for character in value):
        yield f"{label} contains an id with white space inside. Enter one id per line."


def _group(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    group = config.get(name)
    return group if isinstance(group, dict) else {}


def _apps(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    apps = _group(config, "batch_legacy").get("apps")
    return [app for app in apps if isinstance(app, dict)] if isinstance(apps, list) else []


def _as_text(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else value


def _clean_key(settings: dict[str, Any], name: str) -> None:
    if name in settings:
        settings[name] = _as_text(settings[name])
        if not isinstance(settings[name], str):
            del settings[name]


def _clean_ids(settings: dict[str, Any], name: str) -> None:
    if isinstance(settings.get(name), list):
        # An empty list is what the Airbyte form sends for a list nobody filled in.
        ids = [_as_text(value) for value in settings[name]]
        settings[name] = [value for n, value in enumerate(ids) if value != "" and value not in ids[:n]]
        if not settings[name]:
            del settings[name]


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    return value


def _complete(config: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Fills in the defaults, and writes whole numbers as such (Terraform sends 30.0)."""
    for name, property_schema in schema.get("properties", {}).items():
        if "default" in property_schema:
            config.setdefault(name, property_schema["default"])
        value = config.get(name)
        if isinstance(value, dict):
            _complete(value, property_schema)
        elif property_schema.get("type") == "integer" and isinstance(value, float) and value.is_integer():
            config[name] = int(value)


def _holds_secrets(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        return schema.get("airbyte_secret") is True or any(_holds_secrets(part) for part in schema.values())
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
