"""Builds and runs the image: Airbyte's commands run in the container, and the records are compared with the truth."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.image import ROOT, Image, metadata
from integration_tests.needs import image_for_tests
from integration_tests.process import Output, configured_catalog, differences, run
from integration_tests.sandbox import PRIMARY_KEYS, Sandbox, make_account

_PACKAGES = """
import importlib.metadata as m
for d in sorted(m.distributions(), key=lambda d: d.metadata["Name"].lower()):
    print(f"{d.metadata['Name']}=={d.version}")
"""
STREAMS = tuple(PRIMARY_KEYS)
_DAYS, _NEW_DAYS = 20, 2


class Container:
    """Runs the connector's commands in containers that reach the sandbox."""

    def __init__(self, image: Image, sandbox: Sandbox, folder: Path) -> None:
        self.image, self.sandbox, self.folder = image, sandbox, folder

    def __call__(self, verb: str, **files: Any) -> Output:
        """Run a command; each of `files` is written, mounted, and passed as the option of its name."""
        environment = {**self.sandbox.environment}
        mounts = {Path(environment["REQUESTS_CA_BUNDLE"]): "/secrets/ca.pem"}
        environment["REQUESTS_CA_BUNDLE"] = "/secrets/ca.pem"
        arguments = [verb]
        for name, content in files.items():
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
            mounts[path] = f"/secrets/{name}.json"
            arguments += [f"--{name}", mounts[path]]
        began = time.monotonic()
        done = self.image.run(arguments, mounts=mounts, environment=environment)
        return Output(done.returncode, done.stdout + done.stderr, time.monotonic() - began)


@pytest.fixture(scope="module")
def image() -> Image:
    return image_for_tests()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(make_account(seed=5, days=_DAYS, orchestrations=16, legacy_campaigns=3)) as running:
        yield running


@pytest.fixture
def container(image: Image, sandbox: Sandbox, tmp_path: Path) -> Container:
    return Container(image, sandbox, tmp_path)


def test_the_labels_are_those_of_the_metadata(image: Image) -> None:
    assert image.config["Labels"]["io.airbyte.name"] == metadata("dockerRepository")
    assert image.config["Labels"]["io.airbyte.version"] == metadata("dockerImageTag")


def test_the_entrypoint_is_that_of_the_variable_for_the_platform(image: Image) -> None:
    assert " ".join(image.config["Entrypoint"]) == image.environment["AIRBYTE_ENTRYPOINT"]


def test_the_container_runs_as_the_user_airbyte(image: Image) -> None:
    assert image.config["User"] == "1000:1000"
    assert image.run(["-u"], entrypoint="id").stdout.strip() == "1000"


