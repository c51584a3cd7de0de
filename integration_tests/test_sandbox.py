"""The sandbox behaves as the vendors' pages say, and its truth is what a client that reads all of it gets."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from integration_tests.sandbox import ENDPOINTS, PRIMARY_KEYS, Account, Fault, Limits, Sandbox, make_account
from integration_tests.sandbox.messages import Call
from unit_tests.documented import (
    LEGACY_CAMPAIGN_STATS,
    LEGACY_TRANSACTIONAL_STATS,
    ORCHESTRATION_STATS,
    PERFORMANCE_STATS,
)

TODAY = date(2026, 11, 21)
ALL_STATUSES = ["draft", "running", "completed", "stopped"]
CEP = "https://api.batch.com/2.10/orchestrations"
MEP = "https://api.batch.com/1.1"
MOE = "https://api-01.moengage.com/core-services/v1"
DAY = timedelta(days=1)
STATISTICS = tuple(stream for stream in PRIMARY_KEYS if stream.endswith("_stats"))


@dataclass
class Client:
    """A client that knows only the keys that a user sets."""

    sandbox: Sandbox
    session: requests.Session

    @property
    def account(self) -> Account:
        return self.sandbox.account

    def batch(self, path: str, method: str = "GET", headers: dict[str, str] | None = None, **params: Any) -> Any:
        right = {
            "Authorization": f"Bearer {self.account.batch_rest_key}",
            "X-Batch-Project": self.account.project_key,
        }
        url = f"{CEP}/{path}"
        return self.session.request(method, url, params=params, headers=right | (headers or {}), timeout=5)

    def stats(self, orchestration_id: str, first: date, last: date, **params: Any) -> Any:
        window = {"from": str(first), "to": str(last), "include_platforms": "true"}
        return self.batch("stats", **({"orchestration_id": orchestration_id} | window | params))

    def legacy(self, path: str, app: int = 0, method: str = "GET", key: str | None = None, **params: Any) -> Any:
        headers = {"X-Authorization": key or self.account.legacy_rest_key}
        url = f"{MEP}/{self.account.apps[app].key}/campaigns/{path}"
        return self.session.request(method, url, params=params, headers=headers, timeout=5)

    def transactional(self, group: str, app: int = 0, app_key: str | None = None, **params: Any) -> Any:
        """Ask for a group, by default for two days. The id is put into the URL unquoted."""
        headers = {"X-Authorization": self.account.legacy_rest_key}
        url = f"{MEP}/{app_key or self.account.apps[app].key}/transactional/stats/{group}"
        days = {"since": str(self.account.horizon - DAY), "until": str(self.account.horizon)} | params
        asked = {name: day for name, day in days.items() if day is not None}
        return self.session.get(url, params=asked, headers=headers, timeout=5)

    def moengage(self, path: str, body: Any, host: str = MOE, method: str = "POST", **options: Any) -> Any:
        login = {
            "auth": (self.account.workspace_id, self.account.moengage_key),
            "headers": {"MOE-APPKEY": self.account.workspace_id},
        }
        return self.session.request(method, f"{host}/{path}", json=body, timeout=5, **(login | options))

    def moengage_stats(self, day: date, **body: Any) -> Any:
        return self.moengage("campaign-stats", stats_body(day, **body))

    def endpoint(self, name: str) -> Any:
        """Send a simple request without mistakes to an endpoint."""
        account = self.account
        if name == "batch_list":
            return self.batch("list", limit=100, status=ALL_STATUSES)
        if name == "batch_stats":
            return self.stats(account.orchestrations[0].id, account.first_day, account.horizon)
        if name == "legacy_list":
            return self.legacy("list", limit=100)
        if name == "legacy_stats":
            return self.legacy(f"stats/{account.apps[0].campaigns[0].token}")
        if name == "legacy_transactional_stats":
            return self.transactional(account.apps[0].groups[0].id)
        if name == "moengage_stats":
            return self.moengage_stats(account.horizon)
        return self.moengage("campaigns/meta", {"request_id": new_id(), "page": 1, "limit": 15})


def new_id() -> str:
    return str(uuid.uuid4())


def without_id(answer: Any) -> Any:
    """An answer without the request's id, which it repeats."""
    return {**answer, "response_id": ""} if isinstance(answer, dict) and "response_id" in answer else answer


def stats_body(day: date, **more: Any) -> dict[str, Any]:
    body = {
        "request_id": new_id(),
        "start_date": str(day),
        "end_date": str(day),
        "attribution_type": "TOTAL_CONVERSIONS",
        "metric_type": "TOTAL",
    }
    return {name: value for name, value in {**body, **more}.items() if value is not None}


def connect(sandbox: Sandbox) -> Client:
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"https": sandbox.environment["HTTPS_PROXY"]}
    session.verify = sandbox.environment["REQUESTS_CA_BUNDLE"]
    return Client(sandbox, session)


@pytest.fixture(scope="module")
def running() -> Iterator[Client]:
    account = make_account(today=TODAY, orchestrations=60, legacy_campaigns=24, moengage_campaigns=33)
    with Sandbox(account, Limits(batch_per_second=10_000, legacy_per_minute=10_000)) as sandbox:
        yield connect(sandbox)


@pytest.fixture
def client(running: Client) -> Iterator[Client]:
    running.sandbox.clear()
    yield running
    running.sandbox.clear_faults()


@pytest.fixture
def own() -> Iterator[Client]:
    with Sandbox(make_account(today=TODAY)) as sandbox:
        yield connect(sandbox)


# --- the way in -----------------------------------------------------------------------------------------


def test_a_host_that_is_not_a_vendor_is_refused_and_remembered(client: Client) -> None:
    with pytest.raises(requests.exceptions.ProxyError):
        client.session.get("https://evil.example/")
    (request,) = client.sandbox.requests
    assert (request.method, request.host, request.status) == ("CONNECT", "evil.example", 403)


