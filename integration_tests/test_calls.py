"""A sync makes as few calls as the vendors' documents allow, and the numbers in docs/performance.md are right."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import pages
from benchmarks.calls import VENDORS, Sync, daily_sync, first_sync, windows_of
from integration_tests.accounts import ROOMY, account_of
from integration_tests.sandbox import Account, Sandbox, make_account

SIZES = ("small", "medium")


@pytest.fixture(scope="module", params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def sandbox(size: str) -> Iterator[Sandbox]:
    with Sandbox(account_of(size), ROOMY) as made:
        yield made


@pytest.fixture(scope="module")
def syncs(size: str, sandbox: Sandbox) -> list[Sync]:
    first = first_sync(size, sandbox)
    return [first, daily_sync(first, sandbox)]


def test_no_vendor_is_asked_more_than_the_goal_allows(syncs: list[Sync]) -> None:
    too_many = {
        (sync.kind, vendor): (sync.calls(sync.made, vendor), sync.calls(sync.least, vendor))
        for sync in syncs
        for vendor in VENDORS
        if not sync.is_within_goal(vendor)
    }

    assert not too_many, f"calls made and the least: {too_many}"


def test_each_list_is_read_once_although_two_streams_need_it(syncs: list[Sync]) -> None:
    for sync in syncs:
        for endpoint in ("batch_list", "legacy_list", "moengage_campaigns"):
            assert sync.made[endpoint] == sync.least[endpoint], f"calls of {endpoint} in the {sync.kind} sync"


def test_the_page_has_the_numbers_of_this_run(syncs: list[Sync]) -> None:
    on_page = pages.get("calls").splitlines()

    for sync in syncs:
        # `least`, because on a busy machine requests can time out and be sent again. Another test limits how many.
        for row in replace(sync, made=sync.least).rows():
            assert f"| {' | '.join(row)} |" in on_page


def test_these_calls_bring_as_many_rows_as_the_truth_has(sandbox: Sandbox, syncs: list[Sync]) -> None:
    batch, moengage = windows_of(sandbox.account, None)
    first = syncs[0]

    for stream, days in (("orchestration_stats", batch), ("moengage_campaign_stats", moengage)):
        assert first.records[stream] == len(sandbox.expected(stream, days.first, days.last))


QUIET = {
    "without a campaign": {"days": 12, "orchestrations": 0, "legacy_campaigns": 0, "moengage_campaigns": 0},
    "with days without rows": {"days": 60, "orchestrations": 8, "legacy_campaigns": 3, "moengage_campaigns": 2},
    "with full pages": {"days": 8, "orchestrations": 100, "legacy_campaigns": 100, "moengage_campaigns": 15},
}


@pytest.mark.parametrize("account", QUIET.values(), ids=QUIET.keys())
def test_only_answers_in_doubt_are_asked_for_again(account: Mapping[str, Any]) -> None:
    made: Account = make_account(seed=4, density=0.2, **account)

    with Sandbox(made, ROOMY) as sandbox:
        sync = first_sync("quiet", sandbox)

    assert sync.made == sync.least
