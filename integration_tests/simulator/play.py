"""Plays a history: sync after sync through the state that was really printed, each held against the account."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from integration_tests.sandbox import Account, Sandbox, make_account
from integration_tests.sandbox.generate import ARCHETYPES
from integration_tests.sandbox.seeded import digest
from integration_tests.sandbox.truth import expected

from .destination import Rows, Table, Violation, campaign_of, day_of, keyed, window
from .history import Fault, History, Step
from .syncing import MOST_REQUESTS, Printed, sync
from .weather import Key, Weather, delete, targets_of

STREAMS = {
    "batch": ("orchestrations", "orchestration_stats"),
    "batch_legacy": ("legacy_campaigns", "legacy_campaign_stats", "legacy_transactional_stats"),
    "moengage": ("moengage_campaigns", "moengage_campaign_stats"),
}
VENDOR_OF = {stream: vendor for vendor, streams in STREAMS.items() for stream in streams}
ENDPOINTS_OF = {
    "orchestrations": ("batch_list",),
    "orchestration_stats": ("batch_list", "batch_stats"),
    "legacy_campaigns": ("legacy_list",),
    "legacy_campaign_stats": ("legacy_list", "legacy_stats"),
    "legacy_transactional_stats": ("legacy_transactional_stats",),
    "moengage_campaigns": ("moengage_campaigns",),
    "moengage_campaign_stats": ("moengage_stats",),
}
DAYS_OF_DATA = 14
GROUPS = ("welcome", "order/confirm é", "1e5")
# What passes by itself: a sync has to live with one of them.
PASSING = {
    *("408", "425", "429", "500", "502", "503", "504", "reset", "no_answer", "no_connection", "cut_body", "slow"),
    *("html", "nothing", "null", "other_type", "key_missing", "half_json", "not_utf8", "error_as_200"),
    *("byte_order_mark", "null_rows", "no_way_on", "goes_round", "half_pair", "rows_twice", "list_grows"),
    *("numbers_as_text", "whole_floats", "total_too_high"),
}
# About one campaign or one day, and not about the key, the vendor or the way there.
ABOUT_ONE = {"400", "404", "410", "500", "204", "null_rows", "half_json", "too_large_number", "html", "nothing"}
SLOWEST = 900.0
_pools: dict[int, dict[str, Any]] = {}


@dataclass
class Played:
    """What came of a history."""

    violations: list[Violation] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    # What was asked how often, and how the sync ended, one of each sync: a replay gives the same.
    trace: list[tuple[int | None, int, str]] = field(default_factory=list)
    seconds: float = 0.0


def play(history: History) -> Played:
    """Plays it to its end, or to the first sync that breaks an invariant."""
    return _Play(history).run()


class _Play:
    def __init__(self, history: History) -> None:
        self.history = history
        self.account = account_of(history)
        self.start = date.fromisoformat(history.today) - timedelta(days=history.start_days)
        self.zone = ZoneInfo(history.timezone)
        self.tables = {stream: Table(stream) for stream in ENDPOINTS_OF if stream.endswith("_stats")}
        self.state: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, Any] = {}
        self.lasting: list[tuple[Fault, int]] = []
        self.played = Played()
        first_app = [c.token for app in self.account.apps[:1] for c in app.campaigns if not c.dev_only]
        self.tokens = first_app[: history.named_tokens]
        self.named = [c.id for c in self.account.moengage_campaigns[: history.named_campaigns]]

    def run(self) -> Played:
        steps = [*self.history.steps, Step(days=1)]
        for number, step in enumerate(steps, 1):
            self._pass_time(step, number)
            self._sync(step, number, is_last=number == len(steps))
            if self.played.violations:
                break
        return self.played

    # --- between two syncs ------------------------------------------------------------------------------

    def _pass_time(self, step: Step, number: int) -> None:
        account, was = self.account, self.account.today
        self.played.events.update(step.causes)
        days = step.days if number > 1 else 0
        account.today += timedelta(days=days)
        account.horizon = account.today
        if days:
            # The day that was not over has other numbers when it is.
            account.restate(was, was, 1.0)
        account.version += 1
        if step.newcomers:
            account.grow(with_rows=True)
        if step.restated:
            account.restate(account.today - timedelta(days=step.restated), account.today, 0.5, step.new_days)
        for vendor, n in step.deleted:
            if key := self._nth(vendor, n):
                delete(account, key)
        for n in step.edited:
            self._run_outside_dates(n)
        for name, value in step.settings:
            if name == "skip":
                key = self._nth("batch", value)
                value = key[-1] if key else None
            self.settings[name] = value

    def _nth(self, vendor: str, n: int) -> Key | None:
        account = self.account
        keys: list[Key] = {
            "batch": [("", o.id) for o in account.orchestrations],
            "batch_legacy": [("", app.name, c.token) for app in account.apps for c in app.campaigns],
            "moengage": [("", c.id) for c in account.moengage_campaigns],
        }[vendor]
        return keys[n % len(keys)] if keys else None

    def _run_outside_dates(self, n: int) -> None:
        """Somebody edits the dates of an orchestration that runs on."""
        account = self.account
        if not account.orchestrations:
            return
        n %= len(account.orchestrations)
        long_ago = account.today - timedelta(days=300)
        found = account.orchestrations[n]
        item = {**found.item, "start_time": f"{long_ago}T10:00:00Z", "end_time": f"{long_ago}T12:00:00Z"}
        span = dataclasses.replace(found.span, first=account.first_day, last=date.max) if found.span else None
        account.orchestrations[n] = dataclasses.replace(found, item=item, fixed_status="running", span=span)
        account.version += 1

    # --- a sync -----------------------------------------------------------------------------------------

    def _sync(self, step: Step, number: int, is_last: bool) -> None:
        config = self._config()
        vendors = [vendor for vendor in STREAMS if vendor in config]
        streams = [stream for vendor in vendors for stream in STREAMS[vendor]]
        if not self.history.groups and "legacy_transactional_stats" in streams:
            streams.remove("legacy_transactional_stats")
        last = self.account.today if config["include_today"] else self.account.today - timedelta(days=1)
        windows = {stream: self._window(stream, config, last) for stream in streams if stream in self.tables}
        before = {stream: self._truth(stream, config, last) for stream in streams}
        faults = self._faults(step, is_last, windows, before)
        targets = self._targets(windows, before, last)
        weather = Weather(self.account, faults, targets, step.skew, self._days_between(windows, before))
        moment = datetime.combine(self.account.today, time(step.minute // 60, step.minute % 60), self.zone)
        if step.minute >= 1439:
            moment += timedelta(seconds=58)
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None) + timedelta(seconds=step.skew)
        state = {stream: state for stream, state in self.state.items() if stream in streams}
        printed = sync(config, streams, state, weather.send, moment, digest(self.history.seed, number))
        whole = printed
        if step.kept is not None and not is_last:
            printed = printed.until(step.kept / 100)
        after = {stream: self._truth(stream, config, last) for stream in streams}
        for stream in streams:
            # What came or went while it was read is owed to nobody.
            owed = {key: row for key, row in before[stream].items() if key in after[stream]}
            possible = [before[stream], after[stream]]
            self._check_stream(stream, printed, owed, possible, windows.get(stream), weather, number)
        self.state |= printed.states
        self._check_ending(whole, printed, streams, weather, number, is_last, windows, before)
        self._note(printed, weather)

    def _config(self) -> dict[str, Any]:
        history = self.history
        settings = {**self.settings}
        config = Sandbox(self.account).config(
            self.start,
            timezone=history.timezone,
            num_workers=settings.get("workers", history.workers),
            include_today=settings.get("include_today", history.include_today),
        )
        names = ("batch", "batch_legacy", "moengage")
        for vendor, lookback in zip(names, history.lookback, strict=True):
            if vendor not in history.vendors or settings.get("off") == vendor:
                config.pop(vendor, None)
            elif vendor in config:
                config[vendor]["lookback_days"] = settings.get("lookback", lookback)
        if "batch" in config:
            config["batch"]["requests_per_second"] = 1
            if settings.get("skip"):
                config["batch"]["skip_orchestration_ids"] = [settings["skip"]]
        if "batch_legacy" in config and self.tokens:
            config["batch_legacy"]["apps"][0]["campaign_tokens"] = self.tokens
        if "moengage" in config and self.named:
            config["moengage"]["campaign_ids"] = self.named
        return config

    def _truth(self, stream: str, config: Mapping[str, Any], last: date) -> Rows:
        return keyed(stream, expected(self.account, stream, self.start, last, config))

    def _window(self, stream: str, config: Mapping[str, Any], last: date) -> tuple[date, date]:
        promised = (self.state.get(stream, {}).get("stream", {}).get("stream_state") or {}).get("date")
        earliest = self.account.today - timedelta(days=178) if stream == "orchestration_stats" else None
        lookback = config[VENDOR_OF[stream]]["lookback_days"]
        return window(date.fromisoformat(promised) if promised else None, self.start, last, lookback, earliest)

    def _faults(
        self, step: Step, is_last: bool, windows: Mapping[str, tuple[date, date]], truth: Mapping[str, Rows]
    ) -> list[Fault]:
        """The faults of this sync and those of earlier ones that go on; none in the last sync."""
        if is_last:
            return []
        faults = [*step.faults, *(fault for fault, _ in self.lasting)]
        self.lasting = [(fault, left - 1) for fault, left in self.lasting if left > 1]
        self.lasting += [(fault, fault.syncs - 1) for fault in step.faults if fault.syncs > 1]
        return faults

    def _days_between(self, windows: Mapping[str, tuple[date, date]], truth: Mapping[str, Rows]) -> set[str]:
        """The days of MoEngage that have rows and lie between others that have: nobody believes those are empty."""
        stream = "moengage_campaign_stats"
        rows = self._within(stream, truth.get(stream, {}), windows.get(stream))
        days = sorted({day_of(stream, key).isoformat() for key in rows})
        return set(days[1:-1])

    def _targets(
        self, windows: Mapping[str, tuple[date, date]], truth: Mapping[str, Rows], last: date
    ) -> dict[str, list[Key]]:
        has_rows: dict[str, set[Any]] = {"orchestration_stats": set(), "legacy_campaign_stats": set()}
        for stream in has_rows:
            names = {app.name for app in self.account.apps}
            for key in self._within(stream, truth.get(stream, {}), windows.get(stream)):
                has_rows[stream].add(key[0] if stream == "orchestration_stats" else (key[0], key[1]))
            assert not names or stream != "legacy_campaign_stats" or all(key[0] in names for key in has_rows[stream])
        days = windows.get("moengage_campaign_stats", (last, last))
        return targets_of(self.account, has_rows, days, self.named)

    @staticmethod
    def _within(stream: str, rows: Rows, days: tuple[date, date] | None) -> Rows:
        if days is None:
            return {}
        return {key: row for key, row in rows.items() if days[0] <= day_of(stream, key) <= days[1]}

    # --- the invariants ---------------------------------------------------------------------------------

    def _violate(self, kind: str, stream: str, detail: str, number: int) -> None:
        self.played.violations.append(Violation(kind, stream, detail, number))

    def _check_stream(
        self,
        stream: str,
        printed: Printed,
        owed: Rows,
        possible: list[Rows],
        days: tuple[date, date] | None,
        weather: Weather,
        number: int,
    ) -> None:
        """What the stream printed is true; if it says that it is complete, nothing is missing."""
        rows = keyed(stream, printed.records(stream))
        untrue = [key for key, row in rows.items() if all(row != truth.get(key) for truth in possible)]
        if untrue:
            key = untrue[0]
            true = possible[-1].get(key)
            self._violate(
                "rows untrue" if true else "rows invented",
                stream,
                f"{len(untrue)}, e.g. {rows[key].decode()} for {true.decode() if true else 'nothing'}",
                number,
            )
        visible = owed
        if weather.hidden:
            is_list = stream not in self.tables
            visible = {
                key: row
                for key, row in owed.items()
                if (key[-1] if is_list else campaign_of(stream, key)) not in weather.hidden
            }
        complete = not printed.killed and printed.statuses.get(stream) == "COMPLETE"
        if stream not in self.tables:
            missing = [key for key in visible if key not in rows]
            if complete and missing:
                self._violate("rows missing", stream, f"{len(missing)} of {len(visible)}, e.g. {missing[0]}", number)
            return
        table = self.tables[stream]
        table.upsert(rows)
        asked = self._within(stream, visible, days)
        if not complete:
            table.owe(asked)
            return
        for kind, detail in table.faults(asked, visible):
            self._violate(kind, stream, detail, number)
        table.pending.clear()
        promised = (printed.states.get(stream, {}).get("stream", {}).get("stream_state") or {}).get("date")
        if promised and days and date.fromisoformat(promised) > max(days[1], self._promised(stream) or days[1]):
            self._violate("state promises too much", stream, f"{promised}, the last day is {days[1]}", number)

    def _promised(self, stream: str) -> date | None:
        promised = (self.state.get(stream, {}).get("stream", {}).get("stream_state") or {}).get("date")
        return date.fromisoformat(promised) if promised else None

    def _check_ending(
        self,
        whole: Printed,
        printed: Printed,
        streams: list[str],
        weather: Weather,
        number: int,
        is_last: bool,
        windows: Mapping[str, tuple[date, date]],
        truth: Mapping[str, Rows],
    ) -> None:
        """The code, the statuses and the messages say the same, and the sync came to an end in time."""
        if whole.endless:
            self._violate("runs for ever", "all", f"{whole.endless} {_often(weather)}", number)
            return
        down = {fault.endpoint for fault in weather.hit_faults if fault.times is None}
        if whole.seconds > SLOWEST + whole.requests * 1.2 + weather.named_waits:
            self._violate("takes too long", "all", f"{whole.seconds:.0f} s, {whole.requests} requests; {down}", number)
        if whole.requests > MOST_REQUESTS / 2:
            self._violate("asks too often", "all", _often(weather), number)
        text = b"".join(whole.lines).decode()
        for secret in self._secrets():
            if secret in text:
                self._violate("key printed", "all", secret, number)
        if printed.killed:
            return
        incomplete = [stream for stream in streams if printed.statuses.get(stream) != "COMPLETE"]
        for stream in streams:
            if printed.statuses.get(stream) not in ("COMPLETE", "INCOMPLETE"):
                self._violate("no status", stream, f"{printed.statuses.get(stream)} {self._told(printed)}", number)
        if (printed.exit_code == 0) != (not incomplete):
            self._violate("code and statuses differ", "all", f"{printed.exit_code}, {printed.statuses}", number)
        for stream in incomplete:
            told = [
                message for name, message in printed.errors if name == stream or (name is None and stream in message)
            ]
            if not any(message.strip() for message in told):
                self._violate("no message", stream, self._told(printed), number)
        for name, message in printed.errors:
            if "unexpected " in message or "Traceback" in message:
                self._violate("message nobody understands", name or "all", message[:300], number)
        self._check_patience(printed, incomplete, weather, number, is_last)
        for stream in incomplete:
            if stream in self.tables:
                self._check_the_others(stream, weather, number, windows, truth)

    def _check_patience(
        self, printed: Printed, incomplete: list[str], weather: Weather, number: int, is_last: bool
    ) -> None:
        """What passes, and what is not there, makes no sync fail."""
        for stream in incomplete:
            hit = [fault for fault in weather.hit_faults if fault.endpoint in ENDPOINTS_OF[stream]]
            told = " | ".join(message[:300] for name, message in printed.errors if name == stream)
            there = {campaign.token for app in self.account.apps[:1] for campaign in app.campaigns}
            if stream == "legacy_campaign_stats" and set(self.tokens) - there:
                # A campaign that a person named and that was deleted is told until that person removes it.
                continue
            passing = (
                all(fault.kind in PASSING and fault.times == 1 and fault.wait != "too_long" for fault in hit)
                and len(hit) <= 1
            )
            if passing:
                kind = "fails without a reason" if not hit else "does not survive"
                self._violate(kind, stream, f"{[f.in_words() for f in hit]}: {told or self._told(printed)}", number)

    def _check_the_others(
        self,
        stream: str,
        weather: Weather,
        number: int,
        windows: Mapping[str, tuple[date, date]],
        truth: Mapping[str, Rows],
    ) -> None:
        """A campaign (for MoEngage a day) that breaks for good is missing alone."""
        hit = [fault for fault in weather.hit_faults if fault.endpoint in ENDPOINTS_OF[stream]]
        if len(hit) != 1:
            return
        fault = hit[0]
        alone = fault.kind in ABOUT_ONE and fault.times is None and not fault.everywhere
        if (
            not alone
            or not fault.endpoint.endswith("_stats")
            or (fault.kind == "400" and stream.startswith("moengage"))
        ):
            return
        asked = self._within(stream, truth[stream], windows[stream])
        lost = [key for key in asked if self.tables[stream].rows.get(key) != asked[key]]
        groups = {key[0] if stream == "moengage_campaign_stats" else key[:-1] for key in lost}
        if len(groups) > 1:
            self._violate("takes others along", stream, f"{fault.in_words()}: missing are {len(groups)}", number)

    def _told(self, printed: Printed) -> str:
        return " | ".join(f"{name}: {message[:200]}" for name, message in printed.errors)

    def _secrets(self) -> list[str]:
        account = self.account
        return [
            *(account.batch_rest_key, account.legacy_rest_key, account.moengage_key),
            *(app.key for app in account.apps),
        ]

    def _note(self, printed: Printed, weather: Weather) -> None:
        played = self.played
        played.seconds += printed.seconds
        played.events.update(weather.hits)
        if weather.over_limit:
            played.outcomes["over a vendor's limit"] += weather.over_limit
        failed = sum(status != "COMPLETE" for status in printed.statuses.values())
        if printed.killed:
            outcome = "killed"
        elif printed.endless:
            outcome = "without an end"
        else:
            outcome = "success" if printed.exit_code == 0 else f"failed, {failed} streams incomplete"
        played.outcomes[outcome] += 1
        asked = sorted((str(key), times) for key, times in weather.asked.items())
        played.trace.append((printed.exit_code, printed.requests, f"{digest(asked, outcome):x}"))


def _often(weather: Weather) -> str:
    return ", ".join(f"{key} {times} times" for key, times in weather.asked.most_common(3))


def account_of(history: History) -> Account:
    """The account of a history on its first day; today's numbers are not whole yet."""
    today = date.fromisoformat(history.today)
    names = [name for name in ARCHETYPES if name not in ("draft",)]
    first = history.first_archetype % len(names)
    chosen = [*names[first:], *names[:first]]
    account = make_account(
        seed=history.seed % 8,
        today=today,
        horizon=today,
        days=DAYS_OF_DATA,
        density=history.density / 100,
        orchestrations=history.orchestrations,
        archetypes=chosen,
        old_orchestrations=history.old_orchestrations,
        steps=1,
        apps=history.apps,
        # A second app has one group of the same name, or none.
        groups=(GROUPS[: history.groups], GROUPS[: history.groups - 2] if history.groups > 2 else ()),
        legacy_campaigns=history.legacy_campaigns,
        moengage_campaigns=history.moengage_campaigns,
        moengage_total=history.moengage_total,
        moengage_pages_when_empty=history.moengage_pages_when_empty,
    )
    # Making them takes longer than a sync.
    account.__dict__["_pools"] = _pools.setdefault(account.seed, {})
    for app in account.apps:
        model = app.campaigns[0] if app.campaigns else None
        for n in range(history.legacy_in_dev_mode if model else 0):
            assert model
            token = f"{n:08x}{digest(app.key, n):016x}".ljust(32, "0")
            item = {**model.item, "campaign_token": token, "dev_only": True, "live": n % 3 != 0, "name": f"dev {n}"}
            app.campaigns.append(dataclasses.replace(model, token=token, item=item, span=None, versions=()))
    if account.orchestrations:
        first_one = account.orchestrations[0]
        named = {**first_one.item, "name": "Half a pair �"}
        account.orchestrations[0] = dataclasses.replace(first_one, item=named)
    for app in account.apps[:1]:
        for n, campaign in enumerate(app.campaigns[:1]):
            app.campaigns[n] = dataclasses.replace(campaign, item={**campaign.item, "name": "Half a pair �"})
    for n, made in enumerate(account.moengage_campaigns[:1]):
        item = {**made.item, "campaign_name": "Half a pair �"}
        account.moengage_campaigns[n] = dataclasses.replace(made, item=item)
    return account