def test_plain_http_is_refused_and_remembered_without_its_path(client: Client) -> None:
    proxies = {"http": client.sandbox.environment["HTTPS_PROXY"]}
    answer = client.session.get(f"http://api.batch.com/1.1/{client.account.apps[0].key}/x", proxies=proxies)
    assert answer.status_code == 403
    assert [(r.status, r.path) for r in client.sandbox.requests] == [(403, "")]


def test_a_client_that_does_not_trust_the_ca_gets_a_certificate_error(client: Client) -> None:
    proxies = {"https": client.sandbox.environment["HTTPS_PROXY"]}
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        requests.get(f"{CEP}/list", proxies=proxies, verify=True, timeout=5)


def test_app_keys_never_appear_in_remembered_paths(client: Client) -> None:
    for index in range(3):
        client.legacy("list", app=index)
        client.legacy("elsewhere", app=index)
    client.session.get(f"{MEP}/half-of-a-key/campaigns/list", headers={"X-Authorization": "x"})
    shown = " ".join(r.path for r in client.sandbox.requests)
    assert len(client.sandbox.requests) == 7
    assert not [app.key for app in client.account.apps if app.key in shown]
    assert "half-of-a-key" not in shown


# --- Batch CEP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"limit": 101}, "limit"),
        ({"limit": 0}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"status": ["running", "paused"]}, "status"),
        ({"type": "in-app"}, "type"),
        ({"channels": "in_app"}, "channels"),
        ({"from": "bm90aGluZw=="}, "cursor"),
        ({"page": 2}, "page"),
    ],
)
def test_the_batch_list_refuses_what_its_page_does_not_allow(client: Client, params: Any, word: str) -> None:
    answer = client.batch("list", **params)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error_message", "error_code"}
    assert word in answer.json()["error_message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer no"},
        {"Authorization": ""},
        {"X-Batch-Project": "no"},
        {"X-Batch-Project": ""},
    ],
)
@pytest.mark.parametrize("path", ["list", "stats"])
def test_batch_refuses_a_wrong_or_missing_key(client: Client, path: str, headers: Any) -> None:
    answer = client.batch(path, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "AUTHENTICATION_INVALID")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_anything_but_get_is_refused_by_batch_and_remembered(client: Client, method: str) -> None:
    assert client.batch("list", method=method).status_code == 405
    assert client.legacy("list", method=method).status_code == 405
    assert [r.method for r in client.sandbox.requests] == [method, method]


@pytest.mark.parametrize(
    "change",
    [
        {"from": "2026-05-20"},
        {"from": "2026-11-20", "to": "2026-11-19"},
        {"from": "20261120"},
        {"to": None},
        {"id": "orchestration_x"},
        {"include_platforms": "yes"},
    ],
)
def test_batch_statistics_refuse_a_wrong_window(client: Client, change: dict[str, Any]) -> None:
    answer = client.stats(client.account.orchestrations[0].id, TODAY - DAY, TODAY, **change)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


def test_exactly_six_months_ago_is_still_allowed_and_an_unknown_id_is_404(client: Client) -> None:
    assert client.stats(client.account.orchestrations[0].id, date(2026, 5, 21), TODAY).status_code == 200
    assert client.stats("orchestration_x", TODAY, TODAY).status_code == 404


