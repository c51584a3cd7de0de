"""The connector on a machine whose clock shows another day: `python on_day.py 2026-11-22 read --config …`."""

import sys

from freezegun import freeze_time

from source_campaign_stats.run import run

if __name__ == "__main__":
    with freeze_time(sys.argv[1], tick=True):
        run(sys.argv[2:])
