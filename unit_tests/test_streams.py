"""Lines through a pipe that is full, slow or gone, from several threads: in a process of their own."""

import fcntl
import os
import subprocess
import sys
import textwrap
import time
from collections import Counter

import pytest

# The least that Linux gives a pipe (F_SETPIPE_SZ is 1031).
SMALL_PIPE = (1031, 4096)

# What is registered first is called last, so threads have time to write after the end.
_PREPARED = """
import atexit, os, sys, threading, time
from source_campaign_stats.process import host
atexit.register(time.sleep, 0.1)
host.prepare()
"""


def printed_by(code: str, *, blocking: bool = False, unbuffered: str = "1") -> tuple[int, str]:
    """The exit code of a process, and what a reader that comes late got of its output."""
    pipe, end = os.pipe()
    fcntl.fcntl(end, *SMALL_PIPE)
    os.set_blocking(end, blocking)
    line = [sys.executable, "-c", _PREPARED + textwrap.dedent(code)]
    process = subprocess.Popen(line, stdout=end, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    os.close(end)
    time.sleep(0.5)
    printed = b""
    while some := os.read(pipe, 1000):
        printed += some
    os.close(pipe)
    return process.wait(timeout=20), printed.decode()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("blocking", [True, False])
def test_lines_of_many_threads_arrive_whole(blocking: bool, unbuffered: str) -> None:
    ended = printed_by(
        """
        from airbyte_cdk.logger import init_logger
        logger = init_logger("airbyte")
        def work(letter):
            for _ in range(10):
                sys.stdout.write(letter * 300)
                time.sleep(0.001)
                print(letter * 700)
                sys.stdout.write(f"{letter * 9000}\\n" * 3)
                logger.info(letter * 5000)
        threads = [threading.Thread(target=work, args=(letter,)) for letter in "abcd"]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
        blocking=blocking,
        unbuffered=unbuffered,
    )

    wanted: Counter[str] = Counter()
    for letter in "abcd":
        wanted[letter * 1000] = 10
        wanted[letter * 9000] = 30
        wanted['{"type":"LOG","log":{"level":"INFO","message":"' + letter * 5000 + '"}}'] = 10
    assert ended[0] == 0
    found = Counter(ended[1].splitlines())
    assert {line[:60]: n for line, n in (found - wanted).items()} == {}
    assert {line[:60]: n for line, n in (wanted - found).items()} == {}


def test_what_has_no_line_feed_is_written_at_the_end() -> None:
    assert printed_by("print('a', end='', flush=True); print('b'); print('c', end='')") == (0, "ab\nc")


def test_the_end_of_the_process_cuts_no_line_of_another_thread() -> None:
    code, printed = printed_by(
        """
        def work():
            while True: print("a" * 9000)
        for _ in range(3): threading.Thread(target=work, daemon=True).start()
        time.sleep(0.7)
        print("last")
        time.sleep(0.05)
        """
    )

    assert code == 0
    assert set(printed.splitlines()) == {"a" * 9000, "last"}
    assert printed.endswith("\n")


def test_a_reader_that_goes_while_the_pipe_is_full_is_noticed() -> None:
    pipe, end = os.pipe()
    os.set_blocking(end, False)
    code = """
    with host.told_in_words("read"):
        while True: print("a" * 9000)
    """
    line = [sys.executable, "-c", _PREPARED + textwrap.dedent(code)]
    process = subprocess.Popen(line, stdout=end, stderr=subprocess.PIPE, text=True)
    os.close(end)
    time.sleep(0.5)
    os.close(pipe)

    _, told = process.communicate(timeout=10)

    assert process.returncode == 1
    assert "The output can't be written any more" in told