def all_orchestrations(client: Client, limit: int = 7, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    answer = client.batch("list", limit=limit, **params).json()
    while True:
        assert answer["count"] == len(answer["orchestrations"]) <= limit
        items += answer["orchestrations"]
        if not answer["has_more"]:
            assert "next_from" not in answer
            return items
        answer = client.batch("list", limit=limit, **params, **{"from": answer["next_from"]}).json()


def test_paging_through_the_batch_list_gives_every_orchestration_once(client: Client) -> None:
    items = all_orchestrations(client, status=ALL_STATUSES)
    assert [item["id"] for item in items] == [o.id for o in client.account.orchestrations]
    assert {item["status"] for item in all_orchestrations(client)} == {"running", "completed"}


def test_a_cursor_that_was_not_url_encoded_is_refused(client: Client) -> None:
    cursor = client.batch("list", limit=5).json()["next_from"]
    assert "+" in cursor
    assert "/" in cursor
    raw = client.session.get(f"{CEP}/list?from={cursor}", headers=client.sandbox.calls()[-1].headers)
    assert raw.status_code == 400


def test_the_batch_list_shows_every_oddity_of_the_documents(client: Client) -> None:
    items = all_orchestrations(client, status=ALL_STATUSES)
    text = json.dumps(items)
    for word in (
        "repeat_fequency",
        "repeat_frequency",
        "messages_steps",
        "message_steps",
        "WEEKLY",
        "weekly",
    ):
        assert f'"{word}"' in text, word
    assert {item["type"] for item in items} == {"campaign", "onetime", "recurring", "warmup", "trigger"}
    assert {item["status"] for item in items} == set(ALL_STATUSES)
    assert {item.get("start_time", "")[-1:] == "Z" for item in items} == {True, False}
    assert {"soon", None} <= {item.get("start_time") for item in items}
    assert "1234567890e12" in {item["id"] for item in items}
    assert [] in [item.get("labels") for item in items]


def test_platforms_come_as_a_map_and_as_an_array_and_only_when_asked_for(client: Client) -> None:
    shapes = set()
    for o in client.account.orchestrations:
        for row in client.stats(o.id, client.account.first_day, TODAY).json()["details"]:
            for part in (row, *row.get("versions", []), *row.get("message_steps", [])):
                shapes.add(type(part.get("platform")))
    assert shapes == {dict, list, type(None)}
    plain = client.stats(client.account.orchestrations[0].id, client.account.first_day, TODAY, include_platforms=None)
    assert '"platform":' not in plain.text


# --- Batch MEP ------------------------------------------------------------------------------------------


def test_the_legacy_api_refuses_wrong_keys(client: Client) -> None:
    for answer in (
        client.legacy("list", key="no"),
        client.legacy("stats/x", key="no"),
        client.session.get(f"{MEP}/no-app/campaigns/list", headers={"X-Authorization": client.account.legacy_rest_key}),
    ):
        assert (answer.status_code, answer.json()) == (401, {"code": 10, "message": "AUTHENTICATION_INVALID"})


@pytest.mark.parametrize("params", [{"limit": 101}, {"from": -1}, {"live": "yes"}, {"page": 1}])
def test_the_legacy_list_refuses_what_is_not_allowed(client: Client, params: Any) -> None:
    assert client.legacy("list", **params).status_code == 400


def test_paging_through_a_legacy_list_gives_every_campaign_newest_first(client: Client) -> None:
    pages = [client.legacy("list", **{"from": n}).json() for n in (0, 10, 20, 30)]
    assert [len(page) for page in pages] == [10, 10, 4, 0]
    items = [item for page in pages for item in page]
    assert [i["campaign_token"] for i in items] == [c.token for c in client.account.apps[0].campaigns]
    days = [item["created_date"][:10] for item in items]
    assert days == sorted(days, reverse=True)
    split = [client.legacy("list", limit=100, live=flag).json() for flag in ("true", "false")]
    assert all(split)
    assert sum(map(len, split)) == 24


def test_a_dev_campaign_and_an_unknown_token_have_no_statistics(client: Client) -> None:
    dev = next(c for c in client.account.apps[0].campaigns if c.dev_only)
    for token in (dev.token, "unknown"):
        answer = client.legacy(f"stats/{token}")
        assert (answer.status_code, answer.json()["code"]) == (404, 20)


def test_one_token_in_two_apps_has_two_sets_of_numbers(client: Client) -> None:
    token = client.account.apps[0].campaigns[0].token
    first, second = (client.legacy(f"stats/{token}", app=index).json() for index in (0, 1))
    assert first["campaign_token"] == second["campaign_token"] == token
    assert first["detail"] != second["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"since": None},
        {"until": None},
        {"since": "2026-11-20", "until": "2026-11-20"},
        {"since": "2026-11-20", "until": "2026-11-19"},
        {"since": "2026-05-19", "until": "2026-11-20"},
        {"since": "2026-11-1", "until": "2026-11-20"},
        {"since": "yesterday"},
        {"since": ["2026-11-01", "2026-11-02"]},
        {"limit": 10},
        {"from": "2026-11-01"},
    ],
    ids=str,
)
def test_transactional_statistics_refuse_a_wrong_window_and_what_they_do_not_know(
    client: Client, change: dict[str, Any]
) -> None:
    answer = client.transactional("welcome", **change)
    assert (answer.status_code, answer.json()["code"]) == (400, 30)


def test_transactional_statistics_of_six_months_are_allowed_and_have_only_days_of_the_window(client: Client) -> None:
    first, last = date(2026, 5, 20), date(2026, 11, 20)
    answer = client.transactional("welcome", since=str(first), until=str(last))
    days = [date.fromisoformat(row["date"]) for row in answer.json()["detail"]]
    assert (answer.status_code, answer.json()["group_id"]) == (200, "welcome")
    assert days == sorted(set(days))
    assert first <= min(days) <= max(days) == last
    inside = client.transactional("welcome", since="2026-11-05", until="2026-11-10").json()["detail"]
    assert [row["date"] for row in inside] == [
        str(day) for day in days if date(2026, 11, 5) <= day <= date(2026, 11, 10)
    ]


def test_a_group_has_to_be_quoted_and_an_unknown_group_or_one_of_another_app_is_404(client: Client) -> None:
    assert client.transactional("order%2Fconfirm%20%C3%A9").status_code == 200
    for group, app in (("order/confirm%20%C3%A9", 0), ("unknown", 0), ("", 0), ("order%2Fconfirm%20%C3%A9", 1)):
        answer = client.transactional(group, app)
        assert (answer.status_code, answer.json()["code"]) == (404, 20), group


def test_a_group_with_an_unquoted_letter_leads_to_no_endpoint(client: Client) -> None:
    host = client.account.apps[0].key
    for group in ("confirm é", "é", "a b", "50%", "a%2"):
        headers: Message[str, str] = Message()
        headers["X-Authorization"] = client.account.legacy_rest_key
        target = f"/1.1/{host}/transactional/stats/{group}?since=2026-11-01&until=2026-11-02"
        assert client.sandbox.route(Call("GET", "api.batch.com", target, headers, b"")).endpoint is None, group


def test_a_development_key_shows_nothing(client: Client) -> None:
    for key in (client.account.apps[0].dev_key, "no-app"):
        assert client.transactional("welcome", app_key=key).json()["code"] == 10


def test_one_group_in_two_apps_has_two_sets_of_numbers(client: Client) -> None:
    first, second = (client.transactional("welcome", app=index).json()["detail"] for index in (0, 1))
    assert first != second


# --- MoEngage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"request_id": None},
        {"start_date": None},
        {"end_date": "2026-11-18"},
        {"end_date": "2026-12-31"},
        {"attribution_type": "LAST_TOUCH"},
        {"metric_type": "total"},
        {"limit": 11},
        {"limit": "10"},
        {"offset": -1},
        {"campaign_ids": []},
        {"campaign_ids": ["a", "a"]},
        {"campaign_ids": [1]},
        {"campaign_ids": [str(n) for n in range(11)]},
        {"page": 1},
    ],
)
def test_moengage_statistics_refuse_a_wrong_body(client: Client, change: dict[str, Any]) -> None:
    answer = client.moengage_stats(date(2026, 11, 19), **change)
    assert answer.status_code == 400
    assert set(answer.json()) == {"title", "description", "code"}


