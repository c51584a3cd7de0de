"""Makes an account from a seed: every kind of campaign, every odd spelling, rows on every first and last day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

from .account import Account, Leaf, LegacyApp, LegacyCampaign, MoEngageCampaign, Orchestration, Span, TransactionalGroup
from .seeded import base36, digest, hexadecimal

# Ids that become numbers if a program guesses types.
NUMERIC_ORCHESTRATION = "1234567890e12"
NUMERIC_CAMPAIGN = "123456789012345678901e23"
NUMERIC_WORKSPACE = "012345678901234567e23"
NUMERIC_APP_KEY = "1e5000000000000000000007"

ODD_NAMES = (
    "my_campaign_{n}",
    "Soldes d'été – relance n°{n} 🌞",
    'He said "buy now" ({n})',
    "Two\nlines {n}",
    "  spaces around {n} ",
    "{{{{ first_name }}}}, {n} % off; DROP TABLE",
    "1e{n}",
    "null",
)
ONE_DAY = timedelta(days=1)


def odd_name(n: int) -> str:
    """Return an odd name, as people type them."""
    return ODD_NAMES[n % len(ODD_NAMES)].format(n=n)


def timestamp(day: date, key: int) -> str:
    """Write a time of that day, with or without Z, sometimes in the last second of the day."""
    clock = ("23:59:59", "00:00:00", "17:31:00", "09:05:07", "12:54:00")[key // 2 % 5]
    return f"{day.isoformat()}T{clock}{'Z' if key % 2 else ''}"


@dataclass(frozen=True)
class Place:
    """The place of one orchestration in the account: its number, its id, and the last day on which it can have rows."""

    account: Account
    n: int
    id: str
    edge: date
    step_count: int

    @property
    def key(self) -> int:
        """A number that decides which oddities the orchestration has."""
        return digest(self.account.seed, self.id, "oddities")

    def before(self, days: int) -> date:
        """Return the day so many days before the last day with numbers."""
        return self.account.horizon - timedelta(days=days)


Draft = dict[str, Any]
PUSH = ("android", "ios", "web")


def _base(
    place: Place, kind: str, channel: str, start: date | str | None, created: date | None = None
) -> tuple[dict[str, Any], Draft]:
    key = place.key
    begin = start if isinstance(start, date) else place.before(40)
    channels = ["push", "email"] if channel == "universal" else [channel]
    item: dict[str, Any] = {
        "id": place.id,
        "type": kind,
        "channels": channels,
        "source": ("dashboard", "api")[key % 2],
        "name": odd_name(place.n),
        "created_date": timestamp(min(created or begin, begin) - ONE_DAY * (1 + key % 9), key // 3),
    }
    if key % 4:
        item["labels"] = ([], ["NEWSLETTER"], ["promo", "Été"])[key % 4 - 1]
    platforms = PUSH[: 1 + key % 3] if "push" in channels else ()
    if platforms and key % 5:
        item["platforms"] = list(platforms)
    if channel == "push":
        item["has_mobile_landing"] = bool(key % 2)
    if start is not None:
        item["start_time"] = start if isinstance(start, str) else timestamp(start, key // 7)
    made: Draft = {
        "metrics": channel,
        "platforms": platforms,
        "array_platforms": bool(key // 11 % 2),
        "nested_array_platforms": bool(key // 13 % 2),
        "newest_day_first": key % 6 == 0,
        "fixed_status": None,
        "ends_on": None,
    }
    return item, made


def _recurrence(place: Place, end: date | str | None) -> dict[str, Any]:
    key = place.key
    block: dict[str, Any] = {
        "repeat_unit": ("WEEKLY", "weekly", "DAILY", "monthly")[key // 3 % 4],
        ("repeat_frequency", "repeat_fequency")[place.n % 2]: 1 + key % 3,
    }
    if end is not None:
        block["end_time"] = end if isinstance(end, str) else timestamp(end, key // 17)
    return block


def _steps(place: Place, item: dict[str, Any], made: Draft) -> None:
    steps = tuple(f"step_{base36(32, place.id, n)}" for n in range(place.step_count))
    listed = [{"step_name": f"Étape {n + 1}", "step_id": step} for n, step in enumerate(steps)]
    item[("message_steps", "messages_steps")[place.n % 2]] = listed
    item["nbr_steps"] = 2 * len(steps) + 1
    item["nbr_message_steps"] = len(steps)
    made["steps"] = steps


Made = tuple[dict[str, Any], Draft, Span | None]


def _open_span(place: Place, start: date) -> Span:
    # It has a row on its first day and on the account's last one, so that both ends of a window have rows.
    return Span(start - ONE_DAY, date.max, frozenset((start - ONE_DAY, place.account.horizon)))


def _one_shot(place: Place, kind: str, channel: str, status: str | None = None, versions: int = 0) -> Made:
    start = place.edge - ONE_DAY * 4
    item, made = _base(place, kind, channel, start)
    made |= {"fixed_status": status, "ends_on": start + ONE_DAY, "versions": tuple("abcd"[:versions])}
    return item, made, Span.of(start - ONE_DAY, start + ONE_DAY * 4)


def _future(place: Place, kind: str) -> Made:
    start = place.account.today + ONE_DAY * (2 + place.n % 5)
    item, made = _base(place, kind, "push", start, created=place.before(2))
    if kind == "trigger":
        _steps(place, item, made)
        return item, made, Span(start - ONE_DAY, date.max, frozenset((start,)))
    return item, made | {"ends_on": start + ONE_DAY}, Span.of(start - ONE_DAY, start + ONE_DAY * 4)


def _undated(place: Place, start: str | None) -> Made:
    item, made = _base(place, "campaign", "push", start)
    span = Span(date.min, date.max, frozenset((place.account.first_day, place.account.horizon)))
    return item, made | {"fixed_status": "completed"}, span


def _recurring(
    place: Place, kind: str, channel: str, ended: bool, status: str | None = None, end_text: str | None = None
) -> Made:
    end = place.edge - ONE_DAY * 4
    start = end - ONE_DAY * (10 + place.key % 40) if ended else place.before(25 + place.key % 60)
    item, made = _base(place, kind, channel, start)
    item["recurrence"] = _recurrence(place, end if ended else end_text)
    item["capping"] = place.n % 3
    made["fixed_status"] = status
    if not ended:
        return item, made, _open_span(place, start)
    return item, made | {"ends_on": end}, Span.of(start - ONE_DAY, end + ONE_DAY * 4)


def _trigger(
    place: Place,
    channel: str,
    ended: bool,
    status: str | None = None,
    steps: bool = True,
    kind: str = "trigger",
) -> Made:
    end = place.edge - ONE_DAY * 90
    start = end - ONE_DAY * 30 if ended else place.before(20 + place.key % 70)
    item, made = _base(place, kind, channel, start)
    made["fixed_status"] = status
    if steps:
        _steps(place, item, made)
    if not ended:
        return item, made, _open_span(place, start)
    item["end_time"] = timestamp(end, place.key // 19)
    return item, made | {"ends_on": end}, Span.of(start - ONE_DAY, end + ONE_DAY * 90)


def _evergreen(place: Place) -> Made:
    item, made = _base(place, "trigger", "push", place.account.first_day - ONE_DAY * 10)
    item["platforms"] = list(PUSH)
    _steps(place, item, made)
    return item, made | {"platforms": PUSH}, _open_span(place, place.account.first_day)


def _in_app(place: Place, ended: bool, versions: int, kind: str = "trigger") -> Made:
    end = place.edge - ONE_DAY * 4
    start = end - ONE_DAY * 20 if ended else place.before(30 + place.key % 50)
    item, made = _base(place, kind, "in_app", start)
    item["platforms"] = ["ios", "android"]
    item["capping"] = 1
    made["versions"] = (None,) * versions
    if not ended:
        return item, made | {"fixed_status": "completed"}, _open_span(place, start)
    item["end_time"] = timestamp(end, place.key // 23)
    return item, made | {"ends_on": end}, Span.of(start - ONE_DAY, end + ONE_DAY * 4)


def _ended_campaign(place: Place) -> Made:
    end = place.edge - ONE_DAY * 4
    item, made = _base(place, "campaign", "push", end - ONE_DAY * 15)
    item["end_time"] = timestamp(end, place.key)
    return item, made | {"ends_on": end}, Span.of(end - ONE_DAY * 16, end + ONE_DAY * 4)


def _draft(place: Place) -> Made:
    item, made = _base(place, ("campaign", "trigger")[place.n % 2], "push", None, created=place.before(3))
    return item, made | {"fixed_status": "draft"}, None


# The most important ones come first, because a small account gets only the first ones. The text beside the name says
# which edge of the orchestrations of this kind is spread over the days with data.
ARCHETYPES: dict[str, tuple[str, Callable[[Place], Made]]] = {
    "one_shot_push": ("start+4", lambda p: _one_shot(p, "campaign", "push")),
    "recurring_running": ("", lambda p: _recurring(p, "recurring", "push", ended=False)),
    "trigger_running": ("", lambda p: _trigger(p, "push", ended=False)),
    "one_shot_email": ("start+4", lambda p: _one_shot(p, "onetime", "email")),
    "draft": ("", _draft),
    "trigger_ended": ("end+90", lambda p: _trigger(p, "push", ended=True)),
    "recurring_ended": ("end+4", lambda p: _recurring(p, "recurring", "email", ended=True)),
    "in_app_ended": ("end+4", lambda p: _in_app(p, ended=True, versions=0)),
    "one_shot_tested": ("start+4", lambda p: _one_shot(p, "campaign", "push", versions=2 + p.key % 3)),
    "undated": ("", lambda p: _undated(p, None)),
    "unreadable_start": ("", lambda p: _undated(p, "soon")),
    "one_shot_future": ("", lambda p: _future(p, "campaign")),
    "warmup_ended": ("end+4", lambda p: _recurring(p, "warmup", "email", ended=True)),
    "recurring_stopped": ("", lambda p: _recurring(p, "recurring", "sms", ended=False, status="stopped")),
    "trigger_completed": ("", lambda p: _trigger(p, "universal", ended=False, status="completed")),
    "in_app_open": ("", lambda p: _in_app(p, ended=False, versions=2)),
    "one_shot_stopped": ("start+4", lambda p: _one_shot(p, "onetime", "push", status="stopped")),
    "one_shot_sms": ("start+4", lambda p: _one_shot(p, "campaign", "sms")),
    "trigger_future": ("", lambda p: _future(p, "trigger")),
    "campaign_recurring": ("", lambda p: _recurring(p, "campaign", "push", ended=False)),
    "campaign_in_app": ("", lambda p: _in_app(p, ended=False, versions=0, kind="onetime")),
    "campaign_steps": ("", lambda p: _trigger(p, "push", ended=False, kind="campaign")),
    "campaign_ended": ("end+4", _ended_campaign),
    "trigger_stopped": ("end+90", lambda p: _trigger(p, "email", ended=True, status="stopped")),
    "trigger_without_steps": ("end+90", lambda p: _trigger(p, "push", ended=True, steps=False)),
    "recurring_odd_end": ("", lambda p: _recurring(p, "recurring", "push", False, end_text="never")),
    "one_shot_universal": ("start+4", lambda p: _one_shot(p, "campaign", "universal")),
    "in_app_tested": ("end+4", lambda p: _in_app(p, ended=True, versions=3)),
    "one_shot_web": ("start+4", lambda p: _one_shot(p, "onetime", "push")),
    "trigger_evergreen": ("", _evergreen),
    "trigger_ended_too": ("end+90", lambda p: _trigger(p, "universal", ended=True)),
}


def _spread(account: Account, reach: int, index: int, count: int) -> date:
    share = index / (count - 1) if count > 1 else 0.5
    return account.first_day + timedelta(days=round(share * (account.days - 1 + reach)))


def _build(archetype: str, place: Place) -> Orchestration:
    item, made, span = ARCHETYPES[archetype][1](place)
    return Orchestration(id=place.id, archetype=archetype, item=item, span=span, **made)


def _orchestrations(account: Account, count: int, steps: int, archetypes: Sequence[str]) -> None:
    chosen = [archetypes[n % len(archetypes)] for n in range(count)]
    totals: dict[str, int] = {}
    for archetype in chosen:
        totals[ARCHETYPES[archetype][0]] = totals.get(ARCHETYPES[archetype][0], 0) + 1
    seen: dict[str, int] = {}
    for n, archetype in enumerate(chosen):
        edge = ARCHETYPES[archetype][0]
        index = seen[edge] = seen.get(edge, -1) + 1
        # One-shots are spread five days further: the first one ends on the first day with data, and the last one
        # begins on the last day.
        day = _spread(account, 5 if edge == "start+4" else 0, index, totals[edge])
        id_ = NUMERIC_ORCHESTRATION if n == 1 else f"orchestration_{base36(32, account.seed, 'o', n)}"
        made = _build(archetype, Place(account, n, id_, day, steps))
        account.orchestrations.append(made)
        _note_edges(account, made, edge)


def _note_edges(account: Account, made: Orchestration, edge: str) -> None:
    if not edge or made.span is None:
        return
    ends = [(edge, made.span.last)]
    if edge == "start+4":
        ends.append(("start-1", made.span.first))
    for name, day in ends:
        if account.first_day <= day <= account.horizon:
            account.edges.append((made.id, name, day))


def _old_orchestrations(account: Account, count: int) -> None:
    for n in range(count):
        day = account.first_day - timedelta(days=30 + n % 900)
        place = Place(account, n, f"orchestration_{base36(32, account.seed, 'old', n)}", day, 1)
        account.orchestrations.append(_build(("one_shot_push", "one_shot_email")[n % 2], place))


APP_NAMES = ("iOS", "Android", "Web – « push »")
# The groups of transactional messages of the first two apps, named as developers name them. Other apps have none.
GROUPS = (("welcome", "order/confirm é"), ("welcome", "1e5"))


def _legacy_campaign(account: Account, app: int, n: int, count: int) -> LegacyCampaign:
    # The first campaign has the same token in every app: one campaign can be sent to several apps.
    token = hexadecimal(32, account.seed, "legacy", n if n == 0 else (app, n))
    key = digest(account.seed, token, app)
    push = account.horizon - timedelta(days=round((n + 0.5) / max(count, 1) * account.days))
    kind = ("sent", "tested", "sent", "automation", "dev", "draft", "stopped", "tested")[n % 8]
    item: dict[str, Any] = {
        "campaign_token": token,
        "name": odd_name(n + app),
        "created_date": timestamp(push - timedelta(days=2), key // 3),
        "live": kind not in ("draft", "stopped"),
        "dev_only": kind == "dev",
        "from_api": bool(key % 2),
    }
    if kind not in ("draft", "automation"):
        item["push_time"] = timestamp(push, key // 5)
    span: Span | None = Span(push, push + timedelta(days=6), frozenset((push,)))
    if kind == "automation":
        span = Span(push - timedelta(days=30), date.max, frozenset((account.horizon,)))
    if kind in ("draft", "dev"):
        span = None
    return LegacyCampaign(token, item, span, tuple("abcd"[: 2 + key % 2]) if kind == "tested" else ())


def _group(account: Account, name: str) -> TransactionalGroup:
    """A group with messages from the first day of the account on; about every second group begins five days later."""
    first = account.first_day + ONE_DAY * (digest(account.seed, "group", name) % 2 * 5)
    return TransactionalGroup(name, Span(first, date.max, frozenset((first, account.horizon))))


# For each kind of campaign: the channel, over how many elements of its list the leaves are spread, and the leaves.
# There are totals in every dimension and in none, in every spelling, beside their parts or in another element.
LEAVES: tuple[tuple[str, int, tuple[Leaf, ...]], ...] = (
    (
        "PUSH",
        1,
        (
            ("android", "all_locales", "all_variations"),
            ("android", "all_locales", "campaign_control_group"),
            ("android", "all_locales", "global_control_group"),
        ),
    ),
    (
        "PUSH",
        1,
        (
            ("ANDROID", "all_locale", "Variation 1"),
            ("ANDROID", "all_locale", "Variante « été » 🌞"),
            ("ANDROID", "all_locale", "all_variations"),
            ("ios", "all_locale", "Variation 1"),
            ("ios", "all_locale", "all_variations"),
            ("ALL_PLATFORMS", "all_locale", "all_variations"),
            ("ALL_PLATFORMS", "all_locale", "global_control_group"),
        ),
    ),
    (
        "EMAIL",
        1,
        (
            ("email", "all_locales", "all_variations"),
            ("email", "en", "all_variations"),
            ("email", "fr", "Variation 1"),
            ("email", "fr", "a.b/c"),
            ("email", "fr", "campaign_control_group"),
        ),
    ),
    ("PUSH", 2, (("web", "all_locales", "1e5"), ("web", "all_locales", "null"), ("MWEB", "en", "Variation 1"))),
    ("WHATSAPP", 1, (("whatsapp", "all_locales", "all_variations"),)),
    ("INAPP", 1, (("ANDROID", "en", "all_variations"), ("IOS", "en", "all_variations"))),
    (
        "PUSH",
        2,
        (
            ("android", "all_locale", "Variation 1"),
            ("All_Platforms", "ALL_LOCALES", "All_Variations"),
            ("ios", "en", "all_variations"),
            ("ios", "en", "campaign_control_group"),
        ),
    ),
    (
        "EMAIL",
        3,
        (
            ("email", "all_locale", "all_variations"),
            ("email", "all_locales", "Variation 1"),
            ("email", "all_locales", "Variation 2"),
            ("email", "all_locales", "global_control_group"),
            ("email", "fr", "all_variations"),
        ),
    ),
    ("AUDIENCE", 1, (("UNKNOWN", "all_locales", "all_variations"),)),
    (
        "PUSH",
        1,
        (
            ("ALL_PLATFORMS", "en", "Variation 1"),
            ("ALL_PLATFORMS", "fr", "all_variations"),
            ("ALL_PLATFORMS", "fr", "Variation 1"),
            ("ALL_PLATFORMS", "fr", "campaign_control_group"),
            ("ANDROID", "all_locales", "all_variations"),
            ("web", "fr", "Variation 1"),
        ),
    ),
)
GOALS = ("Goal 1", "Achat > 50 €", "a.b/c", "", "Inscription\n(newsletter)", "constructor")


def _moengage_campaign(account: Account, n: int, count: int, parent: str | None) -> MoEngageCampaign:
    id_ = NUMERIC_CAMPAIGN if n == 0 else hexadecimal(24, account.seed, "moengage", n)
    key = digest(account.seed, id_, "oddities")
    channel, elements, leaves = LEAVES[n % len(LEAVES)]
    share = min(n / max(count - 1, 1), 1.0)
    start = account.first_day + timedelta(days=round(share * (account.days - 1)))
    api_triggered = n % 11 == 8
    archived = n % 7 == 5
    item: dict[str, Any] = {
        "campaign_id": id_,
        "channel": channel,
        "platform": sorted({leaf[0] for leaf in leaves if leaf[0].upper() not in ("ALL_PLATFORMS", "UNKNOWN")}),
        "created_by": f"person.{n % 3}@sandbox.example",
        "campaign_delivery_type": "API_TRIGGERED" if api_triggered else ("ONE_TIME", "PERIODIC")[key % 2],
        "campaign_name": odd_name(n),
        "campaign_team": (None, "Growth", "CRM – Europe")[key % 3],
        "campaign_tags": [[], ["promo"], ["Été", "a,b"]][key // 3 % 3],
        "campaign_status": "Archived" if archived else ("Active", "Sent", "Paused", "Stopped")[key // 5 % 4],
    }
    if n % 9 != 7:
        item["campaign_start_time"] = timestamp(start, key // 7)
    if parent:
        item["parent_campaign_id"] = parent
    # Every second campaign never ends, the others run for a week, so that days have different numbers of campaigns.
    last = date.max if n % 2 == 0 else start + timedelta(days=7)
    span = None if api_triggered else Span(start, last, frozenset((start,)))
    goals = GOALS[: key // 11 % (len(GOALS) + 1)]
    return MoEngageCampaign(id_, item, span, channel, leaves, goals, archived, n % 6 == 1, elements)


def _newcomer(account: Account, number: int, with_rows: bool) -> None:
    # It began a day before the newest data, so it also has rows on a day that an earlier sync has read.
    id_ = f"orchestration_{base36(32, account.seed, 'new', number)}"
    place = Place(account, 1000 + number, id_, account.horizon + ONE_DAY * 4, 2)
    account.orchestrations.insert(0, _build("one_shot_push" if with_rows else "draft", place))
    for index, app in enumerate(account.apps):
        # A new day adds a campaign to one app. A list that grows while it is read grows in every app.
        if not with_rows or index == number % len(account.apps):
            n = 8 * (1000 + number) + (0 if with_rows else 5)
            app.campaigns.insert(0, _legacy_campaign(account, index, n, 10**9))
    n = 22 * (1000 + number) + (0 if with_rows else 8)
    made = _moengage_campaign(account, n, 1, None)
    if with_rows:
        span = Span(account.horizon - ONE_DAY, date.max, frozenset((account.horizon - ONE_DAY, account.horizon)))
        started = {**made.item, "campaign_start_time": timestamp(span.first, number)}
        made = replace(made, item=started, span=span, archived=False, empty_platform=False)
    account.moengage_campaigns.insert(0, made)


def make_account(
    seed: int = 7,
    today: date | None = None,
    days: int = 60,
    orchestrations: int = 30,
    legacy_campaigns: int | Iterable[int] = 8,
    moengage_campaigns: int = 14,
    steps: int = 3,
    horizon: date | None = None,
    density: float = 0.7,
    old_orchestrations: int = 0,
    archetypes: Sequence[str] | None = None,
    apps: int = 3,
    groups: Sequence[Sequence[str]] = GROUPS,
    data_center: str = "01",
    moengage_total: str = "found",
    moengage_pages_when_empty: int = 0,
    moengage_stats_enabled: bool = True,
) -> Account:
    """Make an account; the same arguments make the same account.

    `legacy_campaigns` is the number for each app, or a list with one number per app. `groups` are the groups of
    transactional messages of the first apps. `density` is the share of possible days that have numbers.
    `old_orchestrations` adds one-shots that ended before the first day with data. `archetypes` limits the
    orchestrations to some of `ARCHETYPES`. `horizon` is the last day with numbers (default: yesterday).
    """
    # In UTC, the connector's default time zone.
    today = today or datetime.now(timezone.utc).date()
    if moengage_total not in ("found", "asked"):
        raise ValueError(f"moengage_total: {moengage_total!r}")
    account = Account(
        seed=seed,
        today=today,
        horizon=horizon or today - ONE_DAY,
        days=days,
        density=density,
        batch_rest_key=f"sandbox-batch-rest-key-{seed}",
        project_key=f"sandbox-project-{seed}",
        legacy_rest_key=f"sandbox-legacy-rest-key-{seed}",
        workspace_id=NUMERIC_WORKSPACE,
        moengage_key=f"sandbox-moengage-key-{seed}",
        data_center=data_center,
        moengage_stats_enabled=moengage_stats_enabled,
        moengage_total=moengage_total,
        moengage_pages_when_empty=moengage_pages_when_empty,
        newcomer=_newcomer,
    )
    _orchestrations(account, orchestrations, steps, archetypes or tuple(ARCHETYPES))
    _old_orchestrations(account, old_orchestrations)
    counts = [legacy_campaigns] * apps if isinstance(legacy_campaigns, int) else list(legacy_campaigns)
    for index, count in enumerate(counts):
        name = APP_NAMES[index] if index < len(APP_NAMES) else f"App {index + 1}"
        key = NUMERIC_APP_KEY if index == 1 else f"sandbox-app-key-{index + 1}-{seed}"
        campaigns = [_legacy_campaign(account, index, n, count) for n in range(count)]
        named = groups[index] if index < len(groups) else ()
        account.apps.append(LegacyApp(name, key, campaigns, tuple(_group(account, group) for group in named)))
    parent: str | None = None
    for n in range(moengage_campaigns):
        # Two of five are children of the last campaign before them that is no child.
        made = _moengage_campaign(account, n, moengage_campaigns, parent if n % 5 in (3, 4) else None)
        parent = made.id if not made.is_child else parent
        account.moengage_campaigns.append(made)
    return account
