"""What the process does for itself before it runs a command."""

import ctypes
import subprocess
import sys

import pytest

_HEAPS_AFTER_TEN_THREADS = """
import ctypes, threading
import source_campaign_stats.run
{before}
library = ctypes.CDLL(None)
library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
all_at_once = threading.Barrier(10)
def allocate():
    all_at_once.wait()
    library.malloc(1000)
    all_at_once.wait()
threads = [threading.Thread(target=allocate) for _ in range(10)]
for thread in threads: thread.start()
for thread in threads: thread.join()
library.fdopen.restype = ctypes.c_void_p
output = ctypes.c_void_p(library.fdopen(1, b"w"))
library.malloc_info(0, output)
library.fflush(output)
"""


_SIZES_BY_WHICH_A_BODY_IS_READ = """
from requests import Response
from source_campaign_stats.run import run
run(["spec"])
asked = []
class Connection:
    def stream(self, size, decode_content):
        asked.append(size)
        yield b"{}"
answer = Response()
answer.raw = Connection()
assert (answer.content, asked) == (b"{}", [1_000_000]), asked
"""


def in_a_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def heaps(before: str) -> int:
    """How many heaps ten threads make."""
    ended = in_a_process(_HEAPS_AFTER_TEN_THREADS.format(before=before))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has several heaps")
def test_all_threads_share_one_heap() -> None:
    assert heaps(before="") > 1, "this test would not see several heaps"
    assert heaps(before="source_campaign_stats.run._keep_one_heap()") == 1


def test_a_body_is_taken_out_of_the_connection_by_the_megabyte() -> None:
    ended = in_a_process(_SIZES_BY_WHICH_A_BODY_IS_READ)

    assert ended.returncode == 0, ended.stderr


def test_no_source_text_is_parsed_when_the_connector_starts() -> None:
    started = in_a_process(
        "import inspect, os; inspect.getsource = lambda _: os._exit(9); import source_campaign_stats.run"
    )

    assert started.returncode == 0, started.stderr or "source text was read"


def test_no_schema_of_manifests_is_parsed_when_a_command_starts() -> None:
    started = in_a_process(
        "import os; import airbyte_cdk.sources.declarative.concurrent_declarative_source as cdk;"
        "cdk.safe_load_yaml = lambda _: os._exit(9);"
        "from source_campaign_stats.run import run; run(['spec'])"
    )

    assert started.returncode == 0, started.stderr or "the schema was parsed"
    assert '"type":"SPEC"' in started.stdout
