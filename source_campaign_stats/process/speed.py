"""What is set for a whole process because it pays, each with its measured figure. Only `run` does it.

The figures are medians of interleaved runs of whole processes; `docs/performance.md` says how they were made.
"""

import ctypes
import gc

import attributes_doc

# glibc's numbers (malloc.h) for M_ARENA_MAX, M_MMAP_THRESHOLD (its highest value) and M_TRIM_THRESHOLD.
_ONE_HEAP = {-8: 1, -3: 32 * 1024 * 1024, -1: 100_000_000}


def prepare() -> None:
    """Prepares the process; has to come before the CDK is imported."""
    # The CDK's serializer reads the source text of every class of the protocol for descriptions that nobody sees.
    attributes_doc.get_attributes_doc = lambda cls: {}
    _keep_one_heap()
    # Records are trees: there are no cycles among them to look for.
    gc.set_threshold(50_000)


def _keep_one_heap() -> None:
    """glibc gives threads heaps of their own, and each keeps what it freed."""
    c_library = ctypes.CDLL(None)
    # Other C libraries have no such settings and need none.
    if hasattr(c_library, "mallopt"):
        for setting, value in _ONE_HEAP.items():
            c_library.mallopt(setting, value)
