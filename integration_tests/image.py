"""Builds and runs the Docker image with docker, podman or buildah, whichever works; `make image` runs this.

It uses only Python's standard library, so that an image can be built without the virtual environment.
"""

import argparse
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCAL_BASE = "localhost/campaign-stats-python-base"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# A chroot needs fewer rights than a container, and it is enough to install packages.
_BUILDAH = {"BUILDAH_ISOLATION": "chroot"}

Mounts = Mapping[Path, str]


def metadata(name: str) -> str:
    """A value of metadata.yaml."""
    found = re.search(rf"^ +{name}: (\S+)$", (ROOT / "metadata.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"metadata.yaml has no {name}"
    return found[1]


@functools.cache
def find_engine() -> str | None:
    """The first of docker, podman and buildah that works."""
    for name in ("docker", "podman"):
        if not shutil.which(name):
            continue
        if subprocess.run([name, "info"], capture_output=True).returncode == 0:
            return name
        what = "its daemon does not answer" if name == "docker" else "does not work"
        print(f"{name} is there, {what}: `{name} info` says why.", file=sys.stderr)
    return "buildah" if shutil.which("buildah") else None


def can_pull(engine: str) -> bool:
    """Whether the base image that the Dockerfile names can be pulled."""
    return subprocess.run([engine, "pull", metadata("baseImage")], capture_output=True).returncode == 0


@dataclass(frozen=True)
class Image:
    """A built image, and the engine that has it."""

    engine: str
    name: str

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """Entrypoint, Env, User and Labels, as in the OCI specification."""
        if self.engine == "buildah":
            found = json.loads(_output(["buildah", "inspect", "--type", "image", self.name]))["OCIv1"]["config"]
        else:
            found = json.loads(_output([self.engine, "image", "inspect", self.name]))[0]["Config"]
        assert isinstance(found, dict)
        return found

    @property
    def environment(self) -> dict[str, str]:
        return dict(variable.split("=", 1) for variable in self.config["Env"])

    @property
    def size(self) -> str:
        """The size as the engine tells it."""
        reference = self.name if self.engine == "buildah" else f"--filter=reference={self.name}"
        return _output([self.engine, "images", "--format", "{{.Size}}", reference]).splitlines()[0]

    def run(
        self,
        arguments: Sequence[str],
        *,
        mounts: Mounts | None = None,
        environment: Mapping[str, str] | None = None,
        entrypoint: str | None = None,
        timeout: float = 300,
    ) -> "subprocess.CompletedProcess[str]":
        """Runs a container of the image as its user, files mounted read-only; it shares the machine's network."""
        options = [part for name, value in (environment or {}).items() for part in ("--env", f"{name}={value}")]
        options += [part for path, inside in (mounts or {}).items() for part in ("--volume", f"{path}:{inside}:ro")]
        with self._command(options, entrypoint) as command:
            return subprocess.run(
                [*command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
            )

    @contextmanager
    def _command(self, options: Sequence[str], entrypoint: str | None) -> Iterator[list[str]]:
        if self.engine != "buildah":
            options = [*options, "--network", "host", *(["--entrypoint", entrypoint] if entrypoint else [])]
            if self.engine == "podman":
                # podman's own defaults can be higher than the machine allows even root.
                options += ["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=8192:8192"]
            yield [self.engine, "run", "--rm", *options, self.name]
            return
        # buildah runs commands only in an existing container, and does not add the entrypoint to them.
        container = _output(["buildah", "from", "--pull-never", self.name])
        try:
            command = [entrypoint] if entrypoint else self.config["Entrypoint"]
            isolation = ["--isolation", "oci", "--runtime", "runc", "--network", "host"]
            yield ["buildah", "run", *isolation, *options, container, "--", *command]
        finally:
            _output(["buildah", "rm", container])


def build(engine: str, base: str | None = None, name: str | None = None) -> Image:
    """Builds the image on the base image `base`, or on the one that the Dockerfile names."""
    repository, version = metadata("dockerRepository"), metadata("dockerImageTag")
    image = Image(engine, name or f"{repository}:{version}")
    options = ["--build-arg", f"NAME={repository}", "--build-arg", f"VERSION={version}", "--tag", image.name]
    if base:
        options += ["--build-arg", f"BASE_IMAGE={base}"]
    if base and engine != "docker":
        options += ["--pull-never" if engine == "buildah" else "--pull=never"]
    line = ["buildah", "bud", "--layers"] if engine == "buildah" else [engine, "build"]
    subprocess.run([*line, *options, "."], cwd=ROOT, env={**os.environ, **_BUILDAH}, stdout=sys.stderr, check=True)
    return image


def local_base() -> str:
    """Makes a stand-in for Airbyte's base image, for buildah on a Debian machine that can't pull it; returns its name.

    It has what the Dockerfile needs of the official one: `python` and `pip` in /usr/local, and the user 1000. It also
    has the machine's own CA bundle, because behind a proxy pip needs it to trust the package index. The name contains
    the hash of the bundle, so with another bundle the base is made again.
    """
    name = f"{LOCAL_BASE}:{hashlib.sha256(Path(_CERTIFICATES).read_bytes()).hexdigest()[:12]}"
    if subprocess.run(["buildah", "inspect", "--type", "image", name], capture_output=True).returncode == 0:
        return name
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    unused = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
    hooks = [
        'chroot "$1" python3 -m venv /usr/local',
        'chroot "$1" useradd --uid 1000 --system --user-group --no-create-home airbyte',
        f"copy-in {_CERTIFICATES} {Path(_CERTIFICATES).parent}",
    ]
    with tempfile.TemporaryDirectory(prefix="campaign-stats-base-") as folder:
        root = Path(folder) / "root.tar"
        subprocess.run(
            [
                "mmdebstrap",
                "--variant=minbase",
                "--include=python3-minimal,python3-venv,ca-certificates",
                *unused,
                *(f"--customize-hook={hook}" for hook in hooks),
                release,
                str(root),
            ],
            stdout=sys.stderr,
            check=True,
        )
        container = _output(["buildah", "from", "scratch"])
        _output(["buildah", "add", container, str(root), "/"])
    variables = ("PATH=/usr/local/bin:/usr/bin:/bin", f"SSL_CERT_FILE={_CERTIFICATES}", f"PIP_CERT={_CERTIFICATES}")
    _output(["buildah", "config", *(part for value in variables for part in ("--env", value)), container])
    _output(["buildah", "commit", "--quiet", "--rm", container, name])
    return name


def _output(line: Sequence[str]) -> str:
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **_BUILDAH})
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m integration_tests.image", description="Builds the Docker image.")
    parser.add_argument("--local-base", action="store_true", help="with buildah, on a base image made of this Debian")
    options = parser.parse_args()
    engine = "buildah" if options.local_base else find_engine()
    if engine is None:
        sys.exit("No image was built: install docker, podman or buildah, or start the daemon.")
    if not shutil.which(engine):
        sys.exit("No image was built: --local-base needs buildah.")
    began = time.monotonic()
    try:
        image = build(engine, local_base() if options.local_base else None)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"{error.cmd[0]} could not build the image, see above. Where the base can't be pulled, buildah builds on "
            "one that is made of this Debian: python3 -m integration_tests.image --local-base"
        )
    print(f"Built {image.name} with {engine} in {time.monotonic() - began:.0f} s: {image.size}")


if __name__ == "__main__":
    main()
