"""Runs the README's Docker commands one by one, with the installed script instead of the image."""

import json
import os
import re
import subprocess
from pathlib import Path

from integration_tests.conftest import STREAMS, World
from integration_tests.process import Output, command

README = Path(__file__).parent.parent / "README.md"


def commands() -> list[str]:
    section = README.read_text(encoding="utf-8").split("\n### Docker\n")[1].split("\n## ")[0]
    block = re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[0]
    lines = block.replace("\\\n", "").splitlines()
    return [line for line in lines if line.startswith("docker run")]


def test_the_commands_of_the_readme_lead_from_a_configuration_to_an_incremental_sync(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "config.json").write_text(json.dumps(world.config))
    for line in commands():
        image = re.sub(r"^docker run [^a-z]*.*?airbyte/source-campaign-stats:[\w.]+", command()[0], line)
        line_here = image.replace("/secrets/", "secrets/")
        ended = subprocess.run(
            line_here,
            shell=True,
            cwd=tmp_path,
            env={**os.environ, **world.sandbox.environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout[-500:]}\n{ended.stderr[-500:]}"
        if " read " in line and "--state" not in line:
            assert not world.faults(Output(0, (tmp_path / "read.jsonl").read_text(), 0))

    catalog = json.loads((tmp_path / "secrets" / "catalog.json").read_text())
    modes = {item["stream"]["name"]: item["sync_mode"] for item in catalog["streams"]}
    states = json.loads((tmp_path / "secrets" / "state.json").read_text())
    dates = {item["stream"]["stream_descriptor"]["name"]: item["stream"]["stream_state"].get("date") for item in states}
    assert modes == {name: "incremental" if name.endswith("_stats") else "full_refresh" for name in STREAMS}
    assert dates == {name: str(world.last_day) if name.endswith("_stats") else None for name in STREAMS}
    assert Output(0, (tmp_path / "read.jsonl").read_text(), 0).states.keys() == set(STREAMS)
