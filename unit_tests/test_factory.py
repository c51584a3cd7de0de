"""How the workers are shared among the vendors."""

import pytest

from source_campaign_stats.sync.factory import slices_at_once


@pytest.mark.parametrize(
    ("workers", "vendors", "expected"),
    [(20, 3, 5), (20, 2, 9), (20, 1, 10), (2, 1, 1), (2, 3, 1), (40, 3, 12), (40, 1, 20)],
)
def test_each_vendor_has_a_share_of_the_workers_and_one_more_that_hands_out_slices(
    workers: int, vendors: int, expected: int
) -> None:
    assert slices_at_once(workers, vendors) == expected
