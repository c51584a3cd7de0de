"""What Airbyte and Docker are told about the connector: complete, valid, and the same everywhere."""

import ast
import re
import runpy
import subprocess
import sys
import warnings
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
import setuptools
import yaml
from packaging.requirements import Requirement

from integration_tests.conftest import APART, TOGETHER, group_of
from integration_tests.image import metadata as metadata_value
from integration_tests.needs import needs_python_below
from integration_tests.sandbox import Sandbox, make_account
from source_campaign_stats import SourceCampaignStats
from source_campaign_stats.settings.manifest import read_manifest
from source_campaign_stats.settings.specification import settings_of

if sys.version_info < (3, 13):
    # Not inside the test: with a frozen clock, dates have a type that pydantic does not expect.
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


def test_no_text_links_to_a_page_of_the_connector_that_is_not_published(metadata: dict[str, Any]) -> None:
    told = str(metadata) + str(read_manifest())

    assert re.findall(r"https://docs\.airbyte\.com/integrations/[\w/-]*campaign-stats[\w-]*", told) == []


def test_the_extra_demo_installs_what_the_demo_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: told.update(arguments))
    runpy.run_path(str(ROOT / "setup.py"))

    installed = {Requirement(line).name for line in told["install_requires"] + told["extras_require"]["demo"]}

    assert third_party_imports(ROOT / "integration_tests" / "demo.py") - installed == set()


def third_party_imports(module: Path, seen: set[Path] | None = None) -> set[str]:
    """The packages that a module and the modules of this project that it imports need."""
    seen = {*(seen or ()), module}
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            beside = ".".join(module.relative_to(ROOT).parent.parts) if node.level else ""
            origin = ".".join(part for part in (beside, node.module) if part)
            names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    found = set()
    for name in names:
        top = name.split(".")[0]
        path = ROOT.joinpath(*name.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.exists() and candidate not in seen:
                found |= third_party_imports(candidate, seen)
        if not (ROOT / top).exists() and top not in sys.stdlib_module_names:
            found.add(top)
    return found


def test_make_image_says_when_dockers_daemon_does_not_answer(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)

    line = [sys.executable, "-m", "integration_tests.image"]
    ended = subprocess.run(line, env={"PATH": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True)

    assert ended.returncode == 1
    assert "docker is there, its daemon does not answer: `docker info` says why.\n" in ended.stderr
    assert "install docker, podman or buildah, or start the daemon" in ended.stderr


def test_the_files_that_are_spread_over_workers_exist() -> None:
    names = {*APART, *(name for files in TOGETHER.values() for name in files)}

    assert {name for name in names if not (ROOT / "integration_tests" / name).exists()} == set()
    assert group_of("integration_tests/test_dbt.py::test_a[b::c]") == group_of(
        "integration_tests/test_queries.py::test_a"
    )
    assert group_of("integration_tests/test_sync.py::test_a") != group_of("integration_tests/test_sync.py::test_b")


def test_the_suggested_streams_are_streams(metadata: dict[str, Any]) -> None:
    source = _source()
    assert set(metadata["data"]["suggestedStreams"]["streams"]) <= {stream.name for stream in source.streams({})}


def test_a_breaking_change_names_streams_that_exist_and_has_its_chapter_of_what_to_do(metadata: dict[str, Any]) -> None:
    chapters = re.findall(r"^## (.+)$", (ROOT / "docs" / "migrations.md").read_text(encoding="utf-8"), re.MULTILINE)
    streams = {stream.name for stream in _source().streams({})}
    changes = metadata["data"]["releases"]["breakingChanges"]
    assert sorted(changes) == sorted(chapters)
    for change in changes.values():
        impacted = {name for scope in change["scopedImpact"] for name in scope["impactedScopes"]}
        assert impacted <= streams


def test_the_allowed_hosts_are_those_that_the_connector_calls(metadata: dict[str, Any]) -> None:
    text = (ROOT / "source_campaign_stats" / "manifest.yaml").read_text(encoding="utf-8")
    called = {re.sub(r"^api-.*(?=\.moengage)", "*", host) for host in re.findall(r"https://(api[^/,]+)", text)}
    assert called == set(metadata["data"]["allowedHosts"]["hosts"])
    specification = read_manifest()["spec"]["connection_specification"]
    data_center = settings_of(specification["properties"]["moengage"])["data_center"]
    assert all(re.fullmatch(r"\d+", center) for center in data_center["enum"])


def test_the_base_image_is_the_same_in_dockerfile_and_metadata(metadata: dict[str, Any]) -> None:
    base = metadata["data"]["connectorBuildOptions"]["baseImage"]
    assert f"\nARG BASE_IMAGE={base}\n" in DOCKERFILE
    assert re.fullmatch(r"docker\.io/airbyte/python-connector-base:[\d.]+@sha256:[0-9a-f]{64}", base)


def test_docker_and_airbyte_start_the_same_console_script() -> None:
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
        assert _source()


def test_a_deprecated_field_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = read_manifest()
    requester = manifest["definitions"]["batch"]["requester"]
    requester["url_base"] = requester.pop("url")
    monkeypatch.setattr("source_campaign_stats.source.read_manifest", lambda: manifest)
    with pytest.warns(DeprecationWarning, match="url_base"):
        _source()


def _source() -> SourceCampaignStats:
    """The source with all its streams: the CDK looks for deprecated fields when it builds them."""
    config = Sandbox(make_account()).config()
    source = SourceCampaignStats(config=config)
    source.streams(config)
    return source
