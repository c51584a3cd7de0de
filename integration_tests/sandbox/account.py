"""The data behind the three APIs: which campaigns exist, on which days they have numbers, and which numbers.

No row is stored. A row is computed from the seed, its key, its day and its revision, so the rows of a big account take
no more memory than those of a small one. The answers and the truth are both made from this data.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from .seeded import Block, Pool, chance, days_between, digest, months_before

Platforms = list[tuple[str, Block]]
Change = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Span:
    """The days on which a campaign can have numbers. On the days in `edges` it always has some."""

    first: date
    last: date
    edges: frozenset[date] = frozenset()

    @classmethod
    def of(cls, first: date, last: date) -> Span:
        """Make a span whose two ends both have numbers."""
        return cls(first, last, frozenset((first, last)))


@dataclass(frozen=True)
class Orchestration:
    """A Batch CEP orchestration: `item` is what the list answers, without the status."""

    id: str
    archetype: str
    item: dict[str, Any]
    span: Span | None
    fixed_status: str | None
    ends_on: date | None
    metrics: str
    platforms: tuple[str, ...] = ()
    versions: tuple[str | None, ...] = ()
    steps: tuple[str, ...] = ()
    array_platforms: bool = False
    nested_array_platforms: bool = False
    newest_day_first: bool = False

    def status(self, today: date) -> str:
        """Return the status that the list shows on a day."""
        if self.fixed_status:
            return self.fixed_status
        return "completed" if self.ends_on and self.ends_on < today else "running"

    def listed(self, today: date) -> dict[str, Any]:
        """Return the item of the list as it is on a day."""
        return {**self.item, "status": self.status(today)}


@dataclass(frozen=True)
class OrchestrationDay:
    """One day of an orchestration, before an API or a stream gives it a shape."""

    day: date
    metrics: Block
    platforms: Platforms
    versions: list[tuple[str | None, Block, Platforms]]
    steps: list[tuple[str, Block, Platforms]]


@dataclass(frozen=True)
class LegacyCampaign:
    """A campaign of a Batch MEP app: `item` is what the list answers."""

    token: str
    item: dict[str, Any]
    span: Span | None
    versions: tuple[str, ...] = ()

    @property
    def dev_only(self) -> bool:
        """Whether it was sent in dev mode, and so has no statistics."""
        return bool(self.item["dev_only"])


@dataclass(frozen=True)
class TransactionalGroup:
    """A group of transactional messages. Its id is a text that a developer chose, and no API lists it."""

    id: str
    span: Span | None


@dataclass
class LegacyApp:
    """An app of the Batch MEP account. `campaigns` are newest first; `key` is the Live key; `dev_key` is refused."""

    name: str
    key: str
    campaigns: list[LegacyCampaign] = field(default_factory=list)
    groups: tuple[TransactionalGroup, ...] = ()

    @property
    def dev_key(self) -> str:
        """The key of its development version."""
        return f"DEV{digest(self.key):016X}"


@dataclass(frozen=True)
class LegacyDay:
    """One day of a legacy campaign."""

    day: date
    metrics: Block
    versions: list[tuple[str, Block]]


Leaf = tuple[str, str, str]


@dataclass(frozen=True)
class MoEngageCampaign:
    """A MoEngage campaign: `item` is what the meta endpoint answers, `leaves` are (platform, locale, variation).

    Each leaf has numbers. In the answer the leaves are spread over `elements` items of the campaign's list.
    """

    id: str
    item: dict[str, Any]
    span: Span | None
    channel: str
    leaves: tuple[Leaf, ...] = ()
    goals: tuple[str, ...] = ()
    archived: bool = False
    empty_platform: bool = False
    elements: int = 1

    @property
    def is_child(self) -> bool:
        """Whether it is listed only when children are asked for."""
        return "parent_campaign_id" in self.item


@dataclass(frozen=True)
class LeafStats:
    """The numbers of one leaf; a control group has no performance."""

    performance: Block | None
    goals: list[tuple[str, Block]]
    funnel: Block
    failures: list[tuple[str, int]]


@dataclass(frozen=True)
class Restatement:
    """A change of past numbers by the vendors: a `fraction` of the rows of these days."""

    number: int
    first_day: date
    last_day: date
    fraction: float
    add_rows: bool


@dataclass
class Account:
    """One customer's data with all three vendors. `make_account` fills it."""

    seed: int
    today: date
    horizon: date
    days: int
    density: float
    batch_rest_key: str
    project_key: str
    legacy_rest_key: str
    workspace_id: str
    moengage_key: str
    data_center: str
    moengage_stats_enabled: bool = True
    moengage_total: str = "found"
    moengage_pages_when_empty: int = 0
    orchestrations: list[Orchestration] = field(default_factory=list)
    apps: list[LegacyApp] = field(default_factory=list)
    moengage_campaigns: list[MoEngageCampaign] = field(default_factory=list)
    restatements: list[Restatement] = field(default_factory=list)
    edges: list[tuple[str, str, date]] = field(default_factory=list)
    arrivals: int = 0
    version: int = 0
    first_day: date = field(init=False)
    newcomer: Callable[[Account, int, bool], None] | None = field(default=None, repr=False)

    # --- days -------------------------------------------------------------------------------------------

    def __post_init__(self) -> None:
        # Fixed here, because a later horizon adds days at the end and must not drop the first ones.
        self.first_day = self.horizon - timedelta(days=self.days - 1)

    @property
    def batch_floor(self) -> date:
        """The earliest `from` that Batch CEP accepts."""
        return months_before(self.today, 6)

    def days_of(self, key: str, span: Span | None, first: date, last: date) -> Iterator[date]:
        """Yield the days of a window on which a key has numbers."""
        if span is None:
            return
        first, last = max(first, span.first, self.first_day), min(last, span.last, self.horizon)
        for day in days_between(first, last):
            if self._has_row(key, span, day):
                yield day

    def _has_row(self, key: str, span: Span, day: date) -> bool:
        if day in span.edges or chance(self.density, self.seed, key, day, "active"):
            return True
        return any(r.add_rows and self._is_touched(r, key, day) for r in self.restatements)

    def _is_touched(self, restatement: Restatement, key: str, day: date) -> bool:
        return restatement.first_day <= day <= restatement.last_day and chance(
            restatement.fraction, self.seed, key, day, "restated", restatement.number
        )

    def revision(self, key: str, day: date) -> int:
        """Return how often the row was restated."""
        return sum(self._is_touched(r, key, day) for r in self.restatements)

    # --- rows -------------------------------------------------------------------------------------------

    def _pool(self, name: str, make: Callable[[random.Random], Block]) -> Pool:
        pools: dict[str, Pool] = self.__dict__.setdefault("_pools", {})
        if name not in pools:
            pools[name] = Pool(make, self.seed, name)
        return pools[name]

    def orchestration_days(self, o: Orchestration, first: date, last: date) -> Iterator[OrchestrationDay]:
        """Yield the days of an orchestration that have numbers, oldest first."""
        whole = self._pool(f"batch-{o.metrics}", lambda rng: batch_block(rng, o.metrics, WHOLE))
        part = self._pool(f"batch-{o.metrics}-part", lambda rng: batch_block(rng, o.metrics, PART))
        platform = self._pool(f"batch-{o.metrics}-platform", lambda rng: platform_block(rng, o.metrics, PART))
        inner = self._pool(f"batch-{o.metrics}-inner", lambda rng: platform_block(rng, o.metrics, PART_OF_A_PART))
        more = self._pool("batch-undocumented", lambda rng: undocumented_block(rng, "batch"))
        for day in self.days_of(o.id, o.span, first, last):
            base, revision = digest(self.seed, o.id, day), self.revision(o.id, day)

            def split(pool: Pool, n: int, base: int = base, revision: int = revision) -> Platforms:
                start = n * len(o.platforms)
                return [(name, pool.block(base, revision, start + k)) for k, name in enumerate(o.platforms)]

            versions = [(v, part.block(base, revision, 501 + n), split(inner, 1 + n)) for n, v in enumerate(o.versions)]
            steps = [(s, part.block(base, revision, 701 + n), split(inner, 9 + n)) for n, s in enumerate(o.steps)]
            metrics = {**whole.block(base, revision), **more.block(base, revision)}
            yield OrchestrationDay(day, metrics, split(platform, 0), versions, steps)

    def legacy_days(
        self, app: LegacyApp, campaign: LegacyCampaign, first: date | None = None, last: date | None = None
    ) -> Iterator[LegacyDay]:
        """Yield the days of a legacy campaign, oldest first. The API gives all days; only the truth has a window."""
        tested = self._pool("legacy-ab", lambda rng: legacy_block(rng, WHOLE, optins=False))
        plain = self._pool("legacy", lambda rng: legacy_block(rng, WHOLE))
        version = self._pool("legacy-version", lambda rng: legacy_block(rng, PART, errors=False))
        more = self._pool("legacy-undocumented", lambda rng: undocumented_block(rng, "legacy"))
        key = f"{app.key}/{campaign.token}"
        for day in self.days_of(key, campaign.span, first or date.min, last or date.max):
            base, revision = digest(self.seed, key, day), self.revision(key, day)
            yield LegacyDay(
                day,
                {**(tested if campaign.versions else plain).block(base, revision), **more.block(base, revision)},
                [(name, version.block(base, revision, n)) for n, name in enumerate(campaign.versions)],
            )

    def transactional_days(
        self, app: LegacyApp, group: TransactionalGroup, first: date, last: date
    ) -> Iterator[tuple[date, Block]]:
        """Yield the days of a group of transactional messages, oldest first, with their numbers."""
        numbers = self._pool("transactional", lambda rng: legacy_block(rng, WHOLE, optins=False))
        more = self._pool("transactional-undocumented", lambda rng: undocumented_block(rng, "transactional"))
        key = transactional_key(app, group)
        for day in self.days_of(key, group.span, first, last):
            base, revision = digest(self.seed, key, day), self.revision(key, day)
            yield day, {**numbers.block(base, revision), **more.block(base, revision)}

    def moengage_days(self, campaign: MoEngageCampaign, first: date, last: date) -> Iterator[date]:
        """Yield the days of a MoEngage campaign that have numbers, oldest first."""
        return self.days_of(campaign.id, campaign.span, first, last)

    def leaf_stats(
        self, campaign: MoEngageCampaign, leaf: Leaf, day: date, attribution_type: str, metric_type: str
    ) -> LeafStats:
        """Return one leaf's numbers of one day; they depend on how conversions and metrics are counted."""
        base = digest(self.seed, campaign.id, leaf, day, metric_type)
        revision = self.revision(campaign.id, day)
        channel, control = campaign.channel, leaf[2].endswith("_control_group")
        sizes = size_of(leaf, campaign.leaves)
        performance = self._pool(f"moengage-{channel}-{sizes}", lambda rng: performance_block(rng, channel, sizes))
        more = self._pool("moengage-undocumented", lambda rng: undocumented_block(rng, "moengage"))
        funnel = self._pool(f"funnel-{channel}", lambda rng: funnel_block(rng, channel))
        small = self._pool("funnel-control", lambda rng: {"reachable_users_in_segment": rng.randrange(10**6)})
        goal = self._pool(f"goal-{sizes}", lambda rng: goal_block(rng, sizes))
        goals_base = digest(base, attribution_type)
        return LeafStats(
            None if control else {**performance.block(base, revision), **more.block(base, revision)},
            # The vendor's page also shows a name inside the goal, so every second goal has one.
            [
                (name, {**({"goal_name": name} if n % 2 else {}), **goal.block(goals_base, revision, n)})
                for n, name in enumerate(campaign.goals)
            ],
            (small if control else funnel).block(base, revision),
            self._failures(leaf[2], base, revision),
        )

    def _failures(self, variation: str, base: int, revision: int) -> list[tuple[str, int]]:
        if variation.endswith("_control_group"):
            # The vendor's own spelling.
            reason = variation.replace("campaign", "campaing")
            return [(f"user_removed_due_to_{reason}", base % 977 + revision)]
        count = base % (len(FAILURE_REASONS) + 1)
        return [(reason, base % (97 + n) + revision) for n, reason in enumerate(FAILURE_REASONS[:count])]

    # --- change -----------------------------------------------------------------------------------------

    def restate(self, first_day: date, last_day: date, fraction: float = 0.3, add_rows: bool = False) -> list[Change]:
        """Change past numbers, and with `add_rows` fill days without rows; returns (stream, key) of each row."""
        number = len(self.restatements) + 1
        self.restatements.append(Restatement(number, first_day, last_day, fraction, add_rows))
        self.version += 1
        return list(self._changes(self.restatements[-1]))

    def _changes(self, made: Restatement) -> Iterator[Change]:
        window = (made.first_day, made.last_day)
        for o in self.orchestrations:
            for day in self.days_of(o.id, o.span, *window):
                if self._is_touched(made, o.id, day):
                    yield "orchestration_stats", (o.id, day.isoformat())
        for app in self.apps:
            for legacy in app.campaigns:
                key = f"{app.key}/{legacy.token}"
                for day in self.days_of(key, legacy.span, *window):
                    if self._is_touched(made, key, day):
                        yield "legacy_campaign_stats", (app.name, legacy.token, day.isoformat())
            for group in app.groups:
                key = transactional_key(app, group)
                for day in self.days_of(key, group.span, *window):
                    if self._is_touched(made, key, day):
                        yield "legacy_transactional_stats", (app.name, group.id, day.isoformat())
        for campaign in self.moengage_campaigns:
            for day in self.moengage_days(campaign, *window):
                if self._is_touched(made, campaign.id, day):
                    for leaf in campaign.leaves:
                        yield "moengage_campaign_stats", (day.isoformat(), campaign.id, *leaf)

    def add_day(self, n: int = 1, newcomers: bool = True) -> None:
        """Let n more days pass; with `newcomers` each vendor gets a new campaign on each of them."""
        for _ in range(n):
            self.horizon += timedelta(days=1)
            self.today = max(self.today, self.horizon + timedelta(days=1))
            if newcomers:
                self.grow(with_rows=True)
        self.version += 1

    def grow(self, with_rows: bool = False) -> None:
        """Put one new orchestration, legacy campaign and MoEngage campaign at the front of the lists."""
        self.arrivals += 1
        self.version += 1
        if self.newcomer:
            self.newcomer(self, self.arrivals, with_rows)


