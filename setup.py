"""Packaging of the Airbyte source connector `source-campaign-stats`."""

from setuptools import find_packages, setup

# What the demo and the sandbox import. The tests need these too.
DEMO = ["duckdb~=1.4", "matplotlib~=3.10", "psycopg[binary]~=3.3", "pytest~=9.0", "trustme~=1.2"]

setup(
    name="source-campaign-stats",
    version="1.1.0",
    description="Airbyte source for campaign statistics of Batch (CEP and MEP) and MoEngage",
    license="MIT",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["source_campaign_stats", "source_campaign_stats.*"]),
    package_data={"source_campaign_stats": ["manifest.yaml", "schemas/*.json"]},
    install_requires=[
        "airbyte-cdk~=7.39.1",
        "attributes-doc>=0.4,<1",
        "msgspec>=0.19,<1",
        "orjson>=3.10,<4",
        "PyYAML>=6,<7",
        "requests>=2.32,<3",
    ],
    extras_require={
        "demo": DEMO,
        "tests": [
            *DEMO,
            "airbyte-connector-models~=0.1.12; python_version < '3.13'",
            "freezegun~=1.5",
            "gevent~=26.9",
            "hypothesis~=6.170",
            "jsonschema~=4.23",
            "pytest-xdist~=3.8",
            "requests-mock~=1.12",
        ],
        "mutants": ["mutmut~=3.8"],
        "lint": ["import-linter~=2.17", "mypy~=2.4", "ruff~=0.17.6", "types-PyYAML", "types-requests"],
    },
    entry_points={"console_scripts": ["source-campaign-stats=source_campaign_stats.run:run"]},
)
