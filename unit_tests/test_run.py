"""The command line, what it sets for its process, and that importing the package sets nothing."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import AirbyteMessage, Type

from source_campaign_stats import SourceCampaignStats
from unit_tests.builders import BATCH_KEY, LOGGER, ConfigBuilder

_HEAPS_AFTER_TEN_THREADS = """
import ctypes, threading
from source_campaign_stats.process import speed
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

_WHAT_IS_SET_FOR_A_PROCESS = """
import gc, signal, sys
import attributes_doc, requests
import airbyte_cdk.sources.declarative.concurrent_declarative_source as cdk
def settings():
    return (
        gc.get_threshold(), gc.isenabled(), gc.get_freeze_count(), signal.getsignal(signal.SIGTERM), sys.excepthook,
        sys.stdout, sys.__stdout__, attributes_doc.get_attributes_doc, requests.models.CONTENT_CHUNK_SIZE,
        cdk.get_declarative_component_schema, requests.Session.merge_environment_settings,
    )
before = settings()
from source_campaign_stats import SourceCampaignStats
import source_campaign_stats.process.commands
SourceCampaignStats(None, None, None)
assert settings() == before, [pair for pair in zip(before, settings()) if pair[0] != pair[1]]
"""


def in_a_process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def heaps(before: str) -> int:
    """How many heaps ten threads make."""
    ended = in_a_process(_HEAPS_AFTER_TEN_THREADS.format(before=before))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.count("<heap nr=")


def test_importing_the_package_and_making_a_source_changes_nothing_in_the_process() -> None:
    ended = in_a_process(_WHAT_IS_SET_FOR_A_PROCESS)

    assert ended.returncode == 0, ended.stderr


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="only glibc has several heaps")
def test_all_threads_share_one_heap() -> None:
    assert heaps(before="") > 1, "this test would not see several heaps"
    assert heaps(before="speed.prepare()") == 1


def test_no_source_text_is_parsed_when_a_command_starts() -> None:
    started = in_a_process(
        "import inspect, os; inspect.getsource = lambda _: os._exit(9);"
        "from source_campaign_stats.process import speed; speed.prepare();"
        "import source_campaign_stats.process.commands"
    )

    assert started.returncode == 0, started.stderr or "source text was read"


def test_spec_prints_what_the_cdk_makes_of_the_manifest_and_does_not_import_it() -> None:
    printed = in_a_process(
        "import sys; from source_campaign_stats.run import run; run(['spec']);"
        "assert not [name for name in sys.modules if name.startswith('airbyte')]"
    )

    made = AirbyteMessage(Type.SPEC, spec=SourceCampaignStats(None, None, None).spec(LOGGER))
    assert printed.returncode == 0, printed.stderr
    wanted = json.loads(AirbyteEntrypoint.airbyte_message_to_string(made))
    # Fields of old versions of the protocol, which the CDK writes out with their default.
    del wanted["spec"]["supportsNormalization"], wanted["spec"]["supportsDBT"]
    assert json.loads(printed.stdout) == wanted


@pytest.mark.parametrize("arguments", [[], ["write"], ["read", "--config", "c"], ["check"], ["spec", "--config", "c"]])
def test_arguments_that_no_command_takes_are_refused_with_the_usage(arguments: list[str]) -> None:
    ended = in_a_process(f"from source_campaign_stats.run import run; run({arguments})")

    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: source-campaign-stats")
    assert ended.stdout == ""


@pytest.mark.parametrize(
    "broken", ["SourceCampaignStats.__init__", "SourceCampaignStats.check"], ids=["when it is made", "when it works"]
)
def test_a_defect_is_reported_without_a_key(tmp_path: Path, broken: str) -> None:
    (tmp_path / "c.json").write_text(json.dumps(ConfigBuilder().with_batch().build()))

    ended = in_a_process(
        "from source_campaign_stats.source import SourceCampaignStats\n"
        f"def broken(*_, **__): raise KeyError({BATCH_KEY!r})\n"
        f"{broken} = broken\n"
        f"from source_campaign_stats.run import run; run(['check', '--config', {str(tmp_path / 'c.json')!r}])"
    )

    assert ended.returncode == 1
    assert "ended because of a defect in it" in ended.stdout
    assert BATCH_KEY not in ended.stdout + ended.stderr
