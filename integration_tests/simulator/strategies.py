"""The Hypothesis strategies that make histories from the bytes of a seed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from .history import ENDPOINTS, KINDS, LIES, WAITS, Fault, History, Step, fits

# Among them ends of months and years, changes to and from summer time, and a leap day.
DAYS = ("2026-03-10", "2026-03-29", "2026-08-31", "2026-10-25", "2027-01-01", "2028-02-29", "2026-07-01", "2026-12-31")
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Pacific/Auckland", "Asia/Kolkata")
# A skewed clock near midnight would show another day, which no answer can reveal: see `skew` below.
MINUTES = (300, 0, 5, 719, 1200, 1439)
_PAIRS = [(endpoint, kind) for kind in KINDS for endpoint in ENDPOINTS if fits(kind, endpoint)]


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """A fault. All kinds are equally frequent; the endpoint is one at which the kind can happen."""
    kind = draw(st.sampled_from(KINDS))
    endpoint = draw(st.sampled_from([e for e, k in _PAIRS if k == kind]))
    is_lie = kind in LIES
    return Fault(
        endpoint=endpoint,
        kind=kind,
        target=draw(st.integers(0, 11)),
        first=draw(st.integers(0, 2)) if draw(st.booleans()) else 0,
        times=1 if is_lie else draw(st.sampled_from((1, 1, 2, 4, None, None))),
        everywhere=False if is_lie else draw(st.integers(0, 3)) == 3,
        wait=draw(st.sampled_from(WAITS)) if kind in ("429", "503") else "nothing",
        syncs=1 if is_lie else draw(st.sampled_from((1, 1, 1, 2, 9))),
        every=0 if is_lie else draw(st.sampled_from((0, 0, 0, 0, 0, 2, 3))),
    )


_SETTINGS = st.one_of(
    st.tuples(st.just("lookback"), st.sampled_from((0, 1, 5))),
    st.tuples(st.just("workers"), st.sampled_from((2, 3, 40))),
    st.tuples(st.just("include_today"), st.booleans()),
    st.tuples(st.just("skip"), st.integers(0, 3)),
    st.tuples(st.just("skip_token"), st.integers(0, 3)),
    st.tuples(st.just("catalog"), st.sampled_from(("all", "statistics"))),
    st.tuples(st.just("off"), st.sampled_from(("", "batch", "batch_legacy", "moengage"))),
)


@st.composite
def steps(draw: st.DrawFn, one_killed_in: int) -> Step:
    """A sync and what happens before it. Most events are rare."""

    def sometimes(strategy: st.SearchStrategy[Any], default: Any, one_in: int = 4) -> Any:
        return draw(strategy) if draw(st.integers(0, one_in - 1)) == one_in - 1 else default

    minute = sometimes(st.sampled_from(MINUTES), 300)
    restated = sometimes(st.integers(1, 4), 0, 3)
    return Step(
        days=sometimes(st.sampled_from((0, 2, 5)), 1),
        minute=minute,
        skew=sometimes(st.sampled_from((-90, 90, 1500, -1500)), 0, 8) if minute in (300, 719, 1200) else 0,
        restated=restated,
        new_days=bool(restated) and draw(st.booleans()),
        newcomers=sometimes(st.just(True), False),
        deleted=sometimes(
            st.tuples(st.tuples(st.sampled_from(("batch", "batch_legacy", "moengage")), st.integers(0, 9))), (), 6
        ),
        edited=sometimes(st.tuples(st.integers(0, 9)), (), 8),
        settings=sometimes(st.tuples(_SETTINGS), (), 6),
        faults=tuple(draw(st.lists(faults(), max_size=3))),
        kept=sometimes(st.integers(0, 99), None, one_killed_in),
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A history of one to four syncs, without the fault-free one at the end."""
    offset = draw(st.integers(0, 40))
    # In histories with many kills the syncs are long.
    is_deadly = draw(st.integers(0, 9)) == 9
    many = (70, 60) if is_deadly else (0, 0)
    return History(
        seed=draw(st.integers(0, 3)),
        today=str(date.fromisoformat(draw(st.sampled_from(DAYS))) + timedelta(days=offset if offset > 20 else 0)),
        timezone=draw(st.sampled_from(ZONES)),
        start_days=draw(st.sampled_from((3, 1, 2, 6, 10, 200))),
        density=draw(st.sampled_from((100, 70, 30))),
        orchestrations=max(draw(st.integers(0, 5)), many[1]),
        old_orchestrations=draw(st.sampled_from((0, 0, 0, 0, 96, 100, 205))),
        first_archetype=draw(st.integers(0, 29)),
        apps=draw(st.integers(1, 2)),
        legacy_campaigns=max(draw(st.integers(0, 4)), many[0]),
        groups=draw(st.sampled_from((0, 0, 1, 3))),
        legacy_in_dev_mode=draw(st.sampled_from((0, 0, 0, 0, 100, 150))),
        moengage_campaigns=draw(st.sampled_from((1, 0, 3, 8, 10, 11, 15, 16, 23))),
        without_dates=draw(st.sampled_from((0, 0, 0, 1, 3))),
        moengage_total=draw(st.sampled_from(("found", "asked"))),
        moengage_pages_when_empty=draw(st.integers(0, 1)),
        named_campaigns=draw(st.sampled_from((0, 0, 0, 1, 4, 10, 12))),
        named_tokens=draw(st.sampled_from((0, 0, 0, 1, 2))),
        lookback=draw(st.tuples(*[st.sampled_from((2, 0, 1, 4))] * 3)),
        workers=draw(st.sampled_from((8, 2, 20))),
        include_today=draw(st.integers(0, 4)) == 4,
        steps=tuple(draw(st.lists(steps(2 if is_deadly else 10), min_size=1, max_size=4))),
    )
