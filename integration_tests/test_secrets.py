"""No key is printed, stored, or sent to another host: these keys can send messages to millions of phones."""

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from integration_tests.conftest import STREAMS, World
from integration_tests.process import FAST, Output, run
from integration_tests.sandbox import ENDPOINTS, Fault


def keys_of(config: dict[str, Any]) -> dict[str, str]:
    """Every secret of a configuration, and the Basic header made of two of its values."""
    moengage = config["moengage"]
    pair = f"{moengage['workspace_id']}:{moengage['api_key']}".encode()
    return {
        "Batch REST key": config["batch"]["rest_api_key"],
        "legacy REST key": config["batch_legacy"]["rest_api_key"],
        **{f"key of {app['name']}": app["api_key"] for app in config["batch_legacy"]["apps"]},
        "MoEngage key": moengage["api_key"],
        "Basic header": base64.b64encode(pair).decode(),
    }


def printed_keys(output: Output, keys: dict[str, str]) -> list[str]:
    return [
        f"{name}: …{output.text[max(0, output.text.index(key) - 200) : output.text.index(key)]}"
        for name, key in keys.items()
        if key in output.text
    ]


@pytest.mark.parametrize("verb", ["check", "discover", "read"])
def test_no_key_is_printed_by_any_verb_at_any_log_level(world: World, verb: str) -> None:
    for arguments, variables in (([], {}), (["--debug"], {}), ([], {"LOG_LEVEL": "debug"})):
        environment = {**world.sandbox.environment, **variables}
        output = run(verb, world.config, environment, streams=STREAMS, arguments=arguments)
        assert output.exit_code == 0, output.text[-2000:]
        assert not printed_keys(output, keys_of(world.config))


@pytest.mark.parametrize("kind", ["401", "403", "400", "404", "503", "reset", "cut_body", "html", "redirect", "hang"])
def test_no_key_is_printed_whatever_goes_wrong(world: World, kind: str) -> None:
    for endpoint in ENDPOINTS:
        world.sandbox.inject(Fault(kind, endpoint, times=None, seconds=5))
    for verb, arguments in (("read", ["--debug"]), ("check", [])):
        output = run(
            verb, world.config, world.sandbox.environment, streams=STREAMS, arguments=arguments, executable=FAST
        )
        assert not printed_keys(output, keys_of(world.config)), verb


def test_no_key_is_printed_when_the_certificate_or_the_proxy_is_refused(world: World) -> None:
    untrusted = {key: value for key, value in world.sandbox.environment.items() if "BUNDLE" not in key}
    no_proxy_there = {**world.sandbox.environment, "HTTPS_PROXY": "http://user:proxy-password-77@127.0.0.1:9"}
    for environment in (untrusted | {"REQUESTS_CA_BUNDLE": ""}, no_proxy_there):
        for verb in ("check", "read"):
            output = run(verb, world.config, environment, streams=STREAMS, arguments=["--debug"], executable=FAST)
            assert not printed_keys(output, keys_of(world.config) | {"proxy": "proxy-password-77"}), verb


@pytest.mark.parametrize(
    "pasted",
    [
        "first-half-of-key\nsecond-half-of-key",
        918273645546372819,
        ["a-key-in-a-list-12345"],
        {"a": "key-in-a-group-77"},
    ],
    ids=["line break", "number", "list", "group"],
)
def test_no_part_of_a_key_is_printed_when_it_was_pasted_wrongly(world: World, pasted: Any) -> None:
    for group, name in (("batch", "rest_api_key"), ("batch_legacy", "rest_api_key"), ("moengage", "api_key")):
        world.config[group][name] = pasted
    parts = ("first-half-of-key", "second-half", "918273645546372819", "a-key-in-a-list", "key-in-a-group")
    for verb in ("check", "read"):
        output = run(verb, world.config, world.sandbox.environment, streams=STREAMS, arguments=["--debug"])
        assert output.text.count("REST API key") >= 2
        assert [part for part in parts if part in output.text] == [], verb


def test_the_key_of_an_app_pasted_with_a_line_break_is_not_printed(world: World) -> None:
    world.config["batch_legacy"]["apps"][1]["api_key"] = "first-half-of-key\nsecond-half-of-key"
    output = run("check", world.config, world.sandbox.environment, arguments=["--debug"])
    assert output.connection_status["status"] == "FAILED"
    assert "line break" in output.connection_status["message"]
    assert "half-of-key" not in output.text
    assert not world.sandbox.requests


def test_white_space_around_keys_is_removed(world: World) -> None:
    world.config["batch"]["rest_api_key"] = f"  {world.config['batch']['rest_api_key']}\n"
    world.config["moengage"]["workspace_id"] = f"\t{world.config['moengage']['workspace_id']} "
    world.config["batch_legacy"]["apps"][0]["api_key"] += "\r\n"
    output = run("check", world.config, world.sandbox.environment)
    assert output.connection_status == {"status": "SUCCEEDED"}


def test_no_redirection_is_followed_and_only_the_vendors_hosts_are_asked(world: World) -> None:
    for endpoint in ENDPOINTS:
        world.sandbox.inject(Fault("redirect", endpoint))
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert output.exit_code == 0
    assert {request.host for request in world.sandbox.requests} == {"api.batch.com", "api-01.moengage.com"}


def test_batch_gets_only_get_requests(world: World) -> None:
    run("check", world.config, world.sandbox.environment)
    run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    methods = {request.method for request in world.sandbox.requests if request.host == "api.batch.com"}
    assert methods == {"GET"}


def test_no_state_holds_a_key(world: World) -> None:
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    states = json.dumps(output.states)
    assert not [name for name, key in keys_of(world.config).items() if key in states]


@pytest.mark.parametrize("key", ["live/key+77=", 'live"key\\77', "live%2Fkey?77", "live&key<77>~!'()*"])
def test_a_key_with_characters_that_a_url_or_json_escapes_is_not_printed(world: World, key: str) -> None:
    world.config["batch"]["rest_api_key"] = f"cep-{key}"
    world.config["batch_legacy"]["rest_api_key"] = f"mep-{key}"
    world.config["batch_legacy"]["apps"][0]["api_key"] = key
    world.config["moengage"]["api_key"] = f"moe-{key}"
    spelt = {key, quote(key), quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1], quote(quote(key, safe=""))}
    for verb in ("check", "read"):
        output = run(verb, world.config, world.sandbox.environment, streams=STREAMS, arguments=["--debug"])
        assert [text for text in spelt | {text.lower() for text in spelt} if text in output.text] == []
        assert world.sandbox.calls("legacy_list") or verb == "check"


def test_a_key_typed_into_an_unknown_setting_is_not_printed(world: World) -> None:
    world.config["batch"] |= dict.fromkeys(("project_key", "rest_key", "remark"), "k3y-of-nobody-0815")
    world.config["moengag"] = {"api_key": "k3y-of-nobody-0815"}
    for verb in ("check", "read"):
        output = run(verb, world.config, world.sandbox.environment, streams=STREAMS, arguments=["--debug"])
        assert "remark" in output.text
        assert "k3y-of-nobody-0815" not in output.text
        assert not world.sandbox.requests
