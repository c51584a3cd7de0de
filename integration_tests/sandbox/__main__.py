"""Starts the sandbox with a demo account and serves until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import tempfile
import threading
from pathlib import Path

from . import Limits, Sandbox, make_account


def main() -> None:
    """Run the sandbox from the command line."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.sandbox", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=int, default=60, help="days that have numbers, up to yesterday")
    parser.add_argument("--orchestrations", type=int, default=30)
    parser.add_argument("--legacy-campaigns", type=int, default=8, help="per app")
    parser.add_argument("--moengage-campaigns", type=int, default=14)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--strict", action="store_true", help="the vendors' own rate limits")
    parser.add_argument("--config", type=Path, help="where to write the configuration")
    options = parser.parse_args()
    account = make_account(
        seed=options.seed,
        days=options.days,
        orchestrations=options.orchestrations,
        legacy_campaigns=options.legacy_campaigns,
        moengage_campaigns=options.moengage_campaigns,
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    limits = Limits(strict=options.strict)
    serving = Sandbox(account, limits, latency=options.latency, port=options.port)
    with serving as sandbox, tempfile.TemporaryDirectory(prefix="sandbox-config-") as own:
        path = options.config or Path(own) / "config.json"
        path.write_text(json.dumps(sandbox.config(), indent=2, ensure_ascii=False), encoding="utf-8")
        for name in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE"):
            print(f"export {name}={shlex.quote(sandbox.environment[name])}")
        print(f"# configuration: {path}")
        print("# Ctrl-C ends it", flush=True)
        try:
            stop.wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
