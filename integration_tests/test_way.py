"""If the connection to a vendor fails, `check` names the part that is broken, within a minute."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration_tests.conftest import World
from integration_tests.process import FAST, command_with, run

PASSWORD = "proxy-password-77"


@pytest.fixture
def listening() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """A function that starts a proxy, which treats each connection with the given function, and returns its address."""
    sockets: list[socket.socket] = []

    def serve(listener: socket.socket, treat: Callable[[socket.socket], None]) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            sockets.append(connection)
            threading.Thread(target=treat, args=(connection,), daemon=True).start()

    def made(treat: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)
        threading.Thread(target=serve, args=(listener, treat), daemon=True).start()
        return f"http://user:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}"

    yield made
    for one in sockets:
        one.close()


def answering(text: str) -> Callable[[socket.socket], None]:
    def treat(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(text.encode())
        connection.close()

    return treat


def breaking_behind_the_proxy(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    connection.recv(64)
    connection.close()


def saying_nothing(connection: socket.socket) -> None:
    time.sleep(120)


def message_of(world: World, seconds: float = 60, **variables: str) -> str:
    """The message of a failed `check` of Batch alone, with these environment variables."""
    config = {name: value for name, value in world.config.items() if name not in ("moengage", "batch_legacy")}
    output = run("check", config, {**world.sandbox.environment, **variables}, executable=FAST)
    assert output.seconds < seconds
    assert PASSWORD not in output.text
    assert output.connection_status["status"] == "FAILED"
    assert output.exit_code == 0
    return str(output.connection_status["message"])


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://", "What stands in HTTPS_PROXY is not the address of a proxy"),
        ("see the wiki", "What stands in HTTPS_PROXY is not the address of a proxy"),
        ("http://proxy..example:3128", "What stands in HTTPS_PROXY is not the address of a proxy"),
        ("http://user:p%E2%82%ACss@127.0.0.1:9", "What stands in HTTPS_PROXY is not the address of a proxy"),
        ("http:/proxy.example:3128", "What stands in HTTPS_PROXY is not the address of a proxy"),
        ("http://proxy.example:port", "What stands in HTTPS_PROXY is not the address of a proxy"),
        ("ftp://proxy.example:3128", "What stands in HTTPS_PROXY is not the address of a proxy"),
        ("socks5://127.0.0.1:1080", "The proxy in HTTPS_PROXY is a SOCKS proxy"),
        (f"http://user:{PASSWORD}@127.0.0.1:9", "The proxy in HTTPS_PROXY refuses connections"),
        ("127.0.0.1:9", "The proxy in HTTPS_PROXY refuses connections"),
        ("http://no-such-host.invalid:3128", "The proxy in HTTPS_PROXY has a name that is not known on this network"),
    ],
)
def test_a_proxy_that_can_not_be_used_is_reported(world: World, address: str, words: str) -> None:
    assert message_of(world, HTTPS_PROXY=address).startswith(f"Batch: {words}")


@pytest.mark.parametrize(
    ("treat", "words"),
    [
        (
            answering("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "The proxy in HTTPS_PROXY refused the connection",
        ),
        (answering("HTTP/1.1 403 Forbidden\r\n\r\n"), "The proxy in HTTPS_PROXY refused the connection to Batch"),
        (answering("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "The proxy in HTTPS_PROXY could not connect to Batch"),
        (answering("220 mail.example ESMTP\r\n"), "The proxy in HTTPS_PROXY does not behave like one"),
        (saying_nothing, "The proxy in HTTPS_PROXY does not answer"),
        (
            breaking_behind_the_proxy,
            "The connection to Batch (api.batch.com) broke again and again, although the proxy in",
        ),
    ],
    ids=["407", "403", "502", "no proxy", "silence", "broken behind it"],
)
def test_a_proxy_that_does_not_connect_is_reported(
    world: World,
    listening: Callable[[Callable[[socket.socket], None]], str],
    treat: Callable[[socket.socket], None],
    words: str,
) -> None:
    assert message_of(world, HTTPS_PROXY=listening(treat)).startswith(f"Batch: {words}")


def test_the_message_names_the_variable_of_the_proxy(world: World) -> None:
    assert "The proxy in ALL_PROXY refuses connections" in message_of(
        world, HTTPS_PROXY="", ALL_PROXY="http://127.0.0.1:9"
    )


def test_an_unknown_host_is_reported(world: World) -> None:
    try:
        socket.getaddrinfo("api.batch.com", 443)
        pytest.skip("this machine knows the vendor's host")
    except OSError:
        assert message_of(world, HTTPS_PROXY="").startswith(
            "Batch: The name api.batch.com is not known on this network"
        )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "The file that REQUESTS_CA_BUNDLE names is not there or can't be read"),
        ("hello\n", "The file that REQUESTS_CA_BUNDLE names holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
            "The file that REQUESTS_CA_BUNDLE names holds no",
        ),
    ],
    ids=["missing", "a text", "broken"],
)
def test_a_certificate_file_that_can_not_be_used_is_reported(
    world: World, tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)

    assert message_of(world, REQUESTS_CA_BUNDLE=str(path)).startswith(f"Batch: {words}")


def test_a_sync_reports_a_broken_proxy_without_a_stack_trace_or_exception_name(world: World) -> None:
    environment = {**world.sandbox.environment, "HTTPS_PROXY": "http://127.0.0.1:9"}
    output = run("read", world.config, environment, streams=["orchestrations"], executable=command_with(speed=200))

    [reason, verdict] = [error["message"] for error in output.errors]
    assert reason.startswith("orchestrations: The proxy in HTTPS_PROXY refuses connections")
    assert verdict.startswith("1 of 1 streams were not read to their end")
    assert output.exit_code == 1
    assert "Exception" not in output.text
    assert "Error(" not in output.text
    assert "Traceback" not in output.text
