"""The connector in any environment: signals, closed streams, no home directory, inside other programs and threads."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import STREAMS, World
from integration_tests.process import Output, command, configured_catalog, run, start

NOTHING_ANSWERS = {"HTTPS_PROXY": "http://10.255.255.1:9"}


def until_it_hears_signals(pid: int) -> None:
    """Waits until Python has started and the command has set its signal handlers, which can take a while."""
    heard, deadline = 0, time.monotonic() + 30
    while not heard & 1 << (signal.SIGTERM - 1):
        assert time.monotonic() < deadline, "no handler was set"
        time.sleep(0.01)
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        heard = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("seconds", [0.0, 0.5, 3.0])
def test_a_signal_ends_a_sync_at_once_although_nobody_reads_its_output(
    world: World, number: signal.Signals, code: int, seconds: float
) -> None:
    process, folder = start("read", world.config, world.sandbox.environment, streams=STREAMS)
    with folder:
        until_it_hears_signals(process.pid)
        time.sleep(seconds)
        process.send_signal(number)
        sent = time.monotonic()
        assert process.wait(timeout=10) == code
        assert time.monotonic() - sent < 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_check_that_waits_for_a_vendor(world: World, number: signal.Signals, code: int) -> None:
    process, folder = start("check", world.config, {**world.sandbox.environment, **NOTHING_ANSWERS})
    with folder:
        time.sleep(2.5)
        process.send_signal(number)
        assert process.wait(timeout=2) == code


def closed(world: World, tmp_path: Path, closing: Sequence[int], arguments: Sequence[str]) -> Any:
    (tmp_path / "c.json").write_text(json.dumps(world.config))
    (tmp_path / "k.json").write_text(json.dumps(configured_catalog(STREAMS)))
    return subprocess.run(
        [*command(), *arguments],
        cwd=tmp_path,
        env={**os.environ, **world.sandbox.environment},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: [os.close(number) for number in closing],
    )


READ = ["read", "--config", "c.json", "--catalog", "k.json"]


@pytest.mark.parametrize(
    ("closing", "arguments"),
    [([0], ["spec"]), ([2], ["spec"]), ([0, 2], ["check", "--config", "c.json"]), ([0, 2], READ)],
    ids=lambda a: str(a[0]),
)
def test_a_closed_input_or_error_stream_changes_nothing(
    world: World, tmp_path: Path, closing: list[int], arguments: list[str]
) -> None:
    ended = closed(world, tmp_path, closing, arguments)

    assert ended.returncode == 0, ended
    output = Output(0, ended.stdout, 0)
    if arguments == READ:
        assert not world.faults(output)
    assert output.messages


def test_a_closed_output_is_reported(world: World, tmp_path: Path) -> None:
    ended = closed(world, tmp_path, [1], READ)

    assert ended.returncode == 1
    assert "Standard output is closed" in ended.stderr


def reader_gone(process: "subprocess.Popen[str]") -> None:
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()


def test_a_reader_that_closes_the_output_early_is_reported_without_a_stack_trace(world: World, tmp_path: Path) -> None:
    closed(world, tmp_path, [], ["spec"])
    process = subprocess.Popen(
        [*command(), *READ],
        cwd=tmp_path,
        env={**os.environ, **world.sandbox.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    reader_gone(process)

    assert process.wait(timeout=30) == 1
    assert process.stderr
    told = process.stderr.read()
    assert "The output can't be written any more" in told
    assert "Traceback" not in told


# The smallest pipe that Linux allows (F_SETPIPE_SZ is 1031), so that it is soon full.
SMALL_PIPE = (1031, 4096)


def read_slowly(process: "subprocess.Popen[Any]", pipe: int) -> str:
    """Everything that a process prints, read late, in small pieces and with pauses."""
    time.sleep(3)
    read = b""
    while some := os.read(pipe, 8192):
        read += some
        time.sleep(0.001)
    process.wait(timeout=60)
    os.close(pipe)
    return read.decode()


# unit_tests/test_streams.py tests every combination.
@pytest.mark.parametrize(
    ("stderr", "blocking", "unbuffered"), [(subprocess.DEVNULL, True, ""), (subprocess.STDOUT, False, "1")]
)
def test_a_slow_full_pipe_loses_no_line(
    world: World, tmp_path: Path, stderr: int, blocking: bool, unbuffered: str
) -> None:
    closed(world, tmp_path, [], ["spec"])
    pipe, end = os.pipe()
    fcntl.fcntl(end, *SMALL_PIPE)
    os.set_blocking(end, blocking)
    environment = {**os.environ, **world.sandbox.environment, "PYTHONUNBUFFERED": unbuffered}
    process = subprocess.Popen([*command(), *READ], cwd=tmp_path, env=environment, stdout=end, stderr=stderr)
    os.close(end)

    printed = read_slowly(process, pipe)

    assert process.returncode == 0, printed[-500:]
    output = Output(0, printed, 0)
    assert not world.faults(output)
    assert set(output.statuses.values()) == {"COMPLETE"}
    assert len(output.messages) == printed.count("\n")


def test_neither_a_home_directory_nor_a_writable_folder_is_needed(world: World) -> None:
    code = """
        import pathlib, tempfile, builtins, sys
        def no_place(*_, **__): raise FileNotFoundError("read-only")
        tempfile.gettempdir = tempfile.mkdtemp = tempfile.mkstemp = pathlib.Path.mkdir = no_place
        opened = builtins.open
        def read_only(file, mode="r", *rest, **named):
            assert file in (1, 2) or not set(mode) & set("wax+"), f"{file} is written"
            return opened(file, mode, *rest, **named)
        builtins.open = read_only
        from source_campaign_stats.run import run
        run()
    """
    executable = [sys.executable, "-c", textwrap.dedent(code)]
    environment = {**world.sandbox.environment, "HOME": "", "USER": "", "XDG_CACHE_HOME": ""}
    for verb in ("check", "discover", "read"):
        output = run(verb, world.config, environment, streams=STREAMS, executable=executable)
        assert output.exit_code == 0, output.text[-1000:]


# --- In another program -----------------------------------------------------------------------------------------------

_PROGRAM = """
    import json, logging, sys, threading, time
    from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
    from source_campaign_stats import SourceCampaignStats
    config, catalog = json.loads(sys.argv[1]), ConfiguredAirbyteCatalogSerializer.load(json.loads(sys.argv[2]))
    LOGGER = logging.getLogger("airbyte")
    def source(): return SourceCampaignStats(catalog=catalog, config=config, state=[])
    def messages(made): return made.read(LOGGER, config, catalog, [])
    def rows(found): return [message.record.data for message in found if message.record]
