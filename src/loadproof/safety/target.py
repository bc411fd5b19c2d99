"""The target: a base URL that is sound, and a service behind it that answers, both known before any load.

Each address is shown to the target guard before it is connected to, and is connected to as it was shown: no
second look-up lies between.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from loadproof.errors import ConfigError, Problem, RefusedError, TargetError, WrongValueError
from loadproof.safety.redact import redact_url
from loadproof.units import format_duration
from loadproof.version import __version__

DEFAULT_TIMEOUT_S: Final = 5.0
Refuses = Callable[[str, str], str]
_PORTS: Final = {"http": 80, "https": 443}
CONNECT_ONLY: Final = "tcp"
"""The scheme of an address that speaks another protocol: it is at most connected to."""
# Long enough for "HTTP/1.1 200", short enough that a server which never ends its line cannot hold us.
_STATUS_LINE_BYTES: Final = 64
_FRAME_HEAD_BYTES: Final = 9
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~?"
_HOST = re.compile(r"[^\s/?#@:\[\]%!$&'()*+,;=`{}|^]+")

_Info = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


@dataclass(frozen=True, slots=True)
class _Service:
    scheme: str
    host: str
    port: int
    path: str
    deadline_s: float
    """On the monotonic clock: all steps together must end by then."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def left_s(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        left = self.deadline_s - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def normalise_target(url: str, where: str = "", *, found: bool = False) -> str:
    """The base URL in one spelling: lower-case scheme and host, no trailing slash, password kept.

    `found`: in the scenario, where it may be `tcp://HOST:PORT`, of any other protocol.

    Raises:
        ConfigError: no or another scheme than http(s), no host, a bad port, an address or text that no URL
            may hold. The message never shows a password.
    """
    text = url.strip()
    if not text:
        raise ConfigError(Problem("the target is empty", where, "write a base URL: http://localhost:8000"))
    try:
        return _normal(text, (*_PORTS, CONNECT_ONLY) if found else tuple(_PORTS))
    except WrongValueError as error:
        message = f"the target '{redact_url(text)}' {error}"
        raise ConfigError(Problem(message, where, error.hint)) from None


def preflight(
    url: str,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    *,
    verify_tls: bool = True,
    refuses: Refuses = lambda _address, _host: "",
) -> None:
    """Ask the target for one plain page; any HTTP status will do, or that it begins to speak HTTP/2.

    No redirect is followed.

    `refuses`: why an address may not be connected to under a name; "" where it may.

    Raises:
        RefusedError: one of its addresses may not be loaded; nothing was sent.
        TargetError: it does not resolve, refuses, does not answer within `timeout_s` seconds altogether,
            fails in TLS, or answers something else than HTTP. One line, and a hint.
        ConfigError: the URL is not one (see `normalise_target`).
    """
    service = _service(normalise_target(url, found=True), timeout_s)
    try:
        head = _first_bytes(service, verify_tls, refuses)
    except TimeoutError:
        raise _unreachable(
            f"the target {service} does not answer within {format_duration(timeout_s)}",
            "is it overloaded, or does a firewall drop the packets?",
        ) from None
    if head is None:
        return
    if not head:
        raise _unreachable(f"the target {service} closes the connection without an answer")
    if not head.startswith(b"HTTP/") and not _is_http2(head):
        tls = service.scheme == "http" and head[:1] in {b"\x15", b"\x16"}
        hint = "it seems to speak TLS: write https://" if tls else "is this the right port?"
        raise _unreachable(f"the target {service} answers, but not in HTTP", hint)


def status_of(url: str, timeout_s: float, refuses: Refuses) -> int | None:
    """The status that a page answers with, without a redirect followed; None when nothing answers in HTTP.

    Raises RefusedError as `preflight` does.
    """
    service = _service(url, timeout_s)
    try:
        head = _first_bytes(service, True, refuses) or b""
    except (TargetError, TimeoutError):
        return None
    found = re.match(rb"HTTP/\S+ (\d{3})", head)
    return int(found[1]) if found else None


def _service(url: str, timeout_s: float) -> _Service:
    parts = urlsplit(url)
    return _Service(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or _PORTS.get(parts.scheme, 0),
        path=parts._replace(scheme="", netloc="", fragment="", path=parts.path or "/").geturl(),
        deadline_s=time.monotonic() + timeout_s,
    )


def _first_bytes(service: _Service, verify_tls: bool, refuses: Refuses) -> bytes | None:
    """Of the answer to a plain GET; None for what is only connected to. Raises TimeoutError and more."""
    infos = _resolve(service)
    problems = [why for info in infos if (why := refuses(str(info[4][0]), service.host))]
    if problems:
        raise RefusedError(*(Problem(f"refused: {why}") for why in dict.fromkeys(problems)))
    with contextlib.closing(_connect(service, infos)) as plain:
        if service.scheme == CONNECT_ONLY:
            return None
        if service.scheme == "http":
            return _ask(plain, service)
        with contextlib.closing(_encrypt(plain, service, verify_tls)) as secure:
            return _ask(secure, service)


def _normal(text: str, schemes: tuple[str, ...]) -> str:
    if re.search(r"[\s\x00-\x1f\x7f\\\\<>\"]", text):
        raise WrongValueError("holds a character that no URL may hold", "encode it: a space is %20")
    if "${" in text:
        hint = 'give it on the command line: --target "$NAME"'
        raise WrongValueError("holds a variable, which is not read here", hint)
    scheme, separator, _ = text.partition("://")
    if not separator:
        bare = redact_url(re.sub(r"^(?:https?(?::/*|/+)|/+)", "", text, flags=re.IGNORECASE))
        raise WrongValueError("has no scheme", f"write http://{bare} or https://{bare}")
    if scheme.lower() not in schemes:
        raise WrongValueError(f"has the scheme '{scheme}'", "write http:// or https://")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise WrongValueError(
            "has a broken IPv6 address", "write it in brackets: http://[::1]:8000"
        ) from None
    if "?" in text or "#" in text:
        raise WrongValueError(
            "has a query or fragment", "write the base URL; the rest belongs to the scenario"
        )
    userinfo, at, _ = parts.netloc.rpartition("@")
    return f"{scheme.lower()}://{userinfo}{at}{_host_and_port(parts)}{parts.path.rstrip('/')}"