def test_the_image_has_the_packages_of_the_lock_file_and_the_connector(
    image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    done = image.run(["-c", _PACKAGES], entrypoint="/opt/connector/bin/python")
    found = set(done.stdout.split())
    locked = set(
        re.findall(r"^[\w.-]+==[\w.]+", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    report = ROOT / "build" / "image.txt"
    report.parent.mkdir(exist_ok=True)
    report.write_text(f"{image.name}, {image.size}\n{done.stdout}", encoding="utf-8")
    with capsys.disabled():
        print(f"\n{image.name}: {image.size}, {len(found)} packages, listed in {report.relative_to(ROOT)}")
    connector = f"source-campaign-stats=={metadata('dockerImageTag')}"
    assert connector in found
    assert {_normal(name) for name in found - {connector}} <= {_normal(name) for name in locked}


def test_the_image_has_no_compiler_no_tests_no_sandbox_and_no_cache(image: Image) -> None:
    names = "( -name gcc* -o -name tests -o -name integration_tests -o -name unit_tests -o -name sandbox )"
    found = image.run(["/opt", "/airbyte", "/root", "/home", *names.split()], entrypoint="find").stdout
    assert found.split() == []
    assert image.run(["-c", "ls /opt/connector/bin; command -v gcc cc make"], entrypoint="sh").returncode != 0


def test_spec_in_the_container_is_that_of_the_package(container: Container) -> None:
    in_container, here = container("spec"), run("spec", None, {})
    assert in_container.exit_code == 0
    assert _specification(in_container) == _specification(here)


def test_check_in_the_container_tells_right_keys_from_wrong_ones(container: Container, sandbox: Sandbox) -> None:
    right = container("check", config=sandbox.config())
    wrong = container("check", config=sandbox.config(moengage={"api_key": "not-the-key"}))
    assert right.connection_status == {"status": "SUCCEEDED"}
    assert wrong.connection_status["status"] == "FAILED"
    assert "MoEngage" in wrong.connection_status["message"]
    assert "not-the-key" not in wrong.text


def test_discover_in_the_container_finds_all_streams(container: Container, sandbox: Sandbox) -> None:
    found = container("discover", config=sandbox.config()).catalog["streams"]
    assert {stream["name"] for stream in found} == set(STREAMS)


def test_read_and_incremental_read_in_the_container_give_the_truth(image: Image, tmp_path: Path) -> None:
    with _world_that_goes_on() as sandbox:
        container, config = Container(image, sandbox, tmp_path), sandbox.config()
        last_day = sandbox.account.today - timedelta(days=1)
        catalog = configured_catalog(STREAMS)

        first = container("read", config=config, catalog=catalog)
        assert _ended(first) == (0, set(STREAMS))
        rows = _merged({}, first)
        assert _faults(rows, sandbox, config, last_day) == ""

        restated = sandbox.restate(last_day - timedelta(days=_NEW_DAYS + 3), last_day - timedelta(days=_NEW_DAYS))
        sandbox.add_day(_NEW_DAYS)
        sandbox.clear()
        again = container("read", config=config, catalog=catalog, state=list(first.states.values()))
        assert _ended(again) == (0, set(STREAMS))
        assert restated
        assert _faults(_merged(rows, again), sandbox, config, last_day) == ""
        asked = {str(request.body["start_date"]) for request in sandbox.calls("moengage_stats")}
        assert len(asked) < _DAYS, "the second sync asked for every day again"


@contextmanager
def _world_that_goes_on() -> Iterator[Sandbox]:
    """Vendors whose numbers end some days before yesterday, so that the test can add days."""
    today = make_account().today
    account = make_account(
        seed=5,
        today=today,
        days=_DAYS,
        horizon=today - timedelta(days=1 + _NEW_DAYS),
        orchestrations=16,
        legacy_campaigns=3,
    )
    with Sandbox(account) as sandbox:
        yield sandbox


def _merged(rows: Mapping[str, Mapping[Any, Any]], output: Output) -> dict[str, dict[Any, Any]]:
    """The tables of a destination after one more sync: lists are overwritten, statistics are upserted by key."""
    merged: dict[str, dict[Any, Any]] = {}
    for stream in STREAMS:
        merged[stream] = dict(rows.get(stream, {})) if stream.endswith("_stats") else {}
        for record in output.records(stream):
            merged[stream][tuple(record.get(name) for name in PRIMARY_KEYS[stream])] = record
    return merged


def _faults(rows: Mapping[str, Mapping[Any, Any]], sandbox: Sandbox, config: Mapping[str, Any], last_day: Any) -> str:
    told = []
    for stream in STREAMS:
        expected = sandbox.expected(stream, sandbox.account.first_day, last_day, config)
        assert expected, f"the sandbox has no {stream}"
        if found := differences(list(rows[stream].values()), expected, PRIMARY_KEYS[stream]):
            told.append(f"{stream}: {found}")
    return "\n".join(told)


def _ended(output: Output) -> tuple[int, set[str]]:
    """The exit code, and the streams that are complete. Prints the end of the output if the command failed."""
    complete = {stream for stream, status in output.statuses.items() if status == "COMPLETE"}
    if output.exit_code:
        print(output.text[-5000:])
    return output.exit_code, complete


def _specification(output: Output) -> Any:
    return next(message["spec"] for message in output.messages if message["type"] == "SPEC")


def _normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", requirement.split("==")[0]).lower() + "==" + requirement.split("==")[1]
