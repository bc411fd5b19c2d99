"""The fast path's response: python-requests' and Locust's, its costly parts made when asked for."""

from __future__ import annotations

import json as stdlib_json
from datetime import timedelta
from http.client import HTTPMessage
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

from requests import PreparedRequest, compat
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict, HTTPResponse

from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.jar import CookieResponse
from loadproof.engines.locust.session.lazy import Lazy
from loadproof.engines.locust.session.quick_json import NOT_QUICK, is_utf8, quick_json
from loadproof.engines.locust.session.report import CountedResponse, tell

if TYPE_CHECKING:
    from loadproof.engines.locust.session.call import Call
    from loadproof.engines.locust.session.head import Head
    from loadproof.engines.locust.session.target import Target

_STDLIB = getattr(compat, "json", None) is stdlib_json


# What was sent, kept in case somebody asks for `response.request`: session, call, target, head, Cookie,
# body, its length in bytes, explicit name, seconds until the head was here.
Sent = tuple[Any, "Call", "Target", "Head", str | None, Any, int, str | None, float]


class LazyResponse(CountedResponse):
    """A response whose body is here and whose other attributes are made from the received bytes on demand."""

    headers: Any = Lazy(lambda response: _headers(response._sent))
    raw: Any = Lazy(
        lambda response: raw_of(response._sent[3], response._sent[1].method, response._sent[2].path)
    )
    url: Any = Lazy(lambda response: response._sent[2].url)
    encoding: Any = Lazy(lambda response: response._sent[3].charset)
    history: Any = Lazy(lambda _response: [])
    reason: Any = Lazy(lambda response: response._sent[3].reason)
    cookies: Any = Lazy(lambda response: _cookies(response._sent))
    elapsed: Any = Lazy(lambda response: timedelta(seconds=response._sent[8]))
    request: Any = Lazy(lambda response: _request(response._sent))
    connection: Any = Lazy(lambda response: response._sent[0].get_adapter(response._sent[2].url))
    # A dictionary that names its response is a cycle, which only the garbage collector can free: so the two
    # meet when somebody asks, or for the time of the event.
    request_meta: Any = Lazy(lambda response: {**response.meta, "response": response})
    meta: dict[str, Any]
    _content_consumed = True
    _next = None
    _entered = False
    _manual_result = None

    def __init__(
        self, sent: Sent, content: bytes, status: int, request_event: Any, catch_response: bool
    ) -> None:
        self._sent = sent
        self._content = content
        self.status_code = status
        self._request_event = request_event
        self._catch_response = catch_response

    def json(self, **kwargs: Any) -> Any:
        """Return the body parsed as JSON, exactly as python-requests parses it, sooner."""
        known = self.__dict__
        encoding = known["encoding"] if "encoding" in known else self._sent[3].charset
        if not kwargs and _STDLIB and is_utf8(encoding):
            value = quick_json(self.content)
            if value is not NOT_QUICK:
                return value
        return super().json(**kwargs)

    def __exit__(self, exc: Any, value: Any, traceback: Any) -> Any:
        """Report the request when its block is left, as Locust does."""
        if exc is None and self._manual_result is None and self.status_code < 400:
            COUNTS.reported += 1
            if "request_meta" in self.__dict__:
                self._request_event.fire(**self.request_meta)
            else:
                tell(self._request_event, self, self.meta)
            return True
        return super().__exit__(exc, value, traceback)  # type: ignore[no-untyped-call]  # Locust has no types here


class CaughtResponse(LazyResponse):
    """What a call with `catch_response=True` returns: a class of its own, since only it may be abandoned.

    In its block it is like any other, and the finalizer of this class, which costs time, is not called.
    """

    def __enter__(self) -> Self:
        self._entered = True
        self.__class__ = LazyResponse  # type: ignore[assignment]  # which has the same layout
        return self


def _headers(sent: Sent) -> CaseInsensitiveDict[str]:
    return CaseInsensitiveDict(HTTPHeaderDict(sent[3].fields()))


def raw_of(head: Head, method: str, path: str) -> HTTPResponse:
    """Return a urllib3 response that was read to its end, as `.raw` is after a call without `stream`."""
    body = BytesIO()
    raw = HTTPResponse(
        body=body,
        headers=HTTPHeaderDict(head.fields()),
        status=head.status,
        version=head.version,
        version_string="HTTP/1.1" if head.version == 11 else "HTTP/2",
        reason=head.reason,
        preload_content=False,
        decode_content=False,
        original_response=answered(head),  # type: ignore[arg-type]  # cookies are all that is asked of it
        request_method=method,
        request_url=path,
    )
    raw.read()
    body.close()
    return raw


def _cookies(sent: Sent) -> RequestsCookieJar:
    jar = RequestsCookieJar()
    if sent[3].cookies:
        extract_cookies_to_jar(jar, _request(sent), answered(sent[3]))
    return jar


def _request(sent: Sent) -> PreparedRequest:
    """Return what python-requests would have prepared for this call."""
    _, call, target, _, cookie, body, length, explicit_name, _ = sent
    request = PreparedRequest()
    request.method = call.method
    request.url = target.url
    headers = call.headers.copy()
    if call.cookie:
        if cookie is None:
            del headers["Cookie"]
        else:
            headers["Cookie"] = cookie
    if call.length:
        headers["Content-Length"] = str(length)
    request.headers = headers
    request.body = body
    request._cookies = RequestsCookieJar()
    if explicit_name:
        request._explicit_name = explicit_name  # type: ignore[attr-defined]  # Locust's own attribute
    return request


def answered(head: Head) -> CookieResponse:
    """Return the headers in the form in which a cookie jar reads them."""
    message = HTTPMessage()
    for name, value in head.fields():
        message[name] = value
    return CookieResponse(message)