def transactional_key(app: LegacyApp, group: TransactionalGroup) -> str:
    """The key from which the numbers of a group are computed."""
    return f"{app.key}/transactional/{group.id}"


# --- metric blocks --------------------------------------------------------------------------------------

FAILURE_REASONS = (
    "DeviceTokenNotForTopic",
    "Frequency capping (7 days, 3 messages)",
    "user_removed_due_to_dnd",
    'Template error: "{{ user.name }}" is undefined',
    "Opérateur injoignable – réessayer",
)

# Metrics that no page of the vendor names; a new version of the API could add them. Some have the name of a column that
# the connector adds, and some have values that are not numbers.
UNDOCUMENTED: dict[str, tuple[str, ...]] = {
    "batch": (
        "unique_view",
        "adjusted_open",
        "project_key",
        "orchestration_id",
        "platforms",
        "other_metrics",
        "in_total",
    ),
    "legacy": ("quick_open", "adjusted_open", "app", "campaign_token", "platform", "other_metrics"),
    "transactional": ("quick_open", "sent_optins", "app", "group_id", "versions", "other_metrics"),
    "moengage": (
        *("adjusted_open", "unique_view", "workspace_id", "date", "campaign_id", "platform", "locale", "variation"),
        *("in_total", "attribution_type", "metric_type", "other_metrics", "delivery_funnel"),
    ),
}


