"""The connector on a machine with another clock: `python altered_clock.py [--day D] [--speed N] read --config …`.

`--day 2026-11-22` sets the date; `--speed 20` makes waits, time-outs and budgets run 20 times as fast. With both, only
waits and time-outs are faster.
"""

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator

import requests

# The time-outs are shortened by no more than this: an answer takes its real time, and longer on a busy machine.
_FASTEST_ANSWERS = 20


@contextlib.contextmanager
def faster(speed: float) -> Iterator[None]:
    """Clocks that run `speed` times as fast. Has to begin before any module takes a reference to the real ones."""
    sleep = time.sleep

    def fast(clock: Callable[[], float]) -> Callable[[], float]:
        began = clock()
        return lambda: began + (clock() - began) * speed

    time.sleep = lambda seconds: sleep(seconds / speed)
    time.monotonic, time.time = fast(time.monotonic), fast(time.time)
    send = requests.adapters.HTTPAdapter.send

    def send_with_shorter_timeout(self, request, timeout=None, **options):  # type: ignore[no-untyped-def]
        shorter = timeout and tuple(part / min(speed, _FASTEST_ANSWERS) for part in timeout)
        return send(self, request, timeout=shorter, **options)

    requests.adapters.HTTPAdapter.send = send_with_shorter_timeout  # type: ignore[method-assign]
    yield


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--day")
    parser.add_argument("--speed", type=float)
    ours, arguments = parser.parse_known_args()
    with contextlib.ExitStack() as stack:
        if ours.speed:
            stack.enter_context(faster(ours.speed))
        # Imported after the clocks are faster, because the CDK takes references to them, and before the date changes,
        # because some of its libraries can't handle the classes of a frozen clock.
        import source_campaign_stats.process.commands  # noqa: F401
        from source_campaign_stats.http import error_handler
        from source_campaign_stats.run import run

        # Otherwise a slow request on a busy machine would count as hanging.
        error_handler._SECONDS_ON_THE_WAY *= max(1, ours.speed or 1)
        if ours.day:
            from freezegun import freeze_time

            stack.enter_context(freeze_time(ours.day, tick=True))
        run(arguments)
