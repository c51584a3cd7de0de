"""The manifest of this package."""

import pkgutil
from typing import Any

import yaml


def read_manifest() -> dict[str, Any]:
    """The manifest as a mapping, with each `$ref` unresolved. Does not import the CDK."""
    text = pkgutil.get_data("source_campaign_stats", "manifest.yaml")
    assert text is not None
    # libyaml, where PyYAML was built with it, is ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    manifest: dict[str, Any] = yaml.load(text, Loader=loader)
    return manifest