def test_a_window_of_thirty_days_is_one_aggregate(client: Client) -> None:
    assert client.moengage_stats(TODAY, start_date="2026-10-22").status_code == 200
    assert client.moengage_stats(TODAY, start_date="2026-10-21").status_code == 400


@pytest.mark.parametrize(
    "options",
    [
        {"auth": ("012345678901234567e23", "no")},
        {"headers": {"MOE-APPKEY": "12345678901234567e23"}},
        {"headers": {}},
        {"auth": None},
        {"host": "https://api-101.moengage.com/core-services/v1"},
    ],
)
@pytest.mark.parametrize("path", ["campaign-stats", "campaigns/meta"])
def test_moengage_refuses_wrong_keys_and_another_data_center(client: Client, path: str, options: Any) -> None:
    answer = client.moengage(path, stats_body(TODAY), **options)
    assert (answer.status_code, answer.json()["title"]) == (401, "Authentication required")


def test_moengage_accepts_only_post(client: Client) -> None:
    assert client.moengage("campaign-stats", None, method="GET").status_code == 405
    assert client.moengage("campaigns/meta", {}, method="PUT").status_code == 405


def moengage_day(client: Client, day: date, limit: int = 3, **body: Any) -> dict[str, Any]:
    data: dict[str, Any] = {}
    while True:
        answer = client.moengage_stats(day, offset=len(data), limit=limit, **body).json()
        assert not set(data) & set(answer["data"])
        data |= answer["data"]
        if answer["current_page"] >= answer["total_pages"]:
            assert len(data) == answer["total_campaigns"]
            return data


def test_paging_through_a_day_of_moengage_gives_every_campaign_with_statistics(client: Client) -> None:
    day = client.account.horizon
    config = client.sandbox.config()
    rows = client.sandbox.expected("moengage_campaign_stats", day, day, config)
    data = moengage_day(client, day)
    assert set(data) == {row["campaign_id"] for row in rows}
    assert len(data) > 10


def test_a_day_without_statistics_has_no_page(client: Client) -> None:
    answer = client.moengage_stats(client.account.first_day - DAY * 9).json()
    assert (answer["total_campaigns"], answer["total_pages"], answer["data"]) == (0, 0, {})


def test_the_total_counts_the_ids_asked_or_found_as_the_account_says() -> None:
    for way, total in (("found", 1), ("asked", 3)):
        account = make_account(today=TODAY, moengage_total=way)
        with Sandbox(account) as sandbox:
            day = account.first_day
            ids = ["unknown", account.moengage_campaigns[0].id, "other"]
            answer = connect(sandbox).moengage_stats(day, campaign_ids=ids).json()
            assert answer["total_campaigns"] == total
            assert list(answer["data"]) == [ids[1]]


def test_numbers_depend_on_attribution_and_metric_type(client: Client) -> None:
    day = client.account.horizon
    kinds = [{}, {"metric_type": "UNIQUE"}, {"attribution_type": "IN_SESSION"}]
    answers = [json.dumps(client.moengage_stats(day, **kind).json()["data"]) for kind in kinds]
    assert len(set(answers)) == 3


def test_moengage_names_what_is_left_of_its_limit(client: Client) -> None:
    headers = client.moengage_stats(TODAY).headers
    left = int(headers["x-ratelimit-remaining"])
    assert int(client.moengage_stats(TODAY).headers["x-ratelimit-remaining"]) == left - 1
    assert 0 <= int(headers["x-ratelimit-reset"]) - time.time() <= 61


def test_an_account_without_the_feature_gets_403_on_statistics_only() -> None:
    with Sandbox(make_account(today=TODAY, moengage_stats_enabled=False)) as sandbox:
        client = connect(sandbox)
        answer = client.moengage_stats(TODAY)
        assert (answer.status_code, answer.json()["description"]) == (403, None)
        assert client.endpoint("moengage_campaigns").status_code == 200


def all_moengage_campaigns(client: Client, **more: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for page in range(1, 99):
        body = {"request_id": new_id(), "page": page, "limit": 15, **more}
        items += (got := client.moengage("campaigns/meta", body).json())
        if len(got) < 15:
            break
    return items


def test_children_and_archived_campaigns_are_listed_only_when_asked_for(client: Client) -> None:
    whole = all_moengage_campaigns(client, include_child_campaigns=True, include_archive_campaigns=True)
    assert [item["campaign_id"] for item in whole] == [c.id for c in client.account.moengage_campaigns]
    usual = all_moengage_campaigns(client)
    assert 0 < len(usual) < len(whole)
    assert not [item for item in usual if "parent_campaign_id" in item]


def test_moengage_refuses_a_request_id_that_it_had_before(client: Client) -> None:
    body = {"request_id": new_id(), "page": 1, "limit": 15}
    assert client.moengage("campaigns/meta", body).status_code == 200
    assert client.moengage("campaigns/meta", body).status_code == 400
    again = client.moengage_stats(client.account.horizon, request_id=body["request_id"])
    assert (again.status_code, "request_id" in again.text) == (400, True)


def test_moengage_knows_the_request_id_of_a_request_that_failed(own: Client) -> None:
    own.sandbox.inject(Fault("500", "moengage_stats"))
    answers = [own.moengage_stats(own.account.horizon, request_id="once") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 400]


@pytest.mark.parametrize("body", [{"page": 0}, {"limit": 16}, {"request_id": None}, {"offset": 0}])
def test_the_moengage_list_refuses_a_wrong_body(client: Client, body: Any) -> None:
    answer = client.moengage("campaigns/meta", {"request_id": new_id(), **body})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


# --- limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "allowed", "seconds"),
    [
        ("batch_list", 1, 1),
        ("batch_stats", 1, 1),
        ("legacy_list", 60, 60),
        ("moengage_stats", 100, 60),
        ("moengage_campaigns", 10, 1),
    ],
)
def test_the_vendors_own_limits_are_kept(endpoint: str, allowed: int, seconds: float) -> None:
    now = [1000.0]
    with Sandbox(make_account(today=TODAY), Limits(strict=True), clock=lambda: now[0]) as sandbox:
        client = connect(sandbox)
        answers = [client.endpoint(endpoint) for _ in range(allowed + 1)]
        assert [a.status_code for a in answers] == [200] * allowed + [429]
        assert len(sandbox.refusals) == 1
        assert ("x-ratelimit-reset" in answers[-1].headers) == endpoint.startswith("moengage")
        now[0] += seconds
        assert client.endpoint(endpoint).status_code == 200