def undocumented_block(rng: random.Random, vendor: str) -> Block:
    """Make the metrics of one row that no page of the vendor names; most rows have none."""
    if rng.random() < 0.85:
        return {}
    values = (rng.randrange(10**4), rng.random() * 100, None, "12 %", True, {"by_hour": {"9": 3, "10": None}}, [1, {}])
    return {name: rng.choice(values) for name in rng.sample(UNDOCUMENTED[vendor], rng.randint(1, 3))}


_CONVERSIONS = ("unique_conversion", "total_conversion", "total_revenue", "revenue_per_mille")
BATCH_METRICS: dict[str, tuple[str, ...]] = {
    "push": (
        *("sent", "delivered", "sent_optin", "unique_open", "unique_direct_open", "total_open"),
        *("unique_click", "total_click", "total_bounce", "skipped"),
        *(*_CONVERSIONS, "dismissed", "displayed"),
    ),
    "email": (
        *("sent", "delivered", "unique_open", "total_open", "unique_machine_open", "unique_click"),
        *("total_click", "spam", "unsubscribe", "total_bounce", "skipped", *_CONVERSIONS),
    ),
    "sms": (
        *("sent", "delivered", "unique_click", "total_click", "unsubscribe", "total_bounce"),
        *("skipped", *_CONVERSIONS),
    ),
    "in_app": ("delivered", "unique_click", "total_click", "dismissed"),
    "universal": (
        *("sent", "delivered", "sent_optin", "unique_open", "unique_direct_open", "total_open"),
        *("unique_machine_open", "unique_click", "total_click", "spam", "unsubscribe", "total_bounce"),
        *("skipped", *_CONVERSIONS, "dismissed", "displayed"),
    ),
}
_NOT_PER_PLATFORM = {"spam", "unsubscribe", "skipped", "dismissed", "displayed"}

