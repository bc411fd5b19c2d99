"""The requests of a HAR 1.2 recording that are load on one service, in the order in which they were sent."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urljoin, urlsplit

from loadproof.errors import ConfigError, Problem

_STATIC_TYPES = re.compile(
    r"image/|font/|audio/|video/|text/css|application/(?:x-)?javascript|text/javascript|application/wasm"
    r"|application/font|application/vnd\.ms-fontobject|application/manifest"
)
_STATIC_PATHS = re.compile(
    r"\.(?:png|jpe?g|gif|svg|ico|webp|css|js|mjs|map|woff2?|ttf|eot|mp4|webm|wasm)$", re.IGNORECASE
)
_BUSTER_KEY = re.compile(
    r"_|_?t|_?ts|time|timestamp|_?dc|cb|cache_?bust(?:er)?|_?no_?cache|rnd|rand|random|bust", re.IGNORECASE
)
_BUSTER_VALUE = re.compile(r"\d{9,20}(?:\.\d+)?|0\.\d{6,}")
_PART = re.compile(
    r"^--[^\n]*\n((?:[A-Za-z-]+:[^\n]*\n)*?content-disposition:[^\n]*\n(?:[A-Za-z-]+:[^\n]*\n)*)\n(.*?)(?=\n--|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
"""Head and value of a part."""
_ATTRIBUTE = re.compile(r'\b(name|filename)="([^"\n]{0,200})"')
_AT_ONCE_S: Final = 1.0
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


OWN_HEADERS: Final = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "baggage"}
    | {"cache-control", "connection", "content-length", "content-type", "cookie", "dnt", "expect", "host"}
    | {"keep-alive", "origin"}
    | {"pragma", "priority", "range", "referer", "sentry-trace", "te", "traceparent", "tracestate"}
    | {"transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "via"}
)
"""Sent by the browser or by Locust itself, not by the application."""


@dataclass(frozen=True, slots=True)
class Content:
    """A request's body. `value` is what its kind says."""

    kind: str
    """json (any value), form (list of pairs), multipart (list of parts) or text."""
    value: Any
    content_type: str


@dataclass(frozen=True, slots=True)
class FormPart:
    """One field of a multipart form."""

    name: str
    value: str
    """Of a file "": what was in it is not in a recording."""
    file: str | None = None
    """A file's name; None where it is none."""


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
    status: int | None
    """0 where there was no answer; None where the recording holds requests only."""
    redirects: bool
    answer: Any
    """As JSON; None when it was none, or is not in the recording."""
    page: str | None
    """As HTML; "" when it is not in the recording, None when it was none."""
    ends: str | None
    """Path at which a redirect ended; None without one, and where it left the service."""
    passed: tuple[tuple[str, str], ...]
    """Queries of the addresses that redirects led to."""
    began_s: float
    ended_s: float
    sets_cookie: bool
    cookies: tuple[tuple[str, str], ...]
    """That the answer set, and that the request sent."""

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
    urls = [_split(_map(entry.get("request")).get("url", "")) for entry in entries]
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
    useful = list(_useful(exchanges, notes))
    if not useful:
        raise ConfigError(Problem("holds no request that could be load on a service: all failed", where))
    return Recording(origin, useful, notes)


def _split(address: object) -> SplitResult:
    """The parts of an address; none of one that is broken."""
    try:
        return urlsplit(str(address))
    except ValueError:
        return urlsplit("")


def _useful(exchanges: list[Exchange], notes: list[str]) -> Iterator[Exchange]:
    """Without preflights, what failed in the recording, and what only followed a redirect.

    Locust follows a redirect itself: its target would be asked for twice, and what it answered is the answer.
    """
    waiting: Exchange | None = None
    for exchange in exchanges:
        shown = f"{exchange.method} with status {exchange.status}"
        if exchange.method not in _METHODS:
            continue
        if waiting is not None and exchange.method == "GET" and _leads_to(waiting, exchange):
            waiting = _followed(waiting, exchange)
            continue
        if waiting is not None:
            yield waiting
        waiting = exchange if exchange.status is None or 200 <= exchange.status < 400 else None
        if waiting is None:
            notes.append(f"a request failed in the recording ({shown}): left out")
    if waiting is not None:
        yield waiting


def _leads_to(first: Exchange, then: Exchange) -> bool:
    """Whether a request is what a redirect led to: at its address, or at once where that is not known."""
    if not first.redirects:
        return False
    if first.ends is None:
        return then.began_s - first.ended_s < _AT_ONCE_S
    return first.ends.rstrip("/") == ("/" + "/".join(then.segments)).rstrip("/")


def _followed(first: Exchange, last: Exchange) -> Exchange:
    """A request that was redirected, with the answer that its target gave."""
    ends = last.ends if last.redirects else "/" + "/".join(last.segments)
    return replace(
        first, status=last.status, redirects=last.redirects, ends=ends, answer=last.answer, page=last.page,
        passed=first.passed + last.passed, ended_s=last.ended_s, cookies=first.cookies + last.cookies,
        sets_cookie=first.sets_cookie or last.sets_cookie,
    )  # fmt: skip