# --- faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "400", "401", "403", "404", "429"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_injected_error_happens_once_on_its_endpoint(client: Client, endpoint: str, kind: str) -> None:
    client.sandbox.inject(Fault(kind, endpoint))
    other = ENDPOINTS[(ENDPOINTS.index(endpoint) + 1) % len(ENDPOINTS)]
    got = [client.endpoint(name).status_code for name in (other, endpoint, endpoint)]
    assert got == [200, int(kind), 200]
    assert [r.fault for r in client.sandbox.requests] == [None, kind, None]
    assert client.sandbox.faults_left == 0
    assert client.sandbox.refusals == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", requests.exceptions.ConnectionError),
        ("tls_cut", requests.exceptions.ConnectionError),
        ("cut_body", requests.exceptions.ChunkedEncodingError),
        ("handshake_cut", requests.exceptions.ConnectionError),
    ],
)
def test_a_connection_that_breaks_is_seen_and_the_next_one_works(
    client: Client, endpoint: str, kind: str, error: type[Exception]
) -> None:
    client.session.close()
    client.sandbox.inject(Fault(kind, endpoint))
    with pytest.raises(error):
        client.endpoint(endpoint)
    assert client.sandbox.requests[-1].fault == kind
    assert client.endpoint(endpoint).status_code == 200


def test_a_reset_is_a_reset_on_the_wire(client: Client) -> None:
    port = int(client.sandbox.environment["HTTPS_PROXY"].rsplit(":", 1)[1])
    client.sandbox.inject(Fault("reset"))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(b"CONNECT api.batch.com:443 HTTP/1.1\r\n\r\n")
        assert b"200" in plain.recv(1000)
        context = ssl.create_default_context(cafile=client.sandbox.environment["REQUESTS_CA_BUNDLE"])
        with context.wrap_socket(plain, server_hostname="api.batch.com") as tls:
            tls.sendall(b"GET /2.10/orchestrations/list HTTP/1.1\r\n\r\n")
            # Read below TLS, because OpenSSL reports a reset as an end of file.
            with socket.socket(fileno=socket.dup(tls.fileno())) as wire:
                wire.settimeout(5)
                with pytest.raises(ConnectionResetError):
                    wire.recv(100)


def test_a_handshake_is_cut_even_when_a_connection_is_open(client: Client) -> None:
    client.endpoint("moengage_stats")
    client.sandbox.inject(Fault("handshake_cut", "moengage_stats"))
    client.endpoint("moengage_stats")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.endpoint("moengage_stats")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_answers_that_are_not_the_documented_object(client: Client, endpoint: str) -> None:
    is_list = endpoint in ("legacy_list", "moengage_campaigns")
    for kind in ("html", "empty", "null", "list", "key_missing"):
        client.sandbox.inject(Fault(kind, endpoint))
    html, empty, null, other, missing = (client.endpoint(endpoint) for _ in range(5))
    assert {a.status_code for a in (html, empty, null, other, missing)} == {200}
    assert html.text.startswith("<!DOCTYPE html>")
    assert (empty.content, null.json(), other.json()) == (b"", None, {} if is_list else [])
    whole = client.endpoint(endpoint).json()
    assert (set(missing.json()) == {"message"}) if is_list else (len(whole) == len(missing.json()) + 1)


def test_a_hang_gives_no_answer_and_a_slow_answer_comes_late(client: Client) -> None:
    client.sandbox.inject(Fault("hang", seconds=0.2), Fault("slow", seconds=0.2))
    began = time.monotonic()
    with pytest.raises(requests.exceptions.ConnectionError):
        client.endpoint("batch_list")
    assert client.endpoint("batch_list").status_code == 200
    assert 0.4 <= time.monotonic() - began < 2