"""


def program(world: World, code: str, streams: Sequence[str] = STREAMS) -> Any:
    began = time.monotonic()
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(_PROGRAM) + textwrap.dedent(code),
            json.dumps(world.config),
            json.dumps(configured_catalog(streams)),
        ],
        env={**os.environ, **world.sandbox.environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    ended.seconds = time.monotonic() - began  # type: ignore[attr-defined]
    return ended


def number_of_rows(world: World) -> int:
    return sum(len(world.sandbox.expected(stream, world.first_day, world.last_day, world.config)) for stream in STREAMS)


def test_a_source_made_in_one_thread_is_read_slowly_in_others(world: World) -> None:
    ended = program(
        world,
        """
        made = {}
        def make(): made["messages"] = messages(source())
        def take(n):
            for _, message in zip(range(n), made["messages"]):
                time.sleep(0.005)
                made.setdefault("all", []).append(message)
        for job in (make, *[lambda: take(7)] * 30, lambda: take(10**6)):
            thread = threading.Thread(target=job); thread.start(); thread.join()
        print(len(rows(made["all"])))
        """,
    )

    assert ended.returncode == 0, ended.stderr[-1000:]
    assert int(ended.stdout.splitlines()[-1]) == number_of_rows(world)


def test_a_program_that_stops_after_ten_messages_can_end_at_once(world: World) -> None:
    ended = program(world, "kept = messages(source()); found = [next(kept) for _ in range(10)]")

    assert ended.returncode == 0, ended.stderr[-1000:]
    assert ended.seconds < 20


def test_a_reader_that_closes_lets_the_workers_go(world: World) -> None:
    ended = program(
        world,
        """
        found = messages(source())
        for _ in range(10): next(found)
        found.close()
        until = time.monotonic() + 20
        def works(): return any(thread.name.startswith("workerpool") for thread in threading.enumerate())
        while works() and time.monotonic() < until: time.sleep(0.05)
        assert time.monotonic() < until, threading.enumerate()
        """,
    )

    assert ended.returncode == 0, ended.stderr[-1000:]


def test_two_sources_in_one_process_do_not_disturb_each_other(world: World) -> None:
    ended = program(
        world,
        """
        levels = lambda: {name: logger.level for name, logger in logging.root.manager.loggerDict.items()
                          if isinstance(logger, logging.Logger)}
        before = levels()
        found = {}
        def work(name): found[name] = rows(messages(source()))
        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        key = lambda row: json.dumps(row, sort_keys=True)
        assert sorted(map(key, found["a"])) == sorted(map(key, found["b"]))
        after = levels()
        assert {name: level for name, level in after.items() if name in before} == before
        print(len(found["a"]))
        """,
    )

    assert ended.returncode == 0, ended.stderr[-1500:]
    assert int(ended.stdout.splitlines()[-1]) == number_of_rows(world)
