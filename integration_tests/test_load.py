"""Long lists and large answers do not need more and more memory, and a process that has to end does end."""

import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from integration_tests.conftest import World
from integration_tests.process import start
from integration_tests.sandbox import Account, Fault, Sandbox, make_account


def peak_megabytes(account: Account, streams: tuple[str, ...]) -> tuple[float, int]:
    """The peak memory of a first sync over half a year in MB, and the number of its records."""
    peak, records = 0.0, 0
    with Sandbox(account, fast=True) as sandbox:
        config: dict[str, Any] = sandbox.config(start_date=(account.today - timedelta(days=180)).isoformat())
        config = {"start_date": config["start_date"], "batch": config["batch"]}
        process, folder = start("read", config, sandbox.environment, streams=streams)
        assert process.stdout
        with folder:
            for number, line in enumerate(process.stdout):
                records += line.startswith('{"type":"RECORD"')
                if number % 200 == 0:
                    peak = max(peak, _peak_of(process.pid))
            assert process.wait() == 0
    return peak, records


def _peak_of(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def wide(orchestrations: int) -> Account:
    """Orchestrations with 20 steps on 3 platforms that send every day: 25 kB a day, 4.5 MB an answer."""
    return make_account(
        archetypes=("trigger_evergreen",), orchestrations=orchestrations, days=180, steps=20, density=1.0
    )


def test_memory_does_not_grow_with_the_number_of_large_answers() -> None:
    few, _ = peak_megabytes(wide(40), ("orchestration_stats",))
    many, records = peak_megabytes(wide(280), ("orchestration_stats",))
    print(f"wide: {few:.0f} MB for 40 orchestrations, {many:.0f} MB for 280 ({records} records)")
    assert records > 280 * 170
    # Ten answers are under way at a time. If answers stayed in memory, seven times as many would take 1.2 GB.
    assert many <= 230
    assert many <= 1.5 * few


def test_a_long_list_with_few_campaigns_to_ask_takes_little_memory() -> None:
    account = make_account(orchestrations=300, old_orchestrations=10_000, days=180)
    peak, records = peak_megabytes(account, ("orchestrations", "orchestration_stats"))
    print(f"narrow: {peak:.0f} MB for {records} records")
    assert records > 10_300
    assert peak <= 300


def test_a_terminated_process_ends_within_seconds(world: World) -> None:
    world.sandbox.inject(Fault("hang", "batch_list", seconds=60))
    process, folder = start("read", world.config, world.sandbox.environment, streams=["orchestrations"])
    with folder:
        while not world.sandbox.requests:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=5)
    assert process.returncode != 0


def test_a_process_ends_when_its_reader_has_gone() -> None:
    account = make_account(archetypes=("trigger_evergreen",), orchestrations=30, days=60, steps=10, density=1.0)
    with Sandbox(account, fast=True) as sandbox:
        config = sandbox.config(start_date=(account.today - timedelta(days=60)).isoformat())
        process, folder = start("read", config, sandbox.environment, streams=["orchestration_stats"])
        assert process.stdout
        with folder:
            for _, line in zip(range(200), process.stdout, strict=False):
                assert line
            process.stdout.close()
            assert process.wait(timeout=20) != 0
