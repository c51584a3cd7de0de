"""The tools that a test needs. If one is missing, the test is skipped and listed; in CI it fails."""

import functools
import os
import shutil
import sys

import pytest

from integration_tests.image import Image, build, can_pull, find_engine, local_base

# `.ci/run` installs all tools and sets this, so that a missing tool is an error there.
REQUIRE_ALL = "CAMPAIGN_STATS_REQUIRE_ALL"


def needs(name: str, is_there: object = None) -> None:
    """Skips the test if `name` is missing. By default `name` is a program on the PATH; else `is_there` says it."""
    if shutil.which(name) if is_there is None else is_there:
        return
    reason = f"{name} is not on this machine"
    if os.environ.get(REQUIRE_ALL):
        pytest.fail(f"{reason}, and {REQUIRE_ALL} is set", pytrace=False)
    pytest.skip(reason)


def needs_python_below(major: int, minor: int, name: str) -> None:
    """Skips the test, in CI too, if `name` has no release for this Python version."""
    if sys.version_info >= (major, minor):
        pytest.skip(f"{name} needs Python below {major}.{minor}")


@functools.cache
def _engine() -> tuple[str, bool]:
    """The engine for the image, and whether the base image has to be made because the official one can't be pulled."""
    engine = find_engine()
    if engine in ("docker", "podman") and can_pull(engine):
        return engine, False
    return "buildah", True


def image_for_tests() -> Image:
    """The connector's image, built once for all tests."""
    engine, makes_base = _engine()
    if makes_base:
        for program in ("buildah", "runc", "mmdebstrap"):
            needs(program)
    return _built(engine, makes_base)


@functools.cache
def _built(engine: str, makes_base: bool) -> Image:
    return build(engine, local_base() if makes_base else None)
