"""The response of a FastHttpUser's fast path: Locust's classes, their costly parts made when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geventhttpclient.header import Headers
from geventhttpclient.response import HTTPSocketPoolResponse
from locust.contrib.fasthttp import FastResponse, ResponseContextManager

from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.fast_request import agentless_request
from loadproof.engines.locust.session.lazy import Lazy
from loadproof.engines.locust.session.quick_json import NOT_QUICK, is_utf8, quick_json
from loadproof.engines.locust.session.report import tell

if TYPE_CHECKING:
    from loadproof.engines.locust.session.call import Call
    from loadproof.engines.locust.session.head import Head
    from loadproof.engines.locust.session.target import Target

# What was sent: call, target, head, Cookie header, payload, its bytes, the body that was received.
FastSent = tuple["Call", "Target", "Head", str | None, Any, bytes | None, bytes]


class _Lazy:
    """The attributes that Locust's response sets at once, made here from the received bytes on demand."""

    _sent: FastSent
    _cached_content: bytes
    _elapsed: float
    encoding: str | None

    status_code: int = 0

    @property
    def text(self) -> str | None:
        """The decoded body; see Locust's FastResponse."""
        if self.encoding is None and self._sent[2].charset is not None:
            self.encoding = self._sent[2].charset
        return super().text  # type: ignore[misc, no-any-return]  # mixed into Locust's response

    def json(self) -> Any:
        """Return the body parsed as JSON, exactly as Locust parses it, sooner."""
        if is_utf8(self._sent[2].charset if self.encoding is None else self.encoding):
            value = quick_json(self._cached_content)
            if value is not NOT_QUICK:
                return value
        return super().json()  # type: ignore[misc]  # mixed into Locust's response

    @property
    def headers(self) -> Any:
        known = self.__dict__.get("headers")
        if known is None:
            known = Headers()
            for name, value in self._sent[2].fields():
                known.add(name, value)
            self.__dict__["headers"] = known
        return known

    @headers.setter
    def headers(self, value: Any) -> None:
        self.__dict__["headers"] = value

    @property
    def request(self) -> Any:
        known = self.__dict__.get("request")
        if known is None:
            call, target, _, cookie, payload, body, _ = self._sent
            headers = call.headers.copy()
            if "content-length" in headers:
                # The agent encodes text and forms while it prepares them, and notes their length.
                headers["content-length"] = str(len(body or b""))
                payload = body
            if call.cookie:
                headers.discard("cookie")
                if cookie is not None:
                    headers.add("Cookie", cookie)
            known = agentless_request(target, call.method, headers, None)
            known.payload = payload
            self.__dict__["request"] = known
        return known

    @request.setter
    def request(self, value: Any) -> None:
        self.__dict__["request"] = value

    @property
    def _request(self) -> Any:
        return self.request

    @property
    def _sent_request(self) -> str:
        call, target, _, cookie, _, body, _ = self._sent
        written: bytes = call.written(call.line(target.path), cookie, body)
        return written[: len(written) - len(body or b"")].decode("latin-1")

    @property
    def _response(self) -> Any:
        """geventhttpclient's response, read to its end as after any call without `stream`."""
        known = self.__dict__.get("_response")
        if known is None:
            call, _, head, _, _, _, body = self._sent
            make: Any = HTTPSocketPoolResponse
            received = head.whole(body, call.method == "HEAD")
            known = make(NoSocket(), NoPool(), method=call.method, pre_buffered=received)
            known._sent_request = self._sent_request
            known.read()
            self.__dict__["_response"] = known
        return known

    @property
    def _history(self) -> list[Any]:
        return []

    def __getstate__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The attributes, and of the base class's slots those that are used: for a copy."""
        return self.__dict__, {"_cached_content": self._cached_content, "_elapsed": self._elapsed}


class LazyFastResponse(_Lazy, FastResponse):  # type: ignore[misc, override]  # properties stand for Locust's attributes
    """What a call without `catch_response` returns."""

    def __init__(self, sent: FastSent, content: bytes, elapsed_s: float) -> None:
        self._sent = sent
        self.status_code = sent[2].status
        self._cached_content = content
        self._elapsed = elapsed_s


class CountedFastResponse(ResponseContextManager):
    """Locust's response of a `catch_response` block, which counts that it was reported."""

    def _report_request(self) -> None:
        COUNTS.reported += 1
        super()._report_request()  # type: ignore[no-untyped-call]  # Locust has no types here


class LazyManagedResponse(_Lazy, CountedFastResponse):  # type: ignore[misc, override]  # see LazyFastResponse
    """What a call with `catch_response=True` returns."""

    # A dictionary that names its response is a cycle, which only the garbage collector can free.
    request_meta: Any = Lazy(lambda response: {**response.meta, "response": response})
    meta: dict[str, Any]

    def __exit__(self, exc: Any = None, value: Any = None, traceback: Any = None) -> Any:  # type: ignore[override]  # Locust's
        """Report the request when its block is left, as Locust does."""
        if exc is None and self._manual_result is None and "request_meta" not in self.__dict__:
            COUNTS.reported += 1
            tell(self._request_event, self, self.meta)
            return True
        return super().__exit__(exc, value, traceback)  # type: ignore[no-untyped-call]  # Locust has no types here

    def __init__(self, sent: FastSent, content: bytes, elapsed_s: float, request_event: Any) -> None:
        self._sent = sent
        self.status_code = sent[2].status
        self._cached_content = content
        self._elapsed = elapsed_s
        self._request_event = request_event
        self._catch_response = True


class NoSocket:
    """The socket of an answer that is here."""

    def recv(self, _size: int) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing is open."""


class NoPool:
    """The pool of a connection that went back to the session long ago."""

    def return_socket(self, _sock: Any) -> None:
        """Nothing is to be returned."""

    release_socket = return_socket
