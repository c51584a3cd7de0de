"""Plays a history: one sync after the other, each from the state that was printed, each compared with the account."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
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
from source_campaign_stats.sync.factory import slices_at_once

from .destination import (
    Audit,
    Campaign,
    Promise,
    Rows,
    Table,
    Violation,
    as_text,
    campaign_of,
    day_of,
    faults_of_state,
    is_but_for_huge_numbers,
    keyed,
    window,
)
from .history import ENDPOINTS, Fault, History, Step
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
# Faults that end a stream even if they come once. A sync has to survive any other fault that comes once.
_OF_ONE = ("batch_stats", "legacy_stats", "legacy_transactional_stats")
_FINAL = {("401", endpoint) for endpoint in ENDPOINTS} | {
    ("403", endpoint) for endpoint in ENDPOINTS if endpoint not in _OF_ONE
}
# True answers that are only written oddly, or come twice: a sync has to survive them, however often they come.
HARMLESS = {
    *("byte_order_mark", "half_pair", "rows_twice", "numbers_as_text", "whole_floats", "total_too_high"),
    *("list_grows", "deleted_while_read"),
}
# Faults that break one campaign or one day, and say nothing about the key, the vendor or the network.
ABOUT_ONE = {
    *("400", "403", "404", "410", "500", "204", "null_rows", "half_json", "not_utf8", "html", "nothing", "null"),
    *("too_large_number", "no_number", "key_missing", "other_type", "error_as_200"),
}
REFUSALS, MOST_REFUSED = {"400", "403", "404", "410"}, 10
MOST_SILENT_SECONDS = 300.0
CAMPAIGNS_BETWEEN_STATES, SECONDS_BETWEEN_STATES = 50, 60.0
# The time from an answer to a printed line.
SLACK_SECONDS = 5.0
SLOWEST = 900.0
# A try that fails takes at most a time-out and the wait after it. Few workers try campaigns one after another.
SECONDS_OF_A_TRY = 65.0
# What the statuses of a stream are, one after the other.
_WAY = re.compile("STARTED( RUNNING)? (COMPLETE|INCOMPLETE)")
_pools: dict[int, dict[str, Any]] = {}


@dataclass
class Played:
    """The result of a history."""

    violations: list[Violation] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    # For each sync the exit code, the number of requests, and a hash of what was asked. A replay gives the same.
    trace: list[tuple[int | None, int, str]] = field(default_factory=list)
    seconds: float = 0.0


def play(history: History) -> Played:
    """Plays a history to its end, or to the first sync that breaks an invariant."""
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
        # The campaigns that an interrupted sync has asked, and whether the account stayed the same since.
        self.done: dict[str, set[Key]] = {stream: set() for stream in self.tables}
        self.is_same: dict[str, bool] = dict.fromkeys(self.tables, True)
        self.chains: dict[str, int] = {}
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
        # Faults are counted later, because one that hits no request is no event.
        self.played.events.update(step.causes - {fault.cause for fault in step.faults})
        days = step.days if number > 1 else 0
        account.today += timedelta(days=days)
        account.horizon = account.today
        if days:
            # The numbers of a day change until the day is over.
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
            if name in ("skip", "skip_token"):
                key = self._nth("batch" if name == "skip" else "batch_legacy", value)
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
        """Moves the dates of an orchestration to long ago although it still runs, as if a person had edited them."""
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
        if self.settings.get("catalog") == "statistics":
            streams = [stream for stream in streams if stream in self.tables]
        last = self.account.today if config["include_today"] else self.account.today - timedelta(days=1)
        windows = {stream: self._window(stream, config, last) for stream in streams if stream in self.tables}
        before = {stream: self._truth(stream, config, last) for stream in streams}
        account_before = (self.account.version, self.account.today)
        faults = self._faults(step, is_last)
        targets = self._targets(windows, before, last)
        weather = Weather(self.account, faults, targets, step.skew, self._days_between(windows, before))
        moment = datetime.combine(self.account.today, time(step.minute // 60, step.minute % 60), self.zone)
        if step.minute >= 1439:
            moment += timedelta(seconds=58)
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None) + timedelta(seconds=step.skew)
        state = {stream: state for stream, state in self.state.items() if stream in streams}
        wanted = {stream: self._asked_for(stream, config, weather) for stream in windows}
        size = self._size()
        whole = sync(config, streams, state, weather.send, moment, digest(self.history.seed, number))
        is_killed = step.kept is not None and not is_last
        printed = whole.until((step.kept or 0) / 100) if is_killed else whole
        after = before
        if (self.account.version, self.account.today) != account_before:
            after = {stream: self._truth(stream, config, last) for stream in streams}
        audits: dict[str, Audit] = {}
        for stream in streams:
            # Rows of campaigns that came or went during the sync do not have to be there.
            owed = {key: row for key, row in before[stream].items() if key in after[stream]}
            visible = {key: row for key, row in owed.items() if not self._is_hidden(stream, key, weather)}
            possible = [before[stream], after[stream]]
            if stream in self.tables:
                self.tables[stream].learn(number, before[stream], after[stream])
                audit = Audit(self.tables[stream], number, visible, windows[stream], wanted[stream])
                audits[stream] = audit
                self._check_statistics(stream, printed, possible, audit, number)
            else:
                self._check_list(stream, printed, possible, visible, number)
        self._check_ending(whole, printed, streams, weather, number)
        self._check_signs_of_life(whole, weather, number, config)
        self._check_counts(whole, streams, number)
        for stream, audit in audits.items():
            self._check_calls(stream, printed, audit, weather, number, is_same=size == self._size())
            if printed.statuses.get(stream) == "INCOMPLETE" and not printed.killed:
                self._check_the_others(stream, audit, weather, number)
            self._note_promises(stream, audit, weather, whole)
            audit.settle(not printed.killed and printed.statuses.get(stream) == "COMPLETE")
        self.state |= printed.states
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
            # A configuration without any vendor reads nothing.
            is_off = settings.get("off") == vendor and len(history.vendors) > 1
            if vendor not in history.vendors or is_off:
                config.pop(vendor, None)
            elif vendor in config:
                config[vendor]["lookback_days"] = settings.get("lookback", lookback)
        if "batch" in config:
            config["batch"]["requests_per_second"] = 1
            if settings.get("skip"):
                config["batch"]["skip_orchestration_ids"] = [settings["skip"]]
        if "batch_legacy" in config and settings.get("skip_token"):
            config["batch_legacy"]["skip_campaign_tokens"] = [settings["skip_token"]]
        if "batch_legacy" in config and self.tokens:
            config["batch_legacy"]["apps"][0]["campaign_tokens"] = self.tokens
        if "moengage" in config and self.named:
            config["moengage"]["campaign_ids"] = self.named
        return config

    def _truth(self, stream: str, config: Mapping[str, Any], last: date) -> Rows:
        return keyed(stream, expected(self.account, stream, self.start, last, config))

    def _window(self, stream: str, config: Mapping[str, Any], last: date) -> tuple[date, date]:
        """The days of a daily sync; for a resumed one, the days since the interrupted one."""
        promise = self.tables[stream].promise
        earliest = self.account.today - timedelta(days=178) if stream == "orchestration_stats" else None
        lookback = config[VENDOR_OF[stream]]["lookback_days"]
        reached = min(promise.under_way[1], last) if promise.under_way else promise.day
        return window(reached, self.start, last, lookback, earliest)

    def _asked_for(self, stream: str, config: Mapping[str, Any], weather: Weather) -> set[Campaign]:
        """The campaigns that are listed and wanted."""
        account = self.account
        if stream == "orchestration_stats":
            skipped = config["batch"].get("skip_orchestration_ids", [])
            found: set[Campaign] = {(o.id,) for o in account.orchestrations if o.id not in skipped}
        elif stream == "legacy_campaign_stats":
            skipped = config["batch_legacy"].get("skip_campaign_tokens", [])
            found = {
                (app.name, c.token)
                for app in account.apps
                for c in app.campaigns
                if not c.dev_only and c.token not in skipped
            }
        elif stream == "legacy_transactional_stats":
            found = {(app.name, group.id) for app in account.apps for group in app.groups}
        else:
            found = {(c.id,) for c in account.moengage_campaigns}
        return {campaign for campaign in found if campaign[-1] not in weather.hidden}

    def _is_hidden(self, stream: str, key: Key, weather: Weather) -> bool:
        return (campaign_of(stream, key)[-1] if stream in self.tables else key[-1]) in weather.hidden

    def _size(self) -> tuple[int, ...]:
        account = self.account
        return len(account.orchestrations), sum(len(app.campaigns) for app in account.apps), account.arrivals

    def _faults(self, step: Step, is_last: bool) -> list[Fault]:
        """The faults of this sync, with those of earlier syncs that last longer; none in the last sync."""
        if is_last:
            return []
        faults = [*step.faults, *(fault for fault, _ in self.lasting)]
        self.lasting = [(fault, left - 1) for fault, left in self.lasting if left > 1]
        self.lasting += [(fault, fault.syncs - 1) for fault in step.faults if fault.syncs > 1]
        return faults

    def _days_between(self, windows: Mapping[str, tuple[date, date]], truth: Mapping[str, Rows]) -> set[str]:
        """The days of MoEngage with rows that lie between other days with rows: an empty answer for them is doubted."""
        stream = "moengage_campaign_stats"
        rows = self._within(stream, truth.get(stream, {}), windows.get(stream))
        days = sorted({day_of(stream, key).isoformat() for key in rows})
        return set(days[1:-1])

    def _targets(
        self, windows: Mapping[str, tuple[date, date]], truth: Mapping[str, Rows], last: date
    ) -> dict[str, list[Key]]:
        has_rows: dict[str, set[Any]] = {"orchestration_stats": set(), "legacy_campaign_stats": set()}
        for stream in has_rows:
            for key in self._within(stream, truth.get(stream, {}), windows.get(stream)):
                has_rows[stream].add(key[0] if stream == "orchestration_stats" else (key[0], key[1]))
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

    def _check_list(self, stream: str, printed: Printed, possible: list[Rows], visible: Rows, number: int) -> None:
        """The records of a list are true; if its status is COMPLETE, none is missing."""
        rows = keyed(stream, printed.records(stream))
        self._check_truth(stream, {}, rows, possible, number)
        missing = [key for key in visible if key not in rows]
        if missing and not printed.killed and printed.statuses.get(stream) == "COMPLETE":
            self._violate("rows missing", stream, f"{len(missing)} of {len(visible)}, e.g. {missing[0]}", number)

    def _check_statistics(self, stream: str, printed: Printed, possible: list[Rows], audit: Audit, number: int) -> None:
        """The records of the stream are true, and each state comes after the rows that it covers."""
        table = self.tables[stream]
        broken: list[tuple[str, str]] = []
        records: dict[Key, Mapping[str, Any]] = {}
        rows: Rows = {}
        for kind, message in self._of_stream(stream, printed):
            if kind == "RECORD":
                ((key, row),) = keyed(stream, [message["data"]]).items()
                true = next((t[key] for t in possible if key in t and t[key] == row), None)
                true = true or next((t[key] for t in possible if key in t), None)
                if true and row != true and is_but_for_huge_numbers(message["data"], true):
                    row = true
                records[key], rows[key], table.rows[key] = message["data"], row, row
                continue
            broken += [("state of another form", detail) for detail in faults_of_state(message)]
            if detail := audit.commit(Promise.of(message)):
                broken.append(("state promises too much", detail))
        self._check_truth(stream, records, rows, possible, number)
        complete = not printed.killed and printed.statuses.get(stream) == "COMPLETE"
        if complete:
            broken = audit.faults() + broken
            if audit.now.day and audit.now.day > max(audit.last, audit.given.day or audit.last):
                broken.append(("state promises too much", f"{audit.now.day}, the last day is {audit.last}"))
        for kind, detail in broken[:1]:
            self._violate(kind, stream, detail, number)

    def _of_stream(self, stream: str, printed: Printed) -> list[tuple[str, dict[str, Any]]]:
        """The records and states of a stream, in their order.

        A destination commits when a state comes. If a sync was killed, the records after its last state are lost.
        """
        found = []
        for message in printed.messages:
            if message["type"] == "RECORD" and message["record"]["stream"] == stream:
                found.append(("RECORD", message["record"]))
            elif message["type"] == "STATE" and message["state"]["stream"]["stream_descriptor"]["name"] == stream:
                found.append(("STATE", message["state"]))
        while printed.killed and found and found[-1][0] == "RECORD":
            found.pop()
        return found

    def _check_truth(
        self, stream: str, records: Mapping[Key, Mapping[str, Any]], rows: Rows, possible: list[Rows], number: int
    ) -> None:
        untrue = [key for key, row in rows.items() if all(row != truth.get(key) for truth in possible)]
        if not untrue:
            return
        key = untrue[0]
        true = possible[-1].get(key)
        shown = as_text(records[key]) if key in records else rows[key]
        detail = f"{len(untrue)}, e.g. {_difference(shown, true) if true else shown.decode()}"
        self._violate("rows untrue" if true else "rows invented", stream, detail, number)

    def _check_ending(
        self,
        whole: Printed,
        printed: Printed,
        streams: list[str],
        weather: Weather,
        number: int,
    ) -> None:
        """Exit code, statuses and messages agree, and the sync ended in time."""
        if whole.endless:
            self._violate("runs for ever", "all", f"{whole.endless} {_often(weather)}", number)
            return
        down = {fault.endpoint for fault in weather.hit_faults if fault.times is None}
        statistics = [stream for stream in streams if stream in self.tables]
        at_once = slices_at_once(self._config()["num_workers"], len(statistics)) if statistics else 1
        of_the_tries = SECONDS_OF_A_TRY * sum(weather.hits.values()) / at_once
        if whole.seconds > SLOWEST + of_the_tries + whole.requests * 1.2 + weather.named_waits:
            self._violate("takes too long", "all", f"{whole.seconds:.0f} s, {whole.requests} requests; {down}", number)
        if whole.requests - sum(weather.hits.values()) > MOST_REQUESTS / 2:
            self._violate("asks too often", "all", _often(weather), number)
        text = b"".join(whole.lines).decode()
        for secret in self._secrets():
            if secret in text:
                self._violate("key printed", "all", secret, number)
        if printed.killed:
            return
        for stream, way in printed.ways.items():
            if stream not in streams or not _WAY.fullmatch(way):
                self._violate("status out of place", stream, way, number)
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
        # A campaign can be asked while its own request waits, to see whether the vendor answers.
        probes = text.count("is asked for once, to see whether the vendor answers")
        if weather.too_early > 2 * probes:
            self._violate("asks before the wait is over", "all", f"{weather.too_early} times", number)
        self._check_patience(printed, incomplete, weather, number)

    def _check_patience(self, printed: Printed, incomplete: list[str], weather: Weather, number: int) -> None:
        """A sync does not fail without a fault, nor because of faults that it has to survive."""
        for stream in incomplete:
            hit = [fault for fault in weather.hit_faults if fault.endpoint in ENDPOINTS_OF[stream]]
            told = " | ".join(message[:300] for name, message in printed.errors if name == stream)
            # What a list hides for a whole sync is for that sync as if it were deleted.
            there = {campaign.token for app in self.account.apps[:1] for campaign in app.campaigns} - weather.hidden
            listed = {campaign.id for campaign in self.account.moengage_campaigns} - weather.hidden
            a_token_is_gone = bool(set(self.tokens) - there)
            is_gone = {
                "legacy_campaigns": a_token_is_gone,
                "legacy_campaign_stats": a_token_is_gone,
                # For MoEngage the sync fails only if none of the named campaigns is left.
                "moengage_campaign_stats": bool(self.named) and not set(self.named) & listed,
            }
            if is_gone.get(stream) or self._was_owed_and_is_deleted(stream, weather):
                # A deleted campaign that the settings name is an error until it is removed from the settings. One that
                # was owed before is owed until the next sync reads the list.
                continue
            passing = (
                all((f.kind, f.endpoint) not in _FINAL and f.times == 1 and f.wait != "too_long" for f in hit)
                and len(hit) <= 1
                and not any(f.everywhere or f.every for f in hit)
            )
            if passing or all(fault.kind in HARMLESS for fault in hit):
                kind = "fails without a reason" if not hit else "does not survive"
                self._violate(kind, stream, f"{[f.in_words() for f in hit]}: {told or self._told(printed)}", number)

    def _was_owed_and_is_deleted(self, stream: str, weather: Weather) -> bool:
        deleted = any(fault.kind == "deleted_while_read" for fault in weather.hit_faults)
        owed = Promise.of(self.state.get(stream)).owed
        return deleted and any(key[:1] == (ENDPOINTS_OF[stream][-1],) and key[1:] in owed for key in weather.hit_keys)

    def _check_the_others(self, stream: str, audit: Audit, weather: Weather, number: int) -> None:
        """If one campaign (for MoEngage a day) always fails, only it is missing: the state moves for all others."""
        hit = [fault for fault in weather.hit_faults if fault.endpoint in ENDPOINTS_OF[stream]]
        endpoint, is_daily = ENDPOINTS_OF[stream][-1], stream == "moengage_campaign_stats"
        # The broken campaigns, as a state names them.
        broken = {key[1:] for key in weather.hit_keys if key[:1] == (endpoint,)}
        is_alone = len(broken) == 1 or (len(broken) < MOST_REFUSED and all(fault.kind in REFUSALS for fault in hit))
        if not hit or not is_alone or any(not _is_of_one(fault, endpoint) for fault in hit):
            return
        if is_daily and (len(broken) > 1 or hit[0].kind in ("403", "400")):
            # These refusals are about the account, or about what every day is asked with.
            return
        owed, words = audit.now.owed, ", ".join(fault.in_words() for fault in hit)
        if len(lost := audit.lost()) > len(broken) and not set(lost) <= set(owed):
            self._violate("takes others along", stream, f"{words}: missing are {', '.join(map(str, lost))}", number)
        elif not is_daily and (audit.now.day != audit.last or audit.now.under_way or not owed):
            detail = f"{words}: date {audit.now.day} of {audit.last}, owed {owed}"
            self._violate("holds back the state", stream, detail, number)
        elif not is_daily and set(owed) - set(audit.given.owed) - broken:
            self._violate("owes what is not missing", stream, f"{words}: {owed}", number)

    def _check_counts(self, whole: Printed, streams: list[str], number: int) -> None:
        """Each state says how many records of its stream came since the state before it: the platform adds them up.

        After the end of a stream nothing new comes. Its last state can be repeated, as a sign of life.
        """
        came: Counter[str] = Counter()
        last: dict[str, Any] = {}
        ended: set[str] = set()
        for message in whole.messages:
            if message["type"] == "RECORD":
                stream = message["record"]["stream"]
                came[stream] += 1
                if stream in ended:
                    self._violate("comes after the end", stream, "a record", number)
            elif message["type"] == "STATE":
                stream = message["state"]["stream"]["stream_descriptor"]["name"]
                counted, state = message["state"]["sourceStats"]["recordCount"], message["state"]["stream"]
                if counted != came[stream]:
                    self._violate("counts other records", stream, f"{counted} for {came[stream]}", number)
                if stream in ended and state != last.get(stream):
                    self._violate("comes after the end", stream, f"{state}"[:300], number)
                came[stream], last[stream] = 0, state
            elif message["type"] == "TRACE":
                status = message["trace"].get("stream_status") or {}
                if status.get("status") in ("COMPLETE", "INCOMPLETE"):
                    ended.add(status["stream_descriptor"]["name"])
        if strangers := (came.keys() | last.keys()) - set(streams):
            self._violate("of a stream that is not read", min(strangers), f"{strangers}", number)
        if left := {stream: count for stream, count in came.items() if count}:
            self._violate("counts no records", next(iter(left)), f"{left} after the last state", number)

    def _check_signs_of_life(self, whole: Printed, weather: Weather, number: int, config: Mapping[str, Any]) -> None:
        """A record or a state comes at least every five minutes, a checkpoint every 50 campaigns or every minute."""
        ended = whole.began + whole.seconds
        signs = [moment for message, moment in whole.timed if message["type"] in ("RECORD", "STATE")]
        for since, until in itertools.pairwise([whole.began, *signs, ended]):
            if until - since > MOST_SILENT_SECONDS + SLACK_SECONDS:
                self._violate(
                    "silent for long", "all", f"{until - since:.0f} s, from {since - whole.began:.0f} s on", number
                )
                break
        for stream in ("orchestration_stats", "legacy_campaign_stats"):
            states = [t for m, t in whole.timed if m["type"] == "STATE" and _is_of(stream, m["state"]["stream"])]
            done = next(
                (
                    moment
                    for message, moment in whole.timed
                    if message["type"] == "TRACE"
                    and (status := message["trace"].get("stream_status"))
                    and _is_of(stream, status)
                    and status["status"] in ("COMPLETE", "INCOMPLETE")
                ),
                ended,
            )
            endpoint = ENDPOINTS_OF[stream][-1]
            times = Counter(key for _, key in weather.answered)
            # A campaign that was answered twice is left out: it was also asked to see whether the vendor answers.
            answered = [t for t, key in weather.answered if key[0] == endpoint and times[key] == 1 and t < done]
            for since, until in itertools.pairwise([whole.began, *states, done]):
                between = [moment for moment in answered if since < moment < until - SLACK_SECONDS / 10]
                is_late = between and until - between[0] > SECONDS_BETWEEN_STATES + SLACK_SECONDS
                if is_late or len(between) > CAMPAIGNS_BETWEEN_STATES + config["num_workers"]:
                    detail = f"{len(between)} campaigns were answered in {until - since:.0f} s without a state"
                    self._violate("no checkpoint", stream, detail, number)
                    break

    def _check_calls(
        self, stream: str, printed: Printed, audit: Audit, weather: Weather, number: int, is_same: bool
    ) -> None:
        """No campaign is asked again without need, and a campaign that is owed costs at most three calls."""
        endpoint = ENDPOINTS_OF[stream][-1]
        if stream == "moengage_campaign_stats":
            return
        hit = [fault for fault in weather.hit_faults if fault.endpoint in ENDPOINTS_OF[stream]]
        # Keys name a campaign as requests do, `owed` as states do; the last part is the same.
        asked = {key: times for key, times in weather.asked.items() if key[0] == endpoint}
        answered = Counter(key for _, key in weather.answered if key[0] == endpoint)
        # A group takes one request per 178 days.
        most = -(-(self.account.today - self.start).days // 178) if endpoint == "legacy_transactional_stats" else 1
        if not hit and (often := [key for key, times in answered.items() if times > most]):
            self._violate("asks twice", stream, f"{len(often)} of {len(asked)}, e.g. {often[0]}", number)
        # Two apps can have campaigns of one token.
        owed = {key for key in asked for campaign in audit.given.owed if key[-len(campaign) :] == campaign}
        if costly := [key for key in asked if key in owed and asked[key] > 3 and not _is_limit(hit)]:
            self._violate("costs too much", stream, f"{costly[0]} is owed and asked {asked[costly[0]]} times", number)
        if audit.given.under_way and audit.given.under_way[1] == audit.last and not hit:
            again = [key for key in asked if key in self.done[stream] and key[-1] not in owed]
            if len(again) > (0 if is_same and self.is_same[stream] else 3):
                self._violate("asks again", stream, f"{len(again)} of {len(asked)}, e.g. {again[0]}", number)
        # Campaigns that were answered before the last state that arrived must not be asked again.
        states = [t for m, t in printed.timed if m["type"] == "STATE" and _is_of(stream, m["state"]["stream"])]
        if audit.now.under_way is None:
            self.done[stream] = set()
        elif states and audit.now != audit.given:
            self.done[stream] |= {
                key for moment, key in weather.answered if key[0] == endpoint and moment < states[-1] - SLACK_SECONDS
            }
        self.is_same[stream] = is_same and not hit

    def _told(self, printed: Printed) -> str:
        return " | ".join(f"{name}: {message[:200]}" for name, message in printed.errors)

    def _secrets(self) -> list[str]:
        account = self.account
        return [
            *(account.batch_rest_key, account.legacy_rest_key, account.moengage_key),
            *(app.key for app in account.apps),
        ]

    def _note_promises(self, stream: str, audit: Audit, weather: Weather, whole: Printed) -> None:
        """Counts the events that only states show: a resumed sync, a campaign that is owed or is no longer owed."""
        given, now, events = audit.given, audit.now, self.played.events
        chain = self.chains[stream] = self.chains.get(stream, 0) + 1 if given.under_way else 0
        happened = {
            "goes on": chain == 1,
            "goes on again": chain > 1,
            "goes on the next day": bool(given.under_way)
            and given.under_way is not None
            and given.under_way[1] < audit.last,
            "owed": bool(now.owed.keys() - given.owed.keys()),
            "still owed": bool(now.owed.keys() & given.owed.keys()) and now != given,
            "owed no more": bool(given.owed) and not now.owed,
            "a stream ends": whole.statuses.get(stream) == "INCOMPLETE" and not now.is_past(given),
        }
        events.update(name for name, there in happened.items() if there)

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
            outcome = "success" if printed.exit_code == 0 else f"failed, {failed if failed < 3 else 'many'} incomplete"
        played.outcomes[outcome] += 1
        asked = sorted((str(key), times) for key, times in weather.asked.items())
        played.trace.append((printed.exit_code, printed.requests, f"{digest(asked, outcome):x}"))


def _is_of(stream: str, told: Mapping[str, Any]) -> bool:
    """Whether a state or a status is one of this stream."""
    return bool(told["stream_descriptor"]["name"] == stream)


def _is_of_one(fault: Fault, endpoint: str) -> bool:
    """Whether a fault breaks single campaigns or days for good."""
    is_for_good = fault.times is None and not fault.everywhere
    return fault.endpoint == endpoint and fault.kind in ABOUT_ONE and is_for_good


def _is_limit(faults: list[Fault]) -> bool:
    return any(fault.kind == "429" for fault in faults)


def _difference(row: bytes, true: bytes) -> str:
    """The columns of a row that differ from the truth, in words."""
    try:
        here, there = json.loads(row), json.loads(true)
    except ValueError:
        return f"{row.decode()} for {true.decode()}"
    names = [name for name in here | there if as_text({"": here.get(name)}) != as_text({"": there.get(name)})]
    shown = ", ".join(f"{name} {here.get(name)!r} for {there.get(name)!r}" for name in names)
    return f"{shown} in {row.decode()}"


def _often(weather: Weather) -> str:
    return ", ".join(f"{key} {times} times" for key, times in weather.asked.most_common(3))


def account_of(history: History) -> Account:
    """The account of a history on its first day. It already has some numbers of today."""
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
        # A second app has one group with a name that the first app has too, or none.
        groups=(GROUPS[: history.groups], GROUPS[: history.groups - 2] if history.groups > 2 else ()),
        legacy_campaigns=history.legacy_campaigns,
        moengage_campaigns=history.moengage_campaigns,
        moengage_total=history.moengage_total,
        moengage_pages_when_empty=history.moengage_pages_when_empty,
    )
    # The pools are shared by all histories with this seed, because making them takes longer than a sync.
    account.__dict__["_pools"] = _pools.setdefault(account.seed, {})
    for app in account.apps:
        model = app.campaigns[0] if app.campaigns else None
        for n in range(history.legacy_in_dev_mode if model else 0):
            assert model
            token = f"{n:08x}{digest(app.key, n):016x}".ljust(32, "0")
            item = {**model.item, "campaign_token": token, "dev_only": True, "live": n % 3 != 0, "name": f"dev {n}"}
            app.campaigns.append(dataclasses.replace(model, token=token, item=item, span=None, versions=()))
    if history.without_dates:
        _forget_dates(account, history.without_dates)
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


def _forget_dates(account: Account, every: int) -> None:
    """Removes `created_date` from every n-th campaign, n being `every`."""
    for n, made in enumerate(account.orchestrations):
        if n % every == 0:
            item = {name: value for name, value in made.item.items() if name != "created_date"}
            account.orchestrations[n] = dataclasses.replace(made, item=item)
    for app in account.apps:
        for n, campaign in enumerate(app.campaigns):
            if n % every == 0:
                item = {name: value for name, value in campaign.item.items() if name != "created_date"}
                app.campaigns[n] = dataclasses.replace(campaign, item=item)
