"""The connection to a vendor: proxy, certificates, host. If it fails, the message says which of them is the cause."""

import functools
import importlib.util
import os
import re
import ssl
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
import urllib3.exceptions
from requests.utils import get_environ_proxies, select_proxy

from source_campaign_stats.output.errors import config_error

_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_REASON_OF_OPENSSL = re.compile(r"verify.failed:.([^(]+?)\.?.\(")
_UNKNOWN_AUTHORITY = re.compile("issuer|self.signed")


def raise_for_way(url: str, proxies: Mapping[str, str] | None, verify: object) -> None:
    """Raises a configuration error for a proxy or a certificate file that can't work.

    `proxies` and `verify` are those of a request, with the environment's variables applied.
    """
    if proxy := select_proxy(url, dict(proxies or {})):
        _raise_for_proxy(str(proxy))
    if isinstance(verify, (str, os.PathLike)):
        _raise_for_certificates(Path(verify))


def broken_way(error: requests.RequestException, vendor: str) -> tuple[str, bool]:
    """What broke, as a message for people, and whether only a change of the settings can help.

    Example: `("The proxy in HTTPS_PROXY refuses connections. Check its address and port.", False)`.
    """
    url = (error.request.url if error.request is not None else None) or "https://"
    host = urlsplit(url).hostname or f"the host of {vendor}"
    proxy = proxy_variable(url)
    causes = list(_causes_of(error))
    text = str(error)
    refused = _REASON_OF_OPENSSL.search(text)
    if refused and not _UNKNOWN_AUTHORITY.search(refused[1]):
        return (
            f"The certificate shown for {vendor} is not valid: {refused[1]}. Check the clock of this machine, and "
            "whether the network leads to the vendor.",
            False,
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            f"The certificate shown for {vendor} is not trusted. If a proxy of your company opens the "
            "connections, set REQUESTS_CA_BUNDLE to the file with its certificate authority.",
            True,
        )
    if isinstance(error, requests.exceptions.ProxyError) or (proxy and _is_at_the_proxy(causes)):
        return _broken_proxy(proxy or "HTTPS_PROXY", vendor, causes, text)
    # The body can stop, too: then only the error inside says it.
    if any(isinstance(one, requests.exceptions.ReadTimeout | urllib3.exceptions.ReadTimeoutError) for one in causes):
        return f"{vendor} did not answer in time.", False
    through = f", although the proxy in {proxy} was reached" if proxy else ""
    if any(isinstance(cause, urllib3.exceptions.NameResolutionError) for cause in causes):
        return (
            f"The name {host} is not known on this network (DNS), so {vendor} can't be reached. Check the network.",
            False,
        )
    if any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes):
        return f"{host} refuses connections, so {vendor} can't be reached. Check the network and its firewall.", False
    if any(isinstance(cause, urllib3.exceptions.ConnectTimeoutError) for cause in causes):
        return f"{host} does not answer, so {vendor} can't be reached. Check the network and its firewall.", False
    return f"The connection to {vendor} ({host}) broke again and again{through}.", False


def proxy_variable(url: str) -> str | None:
    """The environment variable that names the proxy for this address; None for a direct connection."""
    if not select_proxy(url, get_environ_proxies(url)):
        return None
    return next((name for name in _PROXY_VARIABLES if os.environ.get(name)), "HTTPS_PROXY")


def _broken_proxy(variable: str, vendor: str, causes: list[BaseException], text: str) -> tuple[str, bool]:
    the_proxy = f"The proxy in {variable}"
    if any(f"Tunnel connection failed: {status}" in text for status in (401, 403, 405, 407)):
        return (
            f"{the_proxy} refused the connection to {vendor}. Check the user and password in it and whether the proxy "
            "allows this host.",
            True,
        )
    if "Tunnel connection failed" in text:
        return f"{the_proxy} could not connect to {vendor}. Ask whoever runs the proxy.", False
    if any(isinstance(cause, urllib3.exceptions.NameResolutionError) for cause in causes):
        return (
            f"{the_proxy} has a name that is not known on this network, so {vendor} can't be reached. "
            "Check its address.",
            False,
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return f"{the_proxy} refuses connections, so {vendor} can't be reached. Check its address and port.", False
    if any(isinstance(cause, (urllib3.exceptions.TimeoutError, TimeoutError)) for cause in causes):
        return f"{the_proxy} does not answer, so {vendor} can't be reached. Check its address and port.", False
    return f"{the_proxy} does not behave like one, so {vendor} can't be reached. Check its address and port.", False


def _is_at_the_proxy(causes: list[BaseException]) -> bool:
    """Whether it broke before the proxy opened the tunnel; only the functions in the stack trace show that."""
    places = {frame.f_code.co_name for cause in causes for frame, _ in traceback.walk_tb(cause.__traceback__)}
    return "_tunnel" in places or any(isinstance(cause, urllib3.exceptions.ConnectTimeoutError) for cause in causes)


def _raise_for_proxy(proxy: str) -> None:
    variable = next((name for name in _PROXY_VARIABLES if os.environ.get(name)), "HTTPS_PROXY")
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0) and " " not in proxy
        is_address = is_address and not re.match(r"\w+:/(?!/)", proxy)
        # Neither a name with two dots in a row nor such a password can be sent. Both are no `OSError` later.
        (parts.hostname or "").encode("idna")
        unquote(f"{parts.username}:{parts.password}").encode("latin-1")
    except ValueError:
        is_address = False
    if not is_address or parts.scheme not in ("http", "https", "socks4", "socks4a", "socks5", "socks5h"):
        raise config_error(
            f"What stands in {variable} is not the address of a proxy. Write it as http://host:port, with a user as "
            "http://user:password@host:port."
        )
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socks") is None:
        raise config_error(
            f"The proxy in {variable} is a SOCKS proxy, and the library for those is not there. Take an HTTP proxy, or "
            "install PySocks beside the connector."
        )


def _raise_for_certificates(path: Path) -> None:
    variable = next((name for name in _CA_VARIABLES if os.environ.get(name)), _CA_VARIABLES[0])
    try:
        if path.is_dir():
            return
        _load(path, path.stat().st_mtime_ns)
    except ssl.SSLError:
        raise config_error(
            f"The file that {variable} names holds no certificate. It has to be in the PEM format: lines between "
            "BEGIN CERTIFICATE and END CERTIFICATE."
        ) from None
    except OSError:
        raise config_error(
            f"The file that {variable} names is not there or can't be read. Check the path; in a container, check that "
            "it is mounted."
        ) from None


@functools.lru_cache
def _load(path: Path, changed: int) -> None:
    """Loads a certificate file once, and again if it changed: the usual one takes 50 ms, too long for each request."""
    ssl.create_default_context(cafile=str(path))


def _causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """The error and everything inside it: requests and urllib3 put the reason into arguments and attributes."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            yield cause
            waiting += [*cause.args, getattr(cause, "reason", None), getattr(cause, "original_error", None)]
            waiting += [cause.__cause__, cause.__context__]