Sizes = tuple[int, int]

# How many messages a row stands for, at least and at most. A row does not know its parts, so parts are made so small
# that their sum is never more than the whole: there are up to three platforms or steps, and up to four versions.
WHOLE: Sizes = (30_000, 80_000)
PART: Sizes = (1_000, 7_500)
PART_OF_A_PART: Sizes = (50, 300)

# Each metric is a share of another one: of the first named one that the channel has, else of all messages of the row.
# The two numbers are the least and the largest share.
_SHARES: dict[str, tuple[tuple[str, ...], float, float]] = {
    # Batch
    "delivered": (("sent",), 0.9, 0.97),
    "sent_optin": (("sent",), 0.5, 0.9),
    "unique_open": (("delivered",), 0.1, 0.5),
    "unique_direct_open": (("unique_open",), 0.5, 0.95),
    "total_open": (("unique_open",), 1.0, 1.6),
    "unique_machine_open": (("delivered",), 0.05, 0.4),
    "unique_click": (("delivered",), 0.01, 0.08),
    "total_click": (("unique_click",), 1.0, 1.5),
    "spam": (("delivered",), 0.0, 0.002),
    "unsubscribe": (("delivered",), 0.0, 0.005),
    "total_bounce": (("sent",), 0.0, 0.03),
    "skipped": (("sent",), 0.0, 0.05),
    "unique_conversion": (("unique_click",), 0.05, 0.4),
    "total_conversion": (("unique_conversion",), 1.0, 1.3),
    "dismissed": (("delivered",), 0.05, 0.3),
    "displayed": (("total_click",), 0.3, 0.9),
    # MoEngage
    "sent": (("attempted",), 0.95, 0.99),
    "failed": (("attempted",), 0.0, 0.01),
    "impression": (("sent",), 0.8, 0.99),
    "bounced": (("sent",), 0.0, 0.02),
    "opened": (("delivered",), 0.1, 0.5),
    "read": (("delivered",), 0.3, 0.9),
    "click": (("delivered", "impression"), 0.01, 0.08),
    "closed_click": (("impression",), 0.1, 0.4),
    "complaint": (("delivered",), 0.0, 0.001),
    "hard_bounce": (("bounced",), 0.0, 0.5),
    "soft_bounce": (("bounced",), 0.0, 0.5),
    "eligible_users": (("attempted",), 1.0, 1.3),
    "successfully_synced": (("attempted",), 0.9, 0.99),
}


