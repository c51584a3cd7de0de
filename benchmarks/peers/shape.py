"""Makes the record that every peer writes, in the cheapest way. The connector writes the same."""

from typing import Any

Record = dict[str, Any]


def record_of(day: Record, orchestration_id: str, project_key: str) -> Record:
    """A day of an answer as a record: with its ids, and each breakdown as an array.

    Example: `{"date": "2026-11-20", "platform": {"ios": {"sent": 3}}}` ->
    `{"date": …, "platforms": [{"platform": "ios", "sent": 3}], "orchestration_id": …, "project_key": …}`.
    """
    _platforms_as_array(day)
    for parts in ("versions", "message_steps"):
        for part in day.get(parts) or ():
            _platforms_as_array(part)
    day["orchestration_id"] = orchestration_id
    day["project_key"] = project_key
    return day


def _platforms_as_array(part: Record) -> None:
    platforms = part.pop("platform", None)
    if isinstance(platforms, dict):
        platforms = [{"platform": name, **numbers} for name, numbers in platforms.items()]
    elif platforms:
        for numbers in platforms:
            numbers["platform"] = numbers["platform"].lower()
    if platforms is not None:
        part["platforms"] = platforms
