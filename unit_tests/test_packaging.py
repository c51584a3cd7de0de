"""What Airbyte and Docker are told about the connector: complete, valid, and the same everywhere."""

import re
import sys
import warnings
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from integration_tests.image import metadata as metadata_value
from integration_tests.needs import needs_python_below
from integration_tests.sandbox import Sandbox, make_account
from source_campaign_stats import SourceCampaignStats
from source_campaign_stats.configuration import DATA_CENTERS
from source_campaign_stats.source import read_manifest

if sys.version_info < (3, 13):
    # Not inside the test: while the tests' clock stands still, its dates are not what pydantic expects.
    from airbyte_connector_models.metadata.v0 import connector_metadata_definition_v0 as models

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))
    return content


def test_airbytes_own_model_accepts_the_metadata(metadata: dict[str, Any]) -> None:
    needs_python_below(3, 13, "airbyte-connector-models")
    models.ConnectorMetadataDefinitionV0.model_validate(metadata)


def test_the_version_is_the_same_everywhere(metadata: dict[str, Any]) -> None:
    documentation = (ROOT / "docs" / "campaign-stats.md").read_text(encoding="utf-8")
    changelog = documentation.split("\n## Changelog\n", 1)[1]
    rows = [line for line in changelog.splitlines() if re.match(r"\| *\d", line)]
    found = {
        "metadata.yaml": metadata["data"]["dockerImageTag"],
        "setup.py": version("source-campaign-stats"),
        "changelog": rows[0].split("|")[1].strip(),
    }
    assert len(set(found.values())) == 1, found


def test_make_image_reads_the_same_metadata_without_a_yaml_library(metadata: dict[str, Any]) -> None:
    for name in ("dockerRepository", "dockerImageTag"):
        assert metadata_value(name) == metadata["data"][name]


def test_the_suggested_streams_are_streams(metadata: dict[str, Any]) -> None:
    source = _source()
    assert set(metadata["data"]["suggestedStreams"]["streams"]) <= {stream.name for stream in source.streams({})}


def test_a_breaking_change_names_streams_that_exist_and_has_its_chapter_of_what_to_do(metadata: dict[str, Any]) -> None:
    chapters = re.findall(r"^## (.+)$", (ROOT / "docs" / "migrations.md").read_text(encoding="utf-8"), re.MULTILINE)
    streams = {stream.name for stream in _source().streams({})}
    changes = metadata["data"]["releases"]["breakingChanges"]
    assert sorted(changes) == sorted(chapters)
    for number, change in changes.items():
        impacted = {name for scope in change["scopedImpact"] for name in scope["impactedScopes"]}
        assert impacted <= streams
        assert change["migrationDocumentationUrl"].endswith(f"-migrations#{number.replace('.', '')}")


def test_the_allowed_hosts_are_those_that_the_connector_calls(metadata: dict[str, Any]) -> None:
    text = (ROOT / "source_campaign_stats" / "manifest.yaml").read_text(encoding="utf-8")
    called = {re.sub(r"^api-.*(?=\.moengage)", "*", host) for host in re.findall(r"https://(api[^/,]+)", text)}
    assert called == set(metadata["data"]["allowedHosts"]["hosts"])
    assert all(re.fullmatch(r"\d+", center) for center in DATA_CENTERS)


def test_the_base_image_is_the_same_in_dockerfile_and_metadata(metadata: dict[str, Any]) -> None:
    base = metadata["data"]["connectorBuildOptions"]["baseImage"]
    assert f"\nARG BASE_IMAGE={base}\n" in DOCKERFILE
    assert re.fullmatch(r"docker\.io/airbyte/python-connector-base:[\d.]+@sha256:[0-9a-f]{64}", base)


def test_the_entrypoint_is_the_console_script_and_the_platform_is_told_the_same() -> None:
    entrypoint = re.search(r'^ENTRYPOINT \["([^"]+)"\]$', DOCKERFILE, re.MULTILINE)
    told = re.search(r'AIRBYTE_ENTRYPOINT="([^"]+)"', DOCKERFILE)
    assert entrypoint
    assert told
    assert entrypoint[1] == told[1] == "source-campaign-stats"


def test_the_lock_file_pins_and_hashes_all_and_names_no_index() -> None:
    pinned = re.findall(r"^([\w.-]+)==\S+", LOCK, re.MULTILINE)
    lines = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(pinned)
    assert all(block.count("--hash=sha256:") for block in re.split(r"\n(?=[\w.-]+==)", LOCK)[1:])
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_the_lock_file_has_the_versions_that_setup_asks_for() -> None:
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", LOCK, re.MULTILINE))
    names = {name.lower(): number for name, number in pinned.items()}
    for line in requires("source-campaign-stats") or []:
        requirement = Requirement(line)
        if requirement.marker is None:
            assert requirement.specifier.contains(names[requirement.name.lower()]), requirement


def test_the_manifest_fits_the_cdks_schema_and_has_no_deprecated_field() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = _source()
    assert [log.message for log in source.deprecation_warnings()] == []


def test_a_deprecated_field_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = read_manifest()
    requester = manifest["definitions"]["batch"]["requester"]
    requester["url_base"] = requester.pop("url")
    monkeypatch.setattr("source_campaign_stats.source.read_manifest", lambda: manifest)
    with pytest.warns(DeprecationWarning, match="url_base"):
        source = _source()
    assert source.deprecation_warnings()


def _source() -> SourceCampaignStats:
    """The source with all its streams, whose components the CDK looks through for deprecated fields."""
    config = Sandbox(make_account()).config()
    source = SourceCampaignStats(config=config)
    source.streams(config)
    return source
