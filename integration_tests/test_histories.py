"""Histories of accounts and syncs in the simulator: new ones in every run, and saved ones that once failed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from integration_tests.simulator.__main__ import Workers

KEPT = sorted((Path(__file__).parent / "simulator" / "kept").glob("*.json"))


def test_a_hundred_new_histories_break_no_invariant(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "integration_tests.simulator", "--histories", "100", "--jobs", "2"]
    root = Path(__file__).parent.parent
    # To make a failed history smaller takes a minute, so only two are.
    ended = subprocess.run([*command, "--shrinks", "2"], capture_output=True, text=True, cwd=root, check=False)
    seeds = re.search(r"seeds \d+ to \d+", ended.stdout)
    with capsys.disabled():
        print(f" ({seeds[0] if seeds else 'no seeds'})", end="")
    assert ended.returncode == 0, f"\n{ended.stdout}\n{ended.stderr}"
    print(ended.stdout)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with closing(Workers(1, None)) as one:
        yield one


@pytest.mark.parametrize("file", KEPT, ids=[file.stem for file in KEPT])
def test_a_history_that_once_failed_breaks_no_invariant(file: Path, workers: Workers) -> None:
    (played,) = workers.each([{"history": file.read_text()}])
    told = [f"sync {v['step']}, {v['kind']}, {v['stream']}: {v['detail'][:1000]}" for v in played["violations"]]
    command = f"python -m integration_tests.simulator --history @{file}"
    assert not told, "\n".join([*told, command])
