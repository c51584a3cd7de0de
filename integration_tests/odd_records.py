"""Records made from a seed, as odd as the schemas of the tables allow."""

import random
from datetime import date, timedelta
from itertools import product
from typing import Any

from integration_tests.dbt_truth import CONTROL_GROUPS, PERFORMANCE, in_total

Row = dict[str, Any]

NAMES = (
    *("Soldes d'été – relance 🌞", 'He said "buy now"', "Two\nlines", "  spaces ", "{{ name }}; DROP TABLE x", "null"),
    *("1e5", "", "a.b/c", "\\backslash\\", "$.path", "constructor"),
)
PLATFORMS = ("android", "ANDROID", "Android", "ios", "IOS", "web", "MWEB")
BATCH = (
    *("sent", "delivered", "sent_optin", "unique_open", "total_open", "unique_machine_open", "unique_click"),
    *("total_click", "spam", "unsubscribe", "total_bounce", "skipped", "unique_conversion", "total_conversion"),
)
DAY = date(2026, 2, 27)


def odd_records(seed: int) -> dict[str, list[Row]]:
    """The records of six streams by name. Some campaigns are only in the lists, some only in the statistics."""
    rng = random.Random(seed)
    records = {
        **_batch(rng),
        **_legacy(rng),
        **_moengage(rng),
    }
    for rows in records.values():
        rng.shuffle(rows)
    return records


def _count(rng: random.Random) -> int | None:
    return rng.choice((None, 0, 1, rng.randrange(100), rng.randrange(10**6), rng.randrange(10**14)))


def _money(rng: random.Random) -> float | int | None:
    return rng.choice((None, 0, rng.randrange(500), round(rng.random() * 1e5, 2), round(rng.random(), 4)))


def _some(rng: random.Random, row: Row) -> Row:
    """The row without some of its null columns: a missing column and a null one mean the same."""
    return {name: value for name, value in row.items() if value is not None or rng.random() < 0.5}


def _numbers(rng: random.Random, names: tuple[str, ...]) -> Row:
    return _some(rng, {name: _count(rng) for name in names})


def _days(rng: random.Random) -> list[str]:
    return [(DAY + timedelta(days=n)).isoformat() for n in range(4) if rng.random() < 0.6]


def _moment(rng: random.Random) -> str | None:
    return rng.choice((None, "2026-02-28T23:59:59Z", "2025-12-31T22:30:00Z", f"2026-01-0{rng.randint(1, 9)}T00:00:00Z"))


def _array(rng: random.Random, items: list[Row]) -> list[Row] | None:
    return items or rng.choice((None, []))


def _batch(rng: random.Random) -> dict[str, list[Row]]:
    listed, stats = [], []
    for n in range(12):
        project, id_ = f"project_{n % 2}", rng.choice((f"orchestration_{n}", f"12345678{n}e12"))
        steps = [f"step_{n}_{k}" for k in range(rng.randrange(4))]
        if rng.random() < 0.8:
            named = [
                _some(rng, {"step_id": step, "step_name": rng.choice((None, *NAMES))})
                for step in steps
                if rng.random() < 0.8
            ]
            channels = [rng.choice(("push", "EMAIL", "sms")) for _ in range(rng.randrange(4))]
            listed.append(
                _some(
                    rng,
                    {
                        **{"project_key": project, "id": id_, "name": rng.choice((None, *NAMES))},
                        **{
                            "type": rng.choice((None, "campaign", "Trigger")),
                            "status": rng.choice(("RUNNING", "draft")),
                        },
                        **{"channels": channels or rng.choice((None, [])), "message_steps": _array(rng, named)},
                        **{"created_date": _moment(rng), "start_time": _moment(rng)},
                    },
                )
            )
        for day in _days(rng):
            platforms = [{"platform": name, **_part(rng)} for name in rng.sample(PLATFORMS, rng.randrange(4))]
            names = rng.choice((("a", "b", "c"), (None, None), ("", "b"), (), ("2", None), tuple(rng.sample(NAMES, 3))))
            versions = [_some(rng, {"version": name, "platforms": platforms, **_part(rng)}) for name in names]
            parts = [{"step_id": step, **_part(rng), "platforms": platforms} for step in steps if rng.random() < 0.8]
            if rng.random() < 0.3:
                parts.append({"step_id": "step_that_is_gone", **_part(rng)})
            stats.append(
                {
                    **{"project_key": project, "orchestration_id": id_, "date": day, **_part(rng)},
                    **{"platforms": _array(rng, platforms), "versions": _array(rng, versions)},
                    "message_steps": _array(rng, parts),
                }
            )
    return {"orchestrations": listed, "orchestration_stats": stats}


