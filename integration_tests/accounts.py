"""Accounts of three sizes with two years of history, for tests and benchmarks that count calls or compare sizes."""

from dataclasses import dataclass

from integration_tests.sandbox import Account, Limits, make_account

DAYS = 730
# The connector's clock runs faster than the sandbox's, so the sandbox must not limit the calls.
ROOMY = Limits(
    batch_per_second=10**9,
    legacy_per_minute=10**9,
    moengage_per_minute=10**9,
    moengage_list_per_second=10**9,
    moengage_list_per_minute=10**9,
)
# Of 20 orchestrations 13 are one-shots, spread over the two years, so most of them are old. The others last for some
# time or still run.
_USUAL = (
    *("one_shot_push", "one_shot_email", "one_shot_push", "one_shot_sms", "one_shot_push"),
    *("recurring_running", "trigger_running", "one_shot_email", "one_shot_tested", "draft"),
    *("one_shot_push", "one_shot_email", "trigger_ended", "recurring_ended", "one_shot_push"),
    *("in_app_ended", "one_shot_universal", "one_shot_stopped", "trigger_ended_too", "one_shot_web"),
)


@dataclass(frozen=True)
class Size:
    """How many campaigns an account has; `legacy_campaigns` for each app, together half of the orchestrations."""

    orchestrations: int
    legacy_campaigns: tuple[int, ...]
    moengage_campaigns: int


SIZES = {
    "small": Size(60, (30,), 20),
    "medium": Size(1_000, (250, 250), 200),
    "large": Size(10_000, (1_000,) * 5, 1_000),
}


def account_of(name: str) -> Account:
    """The account of a size: `small`, `medium` or `large`.

    Every campaign has a row on each day on which it can have one, so the numbers of calls do not depend on the date.
    """
    size = SIZES[name]
    return make_account(
        seed=13,
        days=DAYS,
        density=1.0,
        orchestrations=size.orchestrations,
        archetypes=_USUAL,
        steps=1,
        apps=len(size.legacy_campaigns),
        legacy_campaigns=size.legacy_campaigns,
        groups=(),
        moengage_campaigns=size.moengage_campaigns,
    )
