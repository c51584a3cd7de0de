"""Settings of the whole process that make it faster; only `run` uses them.

Each figure is the median of seven interleaved pairs of runs of whole processes (docs/performance.md). Other measures
for speed and memory are no settings: lines instead of records (`output/lines.py`, a third of the CPU), records that
stay text until they are used (`taken` in `http/answers.py`, half of the memory of wide answers), and lists that are
packed (`sync/lists.py`).
"""

import ctypes

import attributes_doc

# glibc's numbers (malloc.h) for M_ARENA_MAX, M_MMAP_THRESHOLD (its highest value) and M_TRIM_THRESHOLD.
_ONE_HEAP = {-8: 1, -3: 32 * 1024 * 1024, -1: 100_000_000}


def prepare() -> None:
    """Prepares the process; has to come before the CDK is imported."""
    # The CDK's serializer reads the source text of every class of the protocol for descriptions that nobody sees.
    # A start takes 1.54 s of CPU with that and 1.02 s without.
    attributes_doc.get_attributes_doc = lambda cls: {}
    _keep_one_heap()


def _keep_one_heap() -> None:
    """glibc gives threads heaps of their own, and each keeps what it freed: 215 instead of 172 MB with wide answers."""
    c_library = ctypes.CDLL(None)
    # Other C libraries have no such settings and need none.
    if hasattr(c_library, "mallopt"):
        for setting, value in _ONE_HEAP.items():
            c_library.mallopt(setting, value)