def _part(rng: random.Random) -> Row:
    return {**_numbers(rng, BATCH), **_some(rng, {"total_revenue": _money(rng)})}


def _legacy(rng: random.Random) -> dict[str, list[Row]]:
    listed, stats = [], []
    names = ("sent", "direct_open", "influenced_open", "errors", "reengaged")
    # The same campaign is in several apps.
    for app, token in product(("iOS", "Web – « push »"), ("00e1", "1e5", "ffff")):
        if rng.random() < 0.7:
            listed.append(
                _some(
                    rng,
                    {
                        **{"app": app, "campaign_token": token, "name": rng.choice((None, *NAMES)), "live": True},
                        **{"created_date": _moment(rng), "push_time": _moment(rng)},
                    },
                )
            )
        for day in _days(rng):
            versions = [
                _some(rng, {"version": name, **_numbers(rng, names[:3])})
                for name in rng.choice(((), ("a", "b"), (None,)))
            ]
            row = {"app": app, "campaign_token": token, "date": day, **_numbers(rng, names)}
            stats.append({**row, "versions": _array(rng, versions)})
    return {"legacy_campaigns": listed, "legacy_campaign_stats": stats}


def _moengage(rng: random.Random) -> dict[str, list[Row]]:
    listed, stats = [], []
    for n in range(14):
        id_ = f"1234567890123456789{n:02}e23"
        if rng.random() < 0.7:
            listed.append(
                _some(
                    rng,
                    {
                        **{"workspace_id": "0123e5", "campaign_id": id_, "campaign_name": rng.choice((None, *NAMES))},
                        **{"channel": rng.choice((None, "PUSH", "Email")), "campaign_start_time": _moment(rng)},
                        **{"campaign_delivery_type": rng.choice((None, "ONE_TIME")), "campaign_status": "Active"},
                    },
                )
            )
        metric_type = rng.choice(("TOTAL", "UNIQUE"))
        for day in _days(rng):
            leaves = [
                {
                    **{"workspace_id": "0123e5", "date": day, "campaign_id": id_, "metric_type": metric_type},
                    **{"attribution_type": "TOTAL_CONVERSIONS", **leaf, **_performance(rng, leaf)},
                    "conversion_goal_stats": _array(rng, _goals(rng)),
                }
                for leaf in _leaves(rng)
            ]
            whole = in_total(leaves)
            stats += [{**leaf, "in_total": leaf in whole} for leaf in leaves]
    return {"moengage_campaigns": listed, "moengage_campaign_stats": stats}


def _leaves(rng: random.Random) -> list[Row]:
    platforms = rng.sample((*PLATFORMS, rng.choice(("ALL_PLATFORMS", "all_platforms"))), rng.randint(1, 4))
    locales = rng.sample(("en", "EN", "fr", "pt-BR", rng.choice(("all_locales", "ALL_LOCALES")), "all_locale"), 3)
    variations = rng.sample(
        ("all_variations", "Variation 1", "1e5", "null", *CONTROL_GROUPS, "Variante « été » 🌞"), rng.randint(1, 4)
    )
    every = product(platforms, locales, variations)
    return [
        {"platform": platform, "locale": locale, "variation": variation}
        for platform, locale, variation in every
        if rng.random() < 0.6
    ]


def _performance(rng: random.Random, leaf: Row) -> Row:
    if leaf["variation"] in CONTROL_GROUPS or rng.random() < 0.15:
        return dict.fromkeys(PERFORMANCE)
    rates = {name: rng.choice((None, 12.5)) for name in PERFORMANCE if name.endswith("rate") or name.startswith("ct")}
    return {**_numbers(rng, PERFORMANCE), **rates}


def _goals(rng: random.Random) -> list[Row]:
    return [
        _some(rng, {"goal_name": name, "conversions": _count(rng), "revenue": _money(rng), "cvr": 1.5})
        for name in rng.sample(NAMES, rng.randrange(4))
    ]
