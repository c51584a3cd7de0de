"""What `make mutants` makes of mutmut's names, diffs and numbers."""

import pytest

from unit_tests.mutants import Mutant, accepted_in, complaints, mutant_of, sample_of

DIFF = """--- a/days.py
+++ b/days.py
@@ -30,3 +30,3 @@
 def window(today: date) -> Window:
     first = today
-    last = first - ONE_DAY
+    last = first + ONE_DAY
"""
MUTANT = Mutant("sync.days.window", "last = first - ONE_DAY", "last = first + ONE_DAY")
OTHER = Mutant("sync.days.window", "first = today", "first = None")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("source_campaign_stats.sync.days.x_window__mutmut_12", "sync.days.window"),
        ("source_campaign_stats.sync.days.x__x_window__mutmut_1", "sync.days._x_window"),
        ("source_campaign_stats.http.waiting.xǁVendorWaitǁ_seconds__mutmut_17", "http.waiting.VendorWait._seconds"),
    ],
)
def test_a_mutant_is_known_by_its_function_and_the_changed_line(name: str, function: str) -> None:
    assert mutant_of(name, DIFF) == Mutant(function, MUTANT.was, MUTANT.becomes)


def test_accepted_mutants_stand_in_groups_with_a_reason() -> None:
    entries = [{"in": mutant.function, "was": mutant.was, "becomes": mutant.becomes} for mutant in (MUTANT, OTHER)]

    assert accepted_in([{"reason": "the same", "mutants": entries}]) == {MUTANT: "the same", OTHER: "the same"}
    with pytest.raises(ValueError, match="no reason"):
        accepted_in([{"mutants": entries}])


@pytest.mark.parametrize("whole", [True, False])
def test_a_mutant_that_lives_and_is_not_accepted_is_reported(whole: bool) -> None:
    (told,) = complaints([MUTANT, OTHER], 100, {OTHER: "the same"}, whole=whole)

    assert str(MUTANT) in told


def test_an_accepted_mutant_that_lives_is_not_reported() -> None:
    assert complaints([MUTANT], 10, {MUTANT: "the same"}, whole=True) == []


def test_an_entry_that_no_mutant_needs_is_reported_only_after_a_whole_run() -> None:
    (told,) = complaints([], 10, {MUTANT: "the same"}, whole=True)

    assert str(MUTANT) in told
    assert complaints([], 10, {MUTANT: "the same"}, whole=False) == []


def test_too_few_dead_mutants_are_reported_even_if_all_others_are_accepted() -> None:
    (told,) = complaints([MUTANT, OTHER], 10, {MUTANT: "the same", OTHER: "the same"}, whole=True)

    assert "Of 10 mutants 80.0% die" in told


def test_a_sample_is_the_same_each_time_and_comes_from_everywhere() -> None:
    names = [f"module_{number // 100}.{number}" for number in range(1000)]

    assert sample_of(names, 40) == sample_of(reversed(names), 40)
    assert len({name.partition(".")[0] for name in sample_of(names, 40)}) > 5
