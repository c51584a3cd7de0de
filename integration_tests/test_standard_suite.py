"""Airbyte's standard test suite, in this process and in the image, against the sandbox.

`acceptance-test-config.yml` lists the scenarios; each gets a configuration for the sandbox's account.
"""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.models.scenario import ScenarioCommand
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase
from airbyte_cdk.test.standard_tests.docker_base import DockerConnectorTestSuite
from airbyte_cdk.utils import docker

from integration_tests.image import Image
from integration_tests.needs import image_for_tests
from integration_tests.sandbox import Sandbox, make_account
from source_campaign_stats import SourceCampaignStats

# The suite only warns of some mistakes in a catalog. Here they fail.
pytestmark = pytest.mark.filterwarnings("error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning")

GROUPS = ("batch", "batch_legacy", "moengage")
# A part of a test's name -> the command that the test runs.
_COMMANDS: dict[str, ScenarioCommand] = {"spec": "spec", "check": "check", "discover": "discover", "read": "read"}


def small_sandbox() -> Sandbox:
    return Sandbox(make_account(seed=3, days=8, orchestrations=16, legacy_campaigns=3, moengage_campaigns=8))


def configurations() -> dict[str, dict[str, Any]]:
    """The configuration of each scenario of `acceptance-test-config.yml`, by the name of its file."""
    sandbox = small_sandbox()
    apps = sandbox.config()["batch_legacy"]["apps"]
    wrong = "not-the-right-key"
    alone = {group: sandbox.config(**{other: None for other in GROUPS if other != group}) for group in GROUPS}
    return {
        "config": sandbox.config(),
        **alone,
        "wrong_batch_key": sandbox.config(batch={"rest_api_key": wrong}),
        "wrong_batch_legacy_key": sandbox.config(batch_legacy={"rest_api_key": wrong}),
        "wrong_app_key": sandbox.config(batch_legacy={"apps": [*apps[:-1], {**apps[-1], "api_key": wrong}]}),
        "wrong_moengage_key": sandbox.config(moengage={"api_key": wrong}),
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs each test of the suite with the scenarios of `acceptance-test-config.yml` that fit its command."""
    if "scenario" in metafunc.fixturenames and metafunc.cls is not None:
        # The suite itself would skip the others. Here a test is only skipped if the machine lacks a tool.
        command = next(command for part, command in _COMMANDS.items() if part in metafunc.function.__name__)
        scenarios = [scenario for scenario in metafunc.cls.get_scenarios() if scenario.runs(command)]
        metafunc.parametrize("scenario", scenarios, ids=[scenario.id for scenario in scenarios])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with small_sandbox() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _vendors_are_the_sandbox(sandbox: Sandbox) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.environment.items():
            patch.setenv(name, value)
        yield


class TestStandardSuite(SourceTestSuiteBase):
    """The suite with this connector's scenarios, its image tests included."""

    connector = SourceCampaignStats
    # This test compares with the version in Airbyte's registry, and there is none.
    test_docker_image_spec_backward_compatibility = None  # type: ignore[assignment]

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return Path(__file__).parent.parent

    @classmethod
    def get_scenarios(cls) -> list[ConnectorTestScenario]:
        configs = configurations()
        return [
            scenario.model_copy(update={"config_dict": configs[scenario.id]}) for scenario in super().get_scenarios()
        ]

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourceCampaignStats:
        """Makes the source with its configuration, as the command line does: a declarative source needs it then."""
        return SourceCampaignStats(config=scenario.config_dict if scenario else None)

    @pytest.fixture
    def connector_image_override(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> str:
        """The image that is tested. Docker commands of the suite are run by the engine of this machine."""
        image = image_for_tests()

        def run_docker_command(cmd: Sequence[str], **_: Any) -> "subprocess.CompletedProcess[str]":
            return _in_image(image, sandbox, cmd)

        monkeypatch.setattr(docker, "run_docker_command", run_docker_command)
        return image.name

    @pytest.fixture
    def connector_base_image_override(self) -> None:
        """No base image, because the image is already built."""

    @pytest.fixture
    def read_from_streams(self) -> str:
        return "all"

    @pytest.fixture
    def read_scenarios(self) -> str:
        return "all"


# The suite skips its image tests without a docker client. Here podman or buildah runs them too.
for _name, _test in vars(DockerConnectorTestSuite).items():
    if _name.startswith("test_docker_image"):
        _test.pytestmark = [mark for mark in _test.pytestmark if mark.name != "skipif"]


def _in_image(image: Image, sandbox: Sandbox, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Runs the command of `docker run --rm [-v FILE:INSIDE[:MODE]]… IMAGE ARGUMENTS…`, against the sandbox."""
    assert list(command[:3]) == ["docker", "run", "--rm"], command
    position = list(command).index(image.name)
    volumes = [option.split(":") for option in command[3:position] if option != "-v"]
    environment = sandbox.environment
    mounts = {Path(volume[0]): volume[1] for volume in volumes} | {
        Path(environment["REQUESTS_CA_BUNDLE"]): "/secrets/ca.pem"
    }
    return image.run(
        command[position + 1 :], mounts=mounts, environment={**environment, "REQUESTS_CA_BUNDLE": "/secrets/ca.pem"}
    )