def test_a_redirect_leads_to_another_host(client: Client) -> None:
    client.sandbox.inject(Fault("redirect"))
    answer = client.session.get(f"{CEP}/list", allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://evil.example/")


def test_a_429_carries_the_wait_that_was_given(client: Client) -> None:
    client.sandbox.inject(
        Fault("429", retry_after=7), Fault("429", reset=1800000000), Fault("429", header={"X-Odd": "yes"})
    )
    first, second, third = (client.endpoint("moengage_stats").headers for _ in range(3))
    assert first["Retry-After"] == "7"
    assert second["x-ratelimit-reset"] == "1800000000"
    assert third["X-Odd"] == "yes"
    assert "x-ratelimit-reset" not in third


def test_a_list_that_contradicts_itself(client: Client) -> None:
    client.sandbox.inject(Fault("has_more_stuck", times=2), Fault("has_more_without_next"))
    first = client.batch("list", limit=5).json()
    second = client.batch("list", limit=5, **{"from": first["next_from"]}).json()
    assert second["next_from"] == first["next_from"]
    third = client.batch("list", limit=100).json()
    assert third["has_more"]
    assert "next_from" not in third


def test_a_campaign_that_the_total_counts_is_missing_on_the_last_page(client: Client) -> None:
    client.sandbox.inject(Fault("fewer_campaigns"))
    seen, pages, answer = 0, 0, {"current_page": 0, "total_pages": 1}
    while answer["current_page"] < answer["total_pages"]:
        answer = client.moengage_stats(client.account.horizon, offset=pages * 10).json()
        seen, pages = seen + len(answer["data"]), pages + 1
    assert pages > 1
    assert seen == answer["total_campaigns"] - 1


def test_a_fault_can_skip_match_and_last_for_ever(client: Client) -> None:
    token = client.account.apps[0].campaigns[2].token
    client.sandbox.inject(Fault("500", "legacy_stats", times=None, skip=1, match=lambda r: token in r.path))
    got = [client.legacy(f"stats/{token}").status_code for _ in range(4)]
    assert got == [200, 500, 500, 500]
    assert client.endpoint("legacy_stats").status_code == 200
    assert client.sandbox.faults_left == 0


def test_a_list_grows_between_two_pages(own: Client) -> None:
    first = own.batch("list", limit=5, status=ALL_STATUSES).json()
    own.sandbox.inject(Fault("grow", "batch_list"))
    second = own.batch("list", limit=5, status=ALL_STATUSES, **{"from": first["next_from"]}).json()
    assert second["orchestrations"][0] == first["orchestrations"][-1]


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        Fault("explosion")


# --- data and truth -------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_data_and_another_makes_others() -> None:
    def everything(seed: int) -> str:
        sandbox = Sandbox(make_account(seed=seed, today=TODAY))
        config = sandbox.config()
        streams = {s: sandbox.expected(s, TODAY - DAY * 60, TODAY, config) for s in PRIMARY_KEYS}
        return json.dumps(streams)

    assert everything(7) == everything(7)
    assert everything(7) != everything(8)


def test_keys_of_the_truth_are_unique(client: Client) -> None:
    for stream, key in PRIMARY_KEYS.items():
        rows = client.sandbox.expected(stream, client.account.first_day, TODAY, client.sandbox.config())
        assert rows
        assert len({tuple(row[name] for name in key) for row in rows}) == len(rows)


def named(parts: Any) -> list[Any]:
    if isinstance(parts, dict):
        return [{"platform": name, **block} for name, block in parts.items()]
    return [{**part, "platform": part["platform"].lower()} for part in parts]


def straightened(row: dict[str, Any]) -> dict[str, Any]:
    row = {**row, "platforms": named(row["platform"])} if "platform" in row else dict(row)
    row.pop("platform", None)
    for name in ("versions", "message_steps"):
        if name in row:
            row[name] = [straightened(part) for part in row[name]]
    return row


# The metrics that the vendors' pages name.
NAMED = {
    "orchestration_stats": ORCHESTRATION_STATS,
    "legacy_campaign_stats": LEGACY_CAMPAIGN_STATS,
    "legacy_transactional_stats": LEGACY_TRANSACTIONAL_STATS,
    "moengage_campaign_stats": PERFORMANCE_STATS,
}


def parted(row: dict[str, Any], names: Container[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The part of a row with these names, and the rest."""
    return {k: v for k, v in row.items() if k in names}, {k: v for k, v in row.items() if k not in names}


def with_others(metrics: dict[str, Any], stream: str) -> dict[str, Any]:
    named, others = parted(metrics, NAMED[stream])
    return named | ({"other_metrics": others} if others else {})


def test_the_truth_of_orchestrations_is_what_a_reader_gets(client: Client) -> None:
    account, config = client.account, client.sandbox.config()
    rows = []
    for item in all_orchestrations(client, status=ALL_STATUSES):
        details = client.stats(item["id"], account.first_day, TODAY).json()["details"]
        fixed = {"project_key": account.project_key, "orchestration_id": item["id"]}
        for row in sorted(details, key=lambda row: row["date"]):
            beside, metrics = parted(row, {"date", "platform", "versions", "message_steps"})
            rows.append(fixed | straightened(beside) | with_others(metrics, "orchestration_stats"))
    assert rows == client.sandbox.expected("orchestration_stats", account.first_day, TODAY, config)


def test_the_truth_of_the_orchestration_list_has_one_spelling(client: Client) -> None:
    rows = client.sandbox.expected("orchestrations", TODAY, TODAY, client.sandbox.config())
    text = json.dumps(rows)
    assert "repeat_fequency" not in text
    assert "messages_steps" not in text
    times = {row.get("start_time", "absent") for row in rows}
    assert {None, "absent"} < times
    assert all(len(t) == 20 and t.endswith("Z") for t in times - {None, "absent"})
    listed = {item["id"]: item for item in all_orchestrations(client, status=ALL_STATUSES)}
    assert [row["name"] for row in rows] == [listed[row["id"]]["name"] for row in rows]


def test_the_truth_of_legacy_campaigns_is_what_a_reader_gets(client: Client) -> None:
    rows = []
    for index, app in enumerate(client.account.apps):
        for item in client.legacy("list", app=index, limit=100).json():
            answer = client.legacy(f"stats/{item['campaign_token']}", app=index).json()
            for row in answer.get("detail", ()):
                if "versions" in row:
                    row["versions"] = [{"version": name, **block} for name, block in row["versions"].items()]
                beside, metrics = parted(row, {"date", "versions"})
                fixed = {"app": app.name, "campaign_token": item["campaign_token"]}
                rows.append(fixed | beside | with_others(metrics, "legacy_campaign_stats"))
    config = client.sandbox.config()
    truth = client.sandbox.expected("legacy_campaign_stats", client.account.first_day, TODAY, config)
    assert rows == truth
    assert {"versions" in row for row in rows} == {True, False}


def test_the_truth_of_transactional_messages_is_what_a_reader_gets(client: Client) -> None:
    rows = []
    window = {"since": str(client.account.first_day), "until": str(TODAY)}
    for index, app in enumerate(client.account.apps):
        for group in app.groups:
            for row in client.transactional(quote(group.id, safe=""), app=index, **window).json()["detail"]:
                beside, metrics = parted(row, {"date"})
                fixed = {"app": app.name, "group_id": group.id}
                rows.append(fixed | beside | with_others(metrics, "legacy_transactional_stats"))
    config = client.sandbox.config()
    assert rows == client.sandbox.expected("legacy_transactional_stats", client.account.first_day, TODAY, config)
    assert {row["app"] for row in rows} == {app.name for app in client.account.apps[:2]}


@pytest.mark.parametrize("metric_type", ["TOTAL", "UNIQUE"])
def test_the_truth_of_moengage_is_what_a_reader_gets(client: Client, metric_type: str) -> None:
    last = client.account.horizon
    rows = []
    for day in (last - DAY * 2, last - DAY, last):
        for id_, entries in moengage_day(client, day, 10, metric_type=metric_type).items():
            for platform, locales in (item for entry in entries for item in entry["platforms"].items()):
                for locale, variations in locales["locales"].items():
                    for variation, stats in variations["variations"].items():
                        rows.append((str(day), id_, platform, locale, variation, stats))
    config = client.sandbox.config(moengage={"metric_type": metric_type})
    truth = client.sandbox.expected("moengage_campaign_stats", last - DAY * 2, last, config)
    got = {row[:5]: row[5] for row in rows}
    assert len(got) == len(truth)
    for row in truth:
        stats = got[tuple(row[name] for name in PRIMARY_KEYS["moengage_campaign_stats"])]
        performance = with_others(stats.get("performance_stats", {}), "moengage_campaign_stats")
        assert parted(row, {*PERFORMANCE_STATS, "other_metrics"})[0] == performance
        assert row["delivery_funnel"] == stats["delivery_funnel"]
        goals = [{"goal_name": name, **block} for name, block in stats["conversion_goal_stats"].items()]
        assert row["conversion_goal_stats"] == goals
        failures = [{"reason": why, "count": n} for why, n in stats["failure_breakdown"].items()]
        assert row["failure_breakdown"] == failures
        assert row["metric_type"] == metric_type


def test_every_vendor_sends_undocumented_metrics_some_named_like_columns(client: Client) -> None:
    config, account = client.sandbox.config(), client.account
    for stream, key in (
        ("orchestration_stats", "project_key"),
        ("legacy_campaign_stats", "campaign_token"),
        ("legacy_transactional_stats", "group_id"),
        ("moengage_campaign_stats", "in_total"),
    ):
        rows = client.sandbox.expected(stream, account.first_day, TODAY, config)
        others = [row["other_metrics"] for row in rows if "other_metrics" in row]
        assert 0 < len(others) < len(rows) / 2, stream
        assert any(key in block for block in others), stream
        assert any(isinstance(value, dict) for block in others for value in block.values()), stream


# The leaves of each kind of campaign that count if all of them have numbers, worked out by hand.
IN_TOTAL: list[set[tuple[str, str, str]]] = [
    {("android", "all_locales", "all_variations")},
    {("ALL_PLATFORMS", "all_locale", "all_variations")},
    {("email", "all_locales", "all_variations")},
    {("web", "all_locales", "1e5"), ("web", "all_locales", "null"), ("MWEB", "en", "Variation 1")},
    {("whatsapp", "all_locales", "all_variations")},
    {("ANDROID", "en", "all_variations"), ("IOS", "en", "all_variations")},
    {("All_Platforms", "ALL_LOCALES", "All_Variations")},
    {("email", "all_locales", "Variation 1"), ("email", "all_locales", "Variation 2")},
    {("UNKNOWN", "all_locales", "all_variations")},
    {("ALL_PLATFORMS", "en", "Variation 1"), ("ALL_PLATFORMS", "fr", "all_variations")},
]


def test_the_truth_says_which_leaves_count_a_day_once(client: Client) -> None:
    account, seen = client.account, set()
    rows = client.sandbox.expected("moengage_campaign_stats", account.first_day, TODAY, client.sandbox.config())
    kinds = {campaign.id: n % len(IN_TOTAL) for n, campaign in enumerate(account.moengage_campaigns)}
    days: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        days[(row["campaign_id"], row["date"])].append(row)
    for (campaign, day), leaves in days.items():
        with_numbers = {leaf_of(row) for row in leaves if any(row.get(name) is not None for name in PERFORMANCE_STATS)}
        counted = {leaf_of(row) for row in leaves if row["in_total"]}
        assert counted <= with_numbers, (campaign, day)
        assert bool(counted) == bool(with_numbers), (campaign, day)
        if len(with_numbers) == len([row for row in leaves if not row["variation"].endswith("_control_group")]):
            assert counted == IN_TOTAL[kinds[campaign]], (campaign, day)
            seen.add(kinds[campaign])
    assert seen == set(range(len(IN_TOTAL)))


def leaf_of(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["platform"], row["locale"], row["variation"]


def test_the_truth_follows_the_filters_of_the_configuration(own: Client) -> None:
    account, sandbox = own.account, own.sandbox
    token, campaign = account.apps[1].campaigns[0].token, account.moengage_campaigns[0].id
    config = sandbox.config(
        batch={"skip_orchestration_ids": ["1234567890e12"]},
        batch_legacy={
            "apps": [
                {
                    "name": "A",
                    "api_key": account.apps[1].key,
                    "campaign_tokens": [token],
                    "transactional_group_ids": ["1e5", "unknown"],
                }
            ]
        },
        moengage={"campaign_ids": [campaign]},
    )
    days = (account.first_day, TODAY)
    skipped = {row["orchestration_id"] for row in sandbox.expected("orchestration_stats", *days, config)}
    assert "1234567890e12" not in skipped
    for stream in ("legacy_campaigns", "legacy_campaign_stats"):
        found = {(r["app"], r["campaign_token"]) for r in sandbox.expected(stream, *days, config)}
        assert found == {("A", token)}
    found = {(r["app"], r["group_id"]) for r in sandbox.expected("legacy_transactional_stats", *days, config)}
    assert found == {("A", "1e5")}
    found = {r["campaign_id"] for r in sandbox.expected("moengage_campaign_stats", *days, config)}
    assert found == {campaign}


def test_there_is_a_row_on_every_edge_and_none_beyond(client: Client) -> None:
    account = client.account
    assert {name for _, name, _ in account.edges} == {"start-1", "start+4", "end+4", "end+90"}
    for id_, name, day in account.edges:
        outside = day + (-DAY if name == "start-1" else DAY)
        assert len(client.stats(id_, day, day).json()["details"]) == 1, name
        assert client.stats(id_, outside, outside).json()["details"] == [], name
    assert account.first_day in {day for _, name, day in account.edges if name == "start+4"}
    assert account.horizon in {day for _, name, day in account.edges if name == "start-1"}


def test_drafts_have_no_rows(client: Client) -> None:
    days, config = (client.account.first_day, TODAY), client.sandbox.config()
    drafts = {o.id for o in client.account.orchestrations if o.status(TODAY) == "draft"}
    assert drafts
    assert not drafts & {r["orchestration_id"] for r in client.sandbox.expected("orchestration_stats", *days, config)}


def test_restating_changes_numbers_of_the_named_rows_and_no_others(own: Client) -> None:
    sandbox, days = own.sandbox, (own.account.first_day, TODAY)
    config = sandbox.config()

    def rows() -> dict[tuple[str, ...], str]:
        found = {}
        for stream in STATISTICS:
            for row in sandbox.expected(stream, *days, config):
                found[(stream, *(row[name] for name in PRIMARY_KEYS[stream]))] = json.dumps(row)
        return found

    before = rows()
    changed = sandbox.restate(TODAY - DAY * 10, TODAY - DAY * 5, fraction=0.4)
    after = rows()
    assert set(before) == set(after)
    assert {key for key in before if before[key] != after[key]} == {(s, *key) for s, key in changed}
    assert {stream for stream, _ in changed} == {key[0] for key in before}
    sandbox.restate(TODAY - DAY * 10, TODAY - DAY * 5, add_rows=True)
    assert set(rows()) > set(before)


def test_a_new_day_brings_rows_and_newcomers(own: Client) -> None:
    sandbox, config = own.sandbox, own.sandbox.config()
    lists = ("orchestrations", "legacy_campaigns", "moengage_campaigns")
    before = [len(sandbox.expected(stream, TODAY, TODAY, config)) for stream in lists]
    assert sandbox.expected("orchestration_stats", TODAY, TODAY, config) == []
    sandbox.add_day()
    assert own.account.today == TODAY + DAY
    for stream in STATISTICS:
        assert sandbox.expected(stream, TODAY, TODAY, config), stream
    assert [len(sandbox.expected(s, TODAY, TODAY, config)) for s in lists] == [n + 1 for n in before]
    newest = own.account.orchestrations[0].id
    details = own.stats(newest, TODAY - DAY * 5, TODAY).json()["details"]
    assert min(row["date"] for row in details) == "2026-11-20"


# --- the rest -------------------------------------------------------------------------------------------


def test_fast_mode_answers_the_same_bytes_and_keeps_no_requests(own: Client) -> None:
    with Sandbox(own.account, fast=True) as sandbox:
        fast = connect(sandbox)
        for endpoint in ENDPOINTS:
            slow = without_id(own.endpoint(endpoint).json())
            assert [without_id(fast.endpoint(endpoint).json()) for _ in range(2)] == [slow, slow]
        assert fast.moengage_stats(own.account.horizon, request_id="other").json()["response_id"] == "other"
        assert fast.batch("list", headers={"Authorization": "no"}).status_code == 401
        assert sandbox.requests == []
        assert sandbox.request_count == 2 * len(ENDPOINTS) + 2
        before = without_id(fast.endpoint("moengage_stats").json())
        sandbox.restate(own.account.horizon, own.account.horizon, fraction=1)
        assert without_id(fast.endpoint("moengage_stats").json()) != before


def test_a_child_process_needs_only_the_environment(client: Client) -> None:
    code = f"import requests; print(requests.get('{CEP}/list', timeout=5).status_code)"
    environment = {**client.sandbox.environment, "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "401", done.stderr


def test_the_command_prints_what_to_set_and_writes_a_configuration() -> None:
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "integration_tests.sandbox", "--seed", "3"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(3)]
        config = json.loads(Path(lines[2].removeprefix("# configuration: ")).read_text())
        process.terminate()
        assert process.wait(5) == 0
    assert [line.split("=")[0] for line in lines[:2]] == ["export HTTPS_PROXY", "export REQUESTS_CA_BUNDLE"]
    assert set(config) == {"start_date", "batch", "batch_legacy", "moengage"}


def test_closing_removes_the_ca() -> None:
    sandbox = Sandbox(make_account(today=TODAY)).start()
    ca = Path(sandbox.environment["REQUESTS_CA_BUNDLE"])
    assert ca.exists()
    sandbox.close()
    assert not ca.exists()
