"""The requests of a HAR 1.2 recording that are load on one service, in the order in which they were sent."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STATIC_TYPES = re.compile(
    r"image/|font/|audio/|video/|text/css|application/(?:x-)?javascript|text/javascript|application/wasm"
    r"|application/font|application/vnd\.ms-fontobject|application/manifest"
)
_STATIC_PATHS = re.compile(
    r"\.(?:png|jpe?g|gif|svg|ico|webp|css|js|mjs|map|woff2?|ttf|eot|mp4|webm|wasm)$", re.IGNORECASE
)
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Content:
    """A request's body. `value` is what its kind says."""

    kind: str
    """json (any value), form (list of pairs), multipart (names) or text."""
    value: Any
    content_type: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    method: str
    segments: tuple[str, ...]
    """Of the path, decoded."""
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    content: Content | None
    status: int
    redirects: bool
    answer: Any
    """As JSON; None when it was none, or is not in the recording."""
    began_s: float
    ended_s: float
    sets_cookie: bool

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


@dataclass(slots=True)
class Recording:
    origin: str
    exchanges: list[Exchange]
    notes: list[str]


def read_recording(document: Mapping[str, Any], where: str) -> Recording:
    """Raises ConfigError when nothing in it could be load on a service."""
    entries = [entry for entry in _list(_map(document.get("log")).get("entries")) if isinstance(entry, dict)]
    urls = [urlsplit(str(_map(entry.get("request")).get("url", ""))) for entry in entries]
    kept = [
        (entry, f"{url.scheme}://{url.netloc.rpartition('@')[2]}")
        for entry, url in zip(entries, urls, strict=True)
        if url.scheme in {"http", "https"} and url.netloc and not _is_static(entry, url.path)
    ]
    notes: list[str] = []
    static = sum(url.scheme in {"http", "https"} for url in urls) - len(kept)
    if static:
        notes.append(
            f"{_requests(static)} for images, styles and scripts left out: they load a cache, not a service"
        )
    origins = Counter(origin for _, origin in kept)
    if not origins:
        raise ConfigError(Problem("holds no request that could be load on a service", where))
    origin = max(origins, key=lambda o: (origins[o], -list(origins).index(o)))
    for other, count in origins.items():
        if other != origin:
            notes.append(
                f"{_requests(count)} to {urlsplit(other).hostname} left out: a scenario loads one service"
            )
    exchanges = sorted(
        (_exchange(entry) for entry, own in kept if own == origin), key=lambda exchange: exchange.began_s
    )
    return Recording(origin, list(_useful(exchanges, notes)), notes)


def _useful(exchanges: list[Exchange], notes: list[str]) -> Iterator[Exchange]:
    """Without preflights, what failed in the recording, and what only followed a redirect."""
    followed = False
    for exchange in exchanges:
        shown = f"{exchange.method} with status {exchange.status}"
        if exchange.method not in _METHODS:
            continue
        if not 200 <= exchange.status < 400:
            notes.append(f"a request failed in the recording ({shown}): left out")
        elif not (followed and exchange.method == "GET"):
            yield exchange
        # Locust follows a redirect itself: its target would be asked for twice.
        followed = exchange.redirects


def _exchange(entry: dict[str, Any]) -> Exchange:
    request, response = _map(entry.get("request")), _map(entry.get("response"))
    url = urlsplit(str(request.get("url", "")))
    began_s = _time_s(str(entry.get("startedDateTime", "")))
    took_ms = entry.get("time")
    status = response.get("status")
    names = [str(h.get("name", "")).lower() for h in _list(response.get("headers")) if isinstance(h, dict)]
    return Exchange(
        method=str(request.get("method", "GET")).upper(),
        segments=tuple(unquote(part) for part in url.path.split("/")[1:]),
        query=tuple(parse_qsl(url.query, keep_blank_values=True)),
        headers=tuple(
            (str(h.get("name", "")).lower(), str(h.get("value", "")))
            for h in _list(request.get("headers")) if isinstance(h, dict)
        ),
        content=_content(_map(request.get("postData"))),
        status=status if isinstance(status, int) else 0,
        redirects=isinstance(status, int) and 300 <= status < 400 and status != 304,
        answer=_answer(_map(response.get("content"))),
        began_s=began_s,
        ended_s=began_s + (took_ms / 1000 if isinstance(took_ms, int | float) and took_ms > 0 else 0.0),
        sets_cookie="set-cookie" in names,
    )  # fmt: skip


def _content(posted: Mapping[str, Any]) -> Content | None:
    text = str(posted.get("text") or "")
    kind = str(posted.get("mimeType", "")).partition(";")[0].strip().lower()
    params = [p for p in _list(posted.get("params")) if isinstance(p, dict)]
    if not text and not params:
        return None
    if kind == "application/x-www-form-urlencoded":
        pairs = [(unquote(str(p.get("name", ""))), unquote(str(p.get("value", "")))) for p in params]
        return Content("form", pairs or parse_qsl(text, keep_blank_values=True), kind)
    if kind == "multipart/form-data":
        names = [str(p.get("name", "")) for p in params] or re.findall(r'\bname="([^"\r\n]{1,80})"', text)
        return Content("multipart", names, kind)
    if kind.endswith("json") or text[:1] in {"{", "["}:
        try:
            return Content("json", json.loads(text), kind)
        except ValueError:
            pass
    return Content("text", text, kind or "text/plain")


def _answer(content: Mapping[str, Any]) -> Any:
    text = content.get("text")
    if not isinstance(text, str) or "json" not in str(content.get("mimeType", "")):
        return None
    try:
        if content.get("encoding") == "base64":
            text = base64.b64decode(text).decode("utf-8")
        return json.loads(text)
    except (binascii.Error, ValueError):
        return None


def _is_static(entry: Mapping[str, Any], path: str) -> bool:
    kind = str(_map(_map(entry.get("response")).get("content")).get("mimeType", "")).lower()
    return bool(
        _STATIC_TYPES.match(kind)
        or _STATIC_PATHS.search(path)
        or entry.get("_resourceType")
        in {"image", "font", "stylesheet", "script", "media", "websocket", "ping"}
    )


def _time_s(text: str) -> float:
    """Seconds since the epoch; 0 for a time that cannot be read."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{number} requests"


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
