"""The HTTPS proxy: it answers CONNECT, ends TLS with a temporary CA and passes each request on.

`Front` decides what is answered.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from .messages import Call


@dataclass
class Reply:
    """An answer as it is sent. `wire` is the fault of the connection, if it has one; `seconds` delays the answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    wire: str | None = None
    seconds: float = 0.0
    close: bool = False


@dataclass
class Front:
    """How the proxy asks what to answer."""

    hosts: Collection[str]
    respond: Callable[[Call], Reply]
    refuse: Callable[[str, str, str], None]
    cuts_handshake: Callable[[str], bool]


class Proxy(ThreadingHTTPServer):
    """The proxy on 127.0.0.1; `close` also ends the connections that are still open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, front: Front, directory: Path, port: int = 0) -> None:
        self.front = front
        self.ended = threading.Event()
        self._open: set[socket.socket] = set()
        authority = trustme.CA()
        self.ca_path = directory / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_path)
        # One certificate for all hosts, so that no client waits for a signature.
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.num_tickets = 0
        authority.issue_cert(*front.hosts).configure_cert(self.tls)
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address for HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self.ended.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def opened(self, connection: socket.socket) -> None:
        """Remember a connection."""
        self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not print errors of clients that hang up; any other error is a mistake of the sandbox and is printed."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    tunnel: str | None = None

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()
        self.server.closed(self.connection)
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the sandbox remembers the requests itself."""

    def do_CONNECT(self) -> None:
        front = self.server.front
        host, _, port = self.path.partition(":")
        if host not in front.hosts or port != "443" or self.tunnel:
            self._refuse(host, self.path)
            return
        self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.close_connection = False
        if front.cuts_handshake(host):
            self.connection.recv(64)
            self._reset()
            return
        plain = self.connection
        try:
            self.connection = self.server.tls.wrap_socket(plain, server_side=True)
        except OSError:
            # A client that does not trust the CA, or a port scan.
            self.close_connection = True
            return
        self.server.closed(plain)
        self.server.opened(self.connection)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)
        self.tunnel = host

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if length != "0" and hasattr(socket, "TCP_QUICKACK"):
            # Behind a proxy urllib3 leaves Nagle's algorithm on, so the body waits until the head is acknowledged.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        raw = self.rfile.read(int(length)) if length.isdigit() else b""
        if self.tunnel is None:
            self._refuse(self.headers.get("Host", ""), self.path)
            return
        call = Call(self.command, self.tunnel, self.path, self.headers, raw)
        self._send(self.server.front.respond(call))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def _refuse(self, host: str, target: str) -> None:
        self.server.front.refuse(self.command, host, target)
        self._send(Reply(403, b"The sandbox only stands in for its vendors, over https.\n", close=True))

    def _send(self, reply: Reply) -> None:
        if reply.seconds and self.server.ended.wait(reply.seconds):
            reply.wire = "hang"
        if reply.wire == "hang":
            self.close_connection = True
            return
        if reply.wire == "reset":
            self._reset()
            return
        if reply.wire == "tls_cut":
            self._cut_record()
            return
        head = self._head(reply)
        if reply.wire == "cut_body":
            self.connection.sendall(head + reply.body[: len(reply.body) // 2])
            self.close_connection = True
            return
        self.connection.sendall(head if self.command == "HEAD" else head + reply.body)
        self.close_connection |= reply.close

    def _head(self, reply: Reply) -> bytes:
        status = HTTPStatus(reply.status)
        headers = {"Content-Length": str(len(reply.body)), "Server": "sandbox", **reply.headers}
        if reply.close:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _reset(self) -> None:
        # With a linger time of 0, closing sends RST instead of FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._drop()

    def _cut_record(self) -> None:
        # A TLS record that announces 16 KiB and ends after a few bytes; no close_notify follows.
        with socket.socket(fileno=socket.dup(self.connection.fileno())) as wire:
            wire.sendall(b"\x17\x03\x03\x40\x00" + bytes(200))
        self._drop()

    def _drop(self) -> None:
        for stream in (self.rfile, self.wfile):
            stream.close()
        self.connection.close()
        # Otherwise http.server would flush the closed streams.
        raise ConnectionAbortedError