def _host_and_port(parts: SplitResult) -> str:
    _, _, place = parts.netloc.rpartition("@")
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            raise WrongValueError("has a broken IPv6 address", "write it as http://[::1]:8000") from None
        shown, port = f"[{host.lower()}]", rest.removeprefix(":")
    else:
        host, colon, port = place.partition(":")
        if ":" in port:
            raise WrongValueError("has an IPv6 address without brackets", "write it as http://[::1]:8000")
        if not host:
            raise WrongValueError("has no host", "write http://localhost:8000")
        if _HOST.fullmatch(host) is None:
            raise WrongValueError(f"has the host '{host}', which is no host name")
        shown = host.lower()
        if colon and not port:
            raise WrongValueError("has ':' and no port", "write a port from 1 to 65535, or leave out the ':'")
    if not port:
        return shown
    if re.fullmatch(r"[0-9]{1,5}", port) is None or not 1 <= int(port) <= 65535:
        # With user:password@ in front, what looks like a port may be a part of an unencoded password.
        shown_port = "a bad port" if "@" in parts.geturl() else f"the port '{port}'"
        raise WrongValueError(f"has {shown_port}", "a port is a number from 1 to 65535")
    return f"{shown}:{int(port)}"


def _unreachable(message: str, hint: str = "") -> TargetError:
    return TargetError(Problem(message, hint=hint))


def _resolve(service: _Service) -> list[_Info]:
    """Its addresses. The look-up has no time-out of its own, hence the thread."""
    found: list[_Info] = []
    failure: list[str] = []

    def look_up() -> None:
        try:
            found.extend(
                socket.getaddrinfo(service.host, service.port, type=socket.SOCK_STREAM)  # type: ignore[arg-type]
            )
        except socket.gaierror as error:
            failure.append(error.strerror or str(error))
        except UnicodeError:
            failure.append("it is no host name")

    thread = threading.Thread(target=look_up, daemon=True, name="loadproof-resolve")
    thread.start()
    thread.join(service.left_s())
    if failure:
        raise _unreachable(
            f"the target's host '{service.host}' does not resolve: {failure[0]}", "is the name spelt right?"
        )
    if not found:
        raise TimeoutError
    return found


def _connect(service: _Service, infos: list[_Info]) -> socket.socket:
    """A connection to the first of its addresses that takes one."""
    failure: OSError | None = None
    for tried, (family, kind, protocol, _, address) in enumerate(infos):
        candidate = socket.socket(family, kind, protocol)
        try:
            # An address that swallows packets must leave time for the others.
            candidate.settimeout(service.left_s() / (len(infos) - tried))
            candidate.connect(address)
        except OSError as error:
            candidate.close()
            failure = error
        else:
            return candidate
    if isinstance(failure, TimeoutError):
        raise failure
    if isinstance(failure, ConnectionRefusedError):
        raise _unreachable(
            f"the target {service} refuses the connection", "is the service running, on this port?"
        )
    reason = (failure.strerror or str(failure)) if failure else "no address"
    raise _unreachable(f"the target {service} cannot be reached: {reason}")


def _encrypt(plain: socket.socket, service: _Service, verify_tls: bool) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    if not verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    plain.settimeout(service.left_s())
    try:
        return context.wrap_socket(plain, server_hostname=service.host)
    except ssl.SSLCertVerificationError as error:
        raise _unreachable(
            f"the target {service} fails in TLS: {error.verify_message}",
            "is its certificate meant for it? SSL_CERT_FILE=ca.pem trusts an authority of your own",
        ) from None
    except ssl.SSLError as error:
        raise _unreachable(f"the target {service} fails in TLS: {_tls_reason(error)}", _PLAIN_HINT) from None
    except ConnectionError:
        raise _unreachable(f"the target {service} fails in TLS: it hangs up", _PLAIN_HINT) from None


_PLAIN_HINT: Final = "if the port speaks plain HTTP, write http://"


def _ask(connection: socket.socket, service: _Service) -> bytes:
    """The first bytes of the answer to a plain GET; empty when it hangs up."""
    request = (
        f"GET {quote(service.path, safe=_PATH_SAFE)} HTTP/1.1\r\nHost: {service}\r\n"
        f"User-Agent: loadproof/{__version__} (preflight)\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    head = b""
    try:
        connection.settimeout(service.left_s())
        connection.sendall(request.encode("utf-8"))
        while len(head) < _STATUS_LINE_BYTES and b"\n" not in head and not _is_http2(head):
            connection.settimeout(service.left_s())
            part = connection.recv(_STATUS_LINE_BYTES)
            if not part:
                break
            head += part
    except ConnectionError:
        return head
    except ssl.SSLError as error:
        raise _unreachable(f"the target {service} fails in TLS: {_tls_reason(error)}") from None
    return head


def _is_http2(head: bytes) -> bool:
    """Whether a server that speaks nothing else begins: with its SETTINGS (RFC 9113, 3.4)."""
    return len(head) >= _FRAME_HEAD_BYTES and head[3:9] == b"\x04\0\0\0\0\0"


def _tls_reason(error: ssl.SSLError) -> str:
    return (error.reason or "the handshake fails").replace("_", " ").lower()
