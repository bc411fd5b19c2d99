"""Where a request goes: its URL, encoded as python-requests encodes it, and the connection that it needs."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlparse

from requests import PreparedRequest
from urllib3.util.url import parse_url

from loadproof.engines.locust.session.bounded import Bounded

# Targets are shared by all users. A locustfile with ids in its URLs has many; 4,096 of them take about 3 MB.
_targets: Bounded[tuple[str, str], Target] = Bounded(4096)

# URLs that python-requests and urllib3 leave as they are: lower-case host, no user information, no fragment,
# no dot segment, no character that must be percent-encoded.
_UNCHANGED = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)(?::([1-9][0-9]{0,4}))?"
    r"(/(?:[A-Za-z0-9_~-][A-Za-z0-9_~.-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)*/?)?"
    r"(?:\?[A-Za-z0-9_~.=&+-]+)?)"
).fullmatch

Origin = tuple[str, str, int]


def tls_scheme(verify: Any, cert: Any = None, proxy: Any = None) -> str:
    """Return what stands for the scheme in the origin of a TLS connection made under these rules."""
    return f"https {verify!r} {cert!r} {proxy}"


_VERIFIED = tls_scheme(verify=True)
_UNVERIFIED = tls_scheme(verify=False)


class Target:
    """A URL ready for the wire.

    `origin` is scheme, host and port; `wire` names the connection that serves it (`wire_unverified` the one
    without verification of the certificate); `path` is what stands in the request line, `url` what
    `response.url` shows; `plain` is false when python-requests has to look closer (user information in it).
    """

    __slots__ = ("host", "origin", "path", "plain", "url", "wire", "wire_unverified")

    def __init__(self, url: str, scheme: str, host: str, port: int | None, path: str) -> None:
        self.url = url
        self.host = host
        self.origin: Origin = (scheme, host, port or (443 if scheme == "https" else 80))
        tls = scheme == "https"
        self.wire: Origin = (_VERIFIED if tls else scheme, *self.origin[1:])
        self.wire_unverified: Origin = (_UNVERIFIED if tls else scheme, *self.origin[1:])
        self.path = path
        self.plain = True


def origin_of(target: Target, verify: Any) -> Origin:
    """Return what names the connection to `target` under this rule of verification."""
    if verify is True or target.origin[0] != "https":
        return target.wire
    return target.wire_unverified if verify is False else (tls_scheme(verify), *target.wire[1:])


def target_of(url: str, query: str) -> Target:
    """Return the target of the absolute `url` with the encoded parameters `query` ("" for none).

    Raises what python-requests raises for a URL that it cannot use.
    """
    key = (url, query)
    return _targets.get(key) or _targets.keep(key, _read(url, query))


def plain_target(url: str) -> Target | None:
    """Return the target of a URL that every client leaves as it is, None for any other."""
    match = _UNCHANGED(url) if len(url) < 2000 else None
    if match is None:
        return None
    scheme, host, port, path = match.groups()
    return Target(url, scheme, host, int(port) if port else None, path)


def _read(url: str, query: str) -> Target:
    if not query and (known := plain_target(url)) is not None:
        return known
    prepared = PreparedRequest()
    prepared.prepare_url(url, query or None)
    full = str(prepared.url)
    parts = urlparse(full)
    scheme = parts.scheme.lower()
    # The same encoding that urllib3 gives the request line.
    path = prepared.path_url
    target = Target(full, scheme, parts.hostname or "", parts.port, path)
    target.plain = (
        scheme in ("http", "https")
        and not parts.username
        and not parts.password
        and "@" not in parts.netloc
        and path.startswith("/")
        and not path.startswith("//")
        and path == _on_the_wire(path)
    )
    return target


def _on_the_wire(path: str) -> str | None:
    """Return the request target that urllib3 makes of `path`."""
    parsed: Any = parse_url("http://h" + path)
    return str(parsed.request_uri)