def _exchange(entry: dict[str, Any]) -> Exchange:
    request, response = _map(entry.get("request")), _map(entry.get("response"))
    url = urlsplit(str(request.get("url", "")))
    began_s = _time_s(str(entry.get("startedDateTime", "")))
    took_ms = entry.get("time")
    # A page that the browser had in its cache comes whole to a user who has nothing yet.
    status = 200 if response.get("status") == 304 else response.get("status")
    told = [
        (str(h.get("name", "")).lower(), str(h.get("value", "")))
        for h in _list(response.get("headers")) if isinstance(h, dict)
    ]  # fmt: skip
    redirects = isinstance(status, int) and 300 <= status < 400
    end = _end(url, response, dict(told)) if redirects else None
    return Exchange(
        method=str(request.get("method", "GET")).upper(),
        segments=tuple(unquote(part) for part in url.path.split("/")[1:]),
        query=tuple(
            (key, value)
            for key, value in parse_qsl(url.query, keep_blank_values=True)
            if not _busts_caches(key, value)
        ),
        headers=tuple(
            (str(h.get("name", "")).lower(), str(h.get("value", "")))
            for h in _list(request.get("headers")) if isinstance(h, dict)
        ),
        content=_content(_map(request.get("postData"))),
        status=status if isinstance(status, int) else 0 if response else None,
        redirects=redirects,
        answer=_answer(_map(response.get("content"))),
        page=_page(_map(response.get("content"))),
        ends=(unquote(end.path) or "/") if end is not None else None,
        passed=tuple(parse_qsl(end.query)) if end is not None else (),
        began_s=began_s,
        ended_s=began_s + (took_ms / 1000 if isinstance(took_ms, int | float) and took_ms > 0 else 0.0),
        sets_cookie="set-cookie" in dict(told),
        cookies=tuple(_cookies(_map(request), _map(response), told)),
    )  # fmt: skip


def _busts_caches(key: str, value: str) -> bool:
    """Whether a pair of a query only makes the address new: a time of day, or a random number.

    Jupyter's has no key: `?1735725600123`.
    """
    if not value and _BUSTER_VALUE.fullmatch(key):
        return True
    return bool(_BUSTER_KEY.fullmatch(key) and _BUSTER_VALUE.fullmatch(value)) or (
        key == "_" and bool(re.fullmatch(r"[\d.]+", value))
    )


def _end(url: SplitResult, response: Mapping[str, Any], headers: Mapping[str, str]) -> SplitResult | None:
    """The address that a redirect names; None where it leads to another host."""
    location = str(response.get("redirectURL") or headers.get("location") or "")
    if not location:
        return None
    end = urlsplit(urljoin(url.geturl(), location))
    return end if end.netloc == url.netloc else None


def _cookies(
    request: Mapping[str, Any], response: Mapping[str, Any], headers: list[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Name and value, as the recording's own list of them or its headers have them."""
    for side in (response, request):
        for cookie in _list(side.get("cookies")):
            if isinstance(cookie, dict):
                yield str(cookie.get("name", "")), str(cookie.get("value", ""))
    sent = [
        str(h.get("value", ""))
        for h in _list(request.get("headers"))
        if isinstance(h, dict) and str(h.get("name", "")).lower() == "cookie"
    ]
    lines = [line for name, value in headers if name == "set-cookie" for line in value.split("\n")]
    for pair in (*(line.partition(";")[0] for line in lines), *(part for s in sent for part in s.split(";"))):
        name, _, value = pair.strip().partition("=")
        yield name, value


def _content(posted: Mapping[str, Any]) -> Content | None:
    text = str(posted.get("text") or "")
    kind = str(posted.get("mimeType", "")).partition(";")[0].strip().lower()
    params = [p for p in _list(posted.get("params")) if isinstance(p, dict)]
    if not text and not params:
        return None
    if kind == "application/x-www-form-urlencoded":
        # The body that was sent says it best: in the list some browsers decode the values, others do not.
        pairs = [(unquote(str(p.get("name", ""))), unquote(str(p.get("value", "")))) for p in params]
        return Content("form", parse_qsl(text, keep_blank_values=True) or pairs, kind)
    if kind == "multipart/form-data":
        return Content("multipart", list(_parts(text)) or [_part(p) for p in params], kind)
    if kind.endswith("json") or text[:1] in {"{", "["}:
        try:
            return Content("json", json.loads(text), kind)
        except ValueError:
            pass
    return Content("text", text, kind or "text/plain")


def _parts(text: str) -> Iterator[FormPart]:
    """The parts of a multipart form as it was sent."""
    for head, value in _PART.findall(text.replace("\r\n", "\n")):
        given = dict(_ATTRIBUTE.findall(head))
        if "name" in given:
            file = given.get("filename")
            yield FormPart(given["name"], value if file is None else "", file)


def _part(param: Mapping[str, Any]) -> FormPart:
    """One as the recording lists it: what has no value is a file."""
    file = param.get("fileName")
    if file is None and "value" not in param:
        file = ""
    return FormPart(
        str(param.get("name", "")), str(param.get("value", "")), None if file is None else str(file)
    )


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


def _page(content: Mapping[str, Any]) -> str | None:
    if "html" not in str(content.get("mimeType", "")):
        return None
    text = str(content.get("text") or "")
    if content.get("encoding") == "base64":
        try:
            return base64.b64decode(text).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return ""
    return text


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


def fields_of(content: Content | None) -> list[tuple[str, str]]:
    """Names and values of a form, whichever way it is sent."""
    if content is not None and content.kind == "multipart":
        return [(part.name, part.value) for part in content.value]
    return list(content.value) if content is not None and content.kind == "form" else []


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{number} requests"


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
