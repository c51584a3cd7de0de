"""The manifest is valid, holds nothing deprecated, and every requester has timeouts, waits and a budget."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import requests
from airbyte_cdk.sources.declarative.concurrent_declarative_source import get_declarative_component_schema
from airbyte_cdk.sources.streams.call_rate import HttpAPIBudget

from source_campaign_stats import SourceCampaignStats
from source_campaign_stats.http.error_handler import VendorErrorHandler
from source_campaign_stats.http.waiting import VendorWait
from source_campaign_stats.settings.manifest import read_manifest
from source_campaign_stats.sync.lists import ListReader
from source_campaign_stats.sync.slices import SliceReader
from source_campaign_stats.vendors import VENDORS
from source_campaign_stats.vendors.batch import DAYS_KEPT
from unit_tests.builders import IOS_KEY, LOGGER, ConfigBuilder, app, read

STREAMS = {
    "orchestrations": (["id"], "Batch"),
    "orchestration_stats": (["orchestration_id", "date"], "Batch"),
    "legacy_campaigns": (["app", "campaign_token"], "Batch"),
    "legacy_campaign_stats": (["app", "campaign_token", "date"], "Batch"),
    "legacy_transactional_stats": (["app", "group_id", "date"], "Batch"),
    "moengage_campaigns": (["campaign_id"], "MoEngage"),
    "moengage_campaign_stats": (["date", "campaign_id", "platform", "locale", "variation"], "MoEngage"),
}
# How many requests a minute each vendor allows.
LIMITS = {
    "https://api.batch.com/2.10/orchestrations/list": ("GET", 60),
    "https://api.batch.com/2.10/orchestrations/stats?from=x": ("GET", 60),
    f"https://api.batch.com/1.1/{IOS_KEY}/campaigns/list": ("GET", 60),
    f"https://api.batch.com/1.1/{IOS_KEY}/campaigns/stats/c1": ("GET", 60),
    f"https://api.batch.com/1.1/{IOS_KEY}/transactional/stats/welcome?since=x": ("GET", 60),
    "https://api-01.moengage.com/core-services/v1/campaign-stats": ("POST", 100),
    "https://api-101.moengage.com/core-services/v1/campaigns/meta": ("POST", 100),
}


def source(**settings: Any) -> SourceCampaignStats:
    ios = app("iOS", IOS_KEY) | {"transactional_group_ids": ["welcome"]}
    config = ConfigBuilder().with_batch(**settings).with_legacy(ios).with_moengage().build()
    return SourceCampaignStats(catalog=None, config=config, state=None)


@pytest.fixture(scope="module")
def streams() -> dict[str, dict[str, Any]]:
    made = source()
    return {stream["name"]: stream for group in made.resolved_manifest["streams"] for stream in group["streams"]}


def requester_parts(stream: dict[str, Any]) -> dict[str, Any]:
    requester: dict[str, Any] = stream["retriever"]["requester"]
    return requester


def test_the_manifest_is_one_that_the_cdk_knows_and_holds_nothing_deprecated() -> None:
    made = source()

    jsonschema.validate(made.resolved_manifest, get_declarative_component_schema())
    for fields in fields_of_requesters(read_manifest()):
        assert not {"url_base", "path", "request_body_json", "request_body_data"} & {*fields}


def fields_of_requesters(part: Any) -> Iterator[dict[str, Any]]:
    """The fields of all HttpRequesters in a part of the manifest."""
    if isinstance(part, dict):
        if part.get("type") == "HttpRequester":
            yield part
        part = [*part.values()]
    for inner in part if isinstance(part, list) else ():
        yield from fields_of_requesters(inner)


def test_the_catalog_has_the_streams_and_keys_of_the_contract() -> None:
    made = source()
    catalog = made.discover(LOGGER, made.configure({}, ""))

    assert {
        stream.name: [".".join(key) for key in stream.source_defined_primary_key or []] for stream in catalog.streams
    } == {name: key for name, (key, _) in STREAMS.items()}
    incremental = {
        stream.name
        for stream in catalog.streams
        if "incremental" in [mode.value for mode in stream.supported_sync_modes]
    }
    assert incremental == {name for name in STREAMS if name.endswith("_stats")}
    assert {tuple(stream.default_cursor_field or []) for stream in catalog.streams if stream.name in incremental} == {
        ("date",)
    }


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (ConfigBuilder().with_batch(), {"orchestrations", "orchestration_stats"}),
        (ConfigBuilder().with_legacy(), {"legacy_campaigns", "legacy_campaign_stats"}),
        (ConfigBuilder().with_moengage(), {"moengage_campaigns", "moengage_campaign_stats"}),
    ],
    ids=["batch", "legacy", "moengage"],
)
def test_a_group_that_is_absent_has_no_streams(config: ConfigBuilder, expected: set[str]) -> None:
    made = SourceCampaignStats(catalog=None, config=config.build(), state=None)

    assert {stream.name for stream in made.discover(LOGGER, config.build()).streams} == expected


@pytest.mark.parametrize("name", STREAMS)
def test_a_requester_keeps_no_answers_and_has_both_timeouts(streams: dict[str, dict[str, Any]], name: str) -> None:
    requester = requester_parts(streams[name])

    assert requester["use_cache"] is False
    assert 0 < requester["connect_timeout_in_seconds"] <= 30
    assert 0 < requester["read_timeout_in_seconds"] <= 120
    assert requester["url"].startswith(("https://api.batch.com/", "https://api-"))
    assert requester["http_method"] == ("POST" if name.startswith("moengage") else "GET")


@pytest.mark.parametrize("name", STREAMS)
def test_a_requester_has_the_error_handler_and_the_waits_of_its_vendor(
    streams: dict[str, dict[str, Any]], name: str
) -> None:
    handler = requester_parts(streams[name])["error_handler"]

    assert handler["vendor"] == STREAMS[name][1]
    assert handler["class_name"].rpartition(".")[2].endswith("ErrorHandler")
    assert [strategy["vendor"] for strategy in handler["backoff_strategies"]] == [STREAMS[name][1]]
    assert handler["documented_answer"], "without it a maintenance page counts as an empty page"
    assert 401 in [code for item in handler["response_filters"] for code in item["http_codes"]]


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_built_is_what_the_manifest_says(name: str) -> None:
    stream = next(stream for stream in source().streams({}) if stream.name == name)
    reader: Any = stream._stream_partition_generator._partition_factory._retriever  # type: ignore[attr-defined]
    client = reader.retriever.requester._http_client

    assert isinstance(reader, SliceReader if name.endswith("_stats") else ListReader)
    assert isinstance(client._error_handler, VendorErrorHandler)
    assert [type(strategy) for strategy in client._backoff_strategies] == [VendorWait]
    assert type(client._session).__name__ == "LimiterSession", "the session must not be one that keeps answers"


def budget(**settings: Any) -> HttpAPIBudget:
    [found] = {id(budget): budget for budget in budgets_of(source(**settings))}.values()
    return found


def budgets_of(made: SourceCampaignStats) -> list[HttpAPIBudget]:
    """The budget that each stream draws on."""
    readers: list[Any] = [
        stream._stream_partition_generator._partition_factory._retriever  # type: ignore[attr-defined]
        for stream in made.streams({})
    ]
    return [reader.retriever.requester._http_client._session._api_budget for reader in readers]


@pytest.mark.parametrize("url", LIMITS)
def test_every_request_draws_on_a_budget_a_little_under_the_limit(url: str) -> None:
    method, limit = LIMITS[url]

    policy = budget().get_matching_policy(requests.Request(method, url).prepare())

    assert policy is not None
    a_minute = min(60_000 / rate.interval * rate.limit for rate in policy._bucket.rates)  # type: ignore[attr-defined]
    assert 0.85 * limit <= a_minute < limit


@pytest.mark.parametrize("allowed", [1, 5, 100])
def test_the_budget_of_batch_follows_the_setting_and_stays_below_it(allowed: int) -> None:
    request = requests.Request("GET", "https://api.batch.com/2.10/orchestrations/list").prepare()

    policy = budget(requests_per_second=allowed).get_matching_policy(request)

    [rate] = policy._bucket.rates  # type: ignore[union-attr]
    assert 0.85 * allowed <= rate.limit / (rate.interval / 1000) < allowed


def test_the_campaign_list_of_moengage_stays_under_ten_a_second() -> None:
    url = "https://api-01.moengage.com/core-services/v1/campaigns/meta"
    policy = budget().get_matching_policy(requests.Request("POST", url).prepare())

    rates = [rate for rate in policy._bucket.rates if rate.interval < 10_000]  # type: ignore[union-attr]
    assert [rate.limit / (rate.interval / 1000) < 10 for rate in rates] == [True], rates


def test_all_streams_of_a_sync_draw_on_the_same_budget() -> None:
    budgets = budgets_of(source())

    assert len(budgets) == len(STREAMS)
    assert len({id(budget) for budget in budgets}) == 1


@pytest.mark.parametrize("number", [None, 2, 3])
def test_the_number_of_workers_is_the_configured_one(number: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    workers: list[int] = []
    monkeypatch.setattr(
        "source_campaign_stats.source.read_concurrently", lambda _streams, number, _output: workers.append(number) or ()
    )

    read(ConfigBuilder().with_setting("num_workers", number).with_batch().build(), "orchestrations")

    assert workers == [number or 20]


def test_only_the_streams_that_are_read_share_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[int] = []
    monkeypatch.setattr(
        "source_campaign_stats.source.slices_at_once", lambda _workers, streams: shared.append(streams) or 1
    )
    config = ConfigBuilder().with_batch().with_legacy().with_moengage().build()

    read(config, "moengage_campaign_stats", "orchestrations")
    read(config, "orchestrations")

    assert shared == [1, 1]


def test_progress_is_estimated_with_the_budgets_of_the_manifest() -> None:
    """The last rate of a policy is the one of a minute; the number of Batch CEP is a setting."""
    settings: dict[str, dict[str, int]] = {"batch": {"requests_per_second": 3}, "batch_legacy": {}, "moengage": {}}
    paces = {stream: pace for vendor in VENDORS for stream, pace in vendor.paces(settings[vendor.name]).items()}
    rates = {
        policy["matchers"][0]["url_path_pattern"]: policy["rates"][-1]
        for policy in read_manifest()["api_budget"]["policies"]
    }
    paths = {"orchestration_stats": r"^/2\.10/", "legacy_campaign_stats": r"^/1\.1/"}
    paths["legacy_transactional_stats"] = paths["legacy_campaign_stats"]
    paths["moengage_campaign_stats"] = "^/core-services/v1/campaign-stats$"

    for stream, path in paths.items():
        limit = rates[path]["limit"] if stream != "orchestration_stats" else 3
        assert (paces[stream].calls, f"PT{paces[stream].seconds:g}S") == (limit, rates[path]["interval"]), stream


def test_check_knows_how_far_back_batch_is_asked() -> None:
    begins = read_manifest()["definitions"]["batch"]["orchestration_stats"]["incremental_sync"]["start_datetime"]

    assert begins["min_datetime"] == f"{{{{ day_delta(-{DAYS_KEPT}, '%Y-%m-%d') }}}}"