def _count(rng: random.Random, name: str, block: Block, messages: int) -> int:
    of, low, high = _SHARES.get(name, ((), 1.0, 1.0))
    return int(next((block[other] for other in of if other in block), messages) * rng.uniform(low, high))


def batch_block(rng: random.Random, metrics: str, sizes: Sizes, without: Collection[str] = ()) -> Block:
    """Make one block of Batch CEP metrics as that channel has them."""
    block: Block = {}
    messages = rng.randint(*sizes)
    for name in BATCH_METRICS[metrics]:
        if name in without:
            continue
        if name == "total_revenue":
            # Whole amounts have no decimal point, as in the vendor's example.
            revenue = block["total_conversion"] * rng.uniform(10, 90)
            block[name] = rng.choice((int(revenue), revenue, round(revenue, 2)))
        elif name == "revenue_per_mille":
            block[name] = round(block["total_revenue"] / max(block["total_conversion"], 1) * 1000, 2)
        else:
            block[name] = _count(rng, name, block, messages)
    if rng.random() < 0.03:
        block["unique_view"] = 5
    if rng.random() < 0.04:
        block[rng.choice([name for name in block if name not in ("sent", "delivered")])] = None
    return block


def platform_block(rng: random.Random, metrics: str, sizes: Sizes) -> Block:
    """Make the block of one platform, which has fewer metrics."""
    return batch_block(rng, metrics, sizes, () if metrics == "in_app" else _NOT_PER_PLATFORM)


LEGACY_METRICS = ("sent", "sent_optins", "direct_open", "influenced_open", "reengaged", "errors")
TRANSACTIONAL_METRICS = ("sent", "direct_open", "influenced_open", "reengaged", "errors")


def legacy_block(rng: random.Random, sizes: Sizes, optins: bool = True, errors: bool = True) -> Block:
    """Make one block of legacy metrics."""
    sent = rng.randint(*sizes)
    block = {"sent": sent}
    if optins:
        block["sent_optins"] = int(sent * rng.random())
    block["direct_open"] = int(sent * rng.uniform(0.1, 0.2))
    block["influenced_open"] = int(sent * rng.uniform(0.1, 0.2))
    block["reengaged"] = rng.randrange(60)
    if errors:
        block["errors"] = rng.randrange(20)
    return block


_RATES = {
    *("ctr", "delivery_rate", "read_rate", "sent_rate", "failure_rate", "open_rate", "ctor", "unsub_rate"),
    *("bounce_rate", "complaints_rate"),
}
PERFORMANCE: dict[str, tuple[str, ...]] = {
    "PUSH": (
        *("attempted", "sent", "failed", "impression", "click", "eligible_users"),
        *("ctr", "delivery_rate", "sent_rate", "failure_rate"),
    ),
    "EMAIL": (
        *("attempted", "sent", "failed", "bounced", "delivered", "opened", "click", "unsubscribe"),
        *("complaint", "hard_bounce", "soft_bounce", "open_rate", "ctor", "ctr"),
        *("unsub_rate", "bounce_rate", "complaints_rate", "delivery_rate"),
    ),
    "WHATSAPP": ("attempted", "sent", "failed", "delivered", "read", "click", "read_rate", "delivery_rate"),
    "INAPP": ("impression", "click", "closed_click", "ctr"),
    "AUDIENCE": ("attempted", "successfully_synced", "failed"),
}
FUNNEL: dict[str, tuple[str, ...]] = {
    "PUSH": (
        *("reachable_users_in_segment", "segment_after_uninstall", "after_fc", "users_after_dup", "sent"),
        *("user_devices", "impressions", "active_device_token", "after_invalid_removal"),
    ),
    "EMAIL": (
        *("total_user_in_segment", "user_with_email", "user_with_email_after__h_b"),
        *("user_after_duplicate_removal", "after_personalization_removal", "sent", "delivered"),
    ),
    "WHATSAPP": ("reachable_users_in_segment", "after_fc", "sent", "delivered"),
    "INAPP": ("reachable_users_in_segment", "impressions"),
    "AUDIENCE": ("total_user_in_segment",),
}


# The values that mean the total in a dimension, the preferred one first.
NAMES_OF_TOTALS = (("ALL_PLATFORMS",), ("ALL_LOCALES", "ALL_LOCALE"), ("ALL_VARIATIONS",))


def rank(leaf: Leaf, level: int) -> int:
    """Return the position of the leaf's value among the names of totals; a part gets the position after all of them."""
    names = NAMES_OF_TOTALS[level]
    return next((rank for rank, name in enumerate(names) if leaf[level].upper() == name), len(names))


def counts_once(leaf: Leaf, rivals: Iterable[Leaf]) -> bool:
    """Return whether a leaf has `in_total`; `rivals` are the leaves of its campaign and day that have numbers."""
    rivals = list(rivals)
    for level in range(len(NAMES_OF_TOTALS)):
        if rank(leaf, level) != min(rank(rival, level) for rival in rivals):
            return False
        rivals = [rival for rival in rivals if rival[: level + 1] == leaf[: level + 1]]
    return True


@functools.cache
def size_of(leaf: Leaf, leaves: tuple[Leaf, ...]) -> Sizes:
    """Return the size of a leaf: whole if it counts, small if it is a part, smallest if it is a part of a part."""
    if counts_once(leaf, leaves):
        return WHOLE
    parts = sum(rank(leaf, level) == len(names) for level, names in enumerate(NAMES_OF_TOTALS))
    return PART if parts < 2 else PART_OF_A_PART


def performance_block(rng: random.Random, channel: str, sizes: Sizes) -> Block:
    """Make one block of MoEngage performance metrics as that channel has them; a few blocks have no number."""
    if rng.random() < 0.06:
        return rng.choice(({}, dict.fromkeys(PERFORMANCE[channel])))
    block: Block = {}
    messages = rng.randint(*sizes)
    for name in PERFORMANCE[channel]:
        if name in _RATES:
            block[name] = rng.choice((rng.randint(0, 100), rng.random() * 100, round(rng.random() * 100, 2)))
        else:
            block[name] = _count(rng, name, block, messages)
    return block


def funnel_block(rng: random.Random, channel: str) -> Block:
    """Make one block of MoEngage's delivery funnel."""
    left, block = rng.randint(50, 10**6), {}
    for name in FUNNEL[channel]:
        block[name] = left
        left = int(left * rng.uniform(0.7, 1.0))
    return block


def goal_block(rng: random.Random, sizes: Sizes) -> Block:
    """Make one goal's numbers, some with revenue. The goals of a row together have fewer conversions than messages."""
    conversions = rng.randint(0, sizes[0] // 50)
    block: Block = {
        "conversions": conversions,
        "cvr": round(rng.random() * 40, 4),
        "uplift": rng.choice((0, round(rng.uniform(-50, 80), 2))),
    }
    if rng.random() < 0.5:
        block |= {
            "total": conversions,
            "unique": int(conversions * rng.uniform(0.5, 1.0)),
            "revenue": conversions * rng.uniform(10, 90),
            "average_order_value": round(rng.random() * 200, 2),
            "average_revenue_per_user": rng.random() * 9,
            "gcg_uplift": round(rng.uniform(-9, 9), 3),
        }
    return block
