"""The bytes of a request, as the client that Locust uses would send them, kept for the next equal one.

Nothing here decides how a header is written. The first request of each kind is prepared and written by that
client (http_request.py: python-requests and urllib3; fast_request.py: geventhttpclient), with values that
stand for what varies: Cookie and Content-Length. Its bytes are cut there, and later requests of that kind are
put together from the pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from loadproof.engines.locust.session.target import Origin, Target

COOKIE = "loadproof-cookie-goes-here"
LENGTH = 918273645546372819
"""No body is that long, and no header that a user sets has this value."""

_COOKIE_LINE = b"Cookie: " + COOKIE.encode() + b"\r\n"
_LENGTH_TEXT = b"%d" % LENGTH


class Call:
    """One kind of request: method, origin, headers and kind of body.

    `headers` are the client's own. `asked_headers` are what a cookie policy may see of them: with a Cookie
    among them, it would add none. `cookie` and `length` say what varies; `bare` is what follows the request
    line when nothing does, else b"".
    """

    __slots__ = (
        *("_length_first", "_pieces", "_without_cookie", "asked_headers", "bare", "cookie", "headers"),
        *("length", "method"),
    )

    def __init__(self, method: str, headers: Any, asked_headers: Any, written: bytes) -> None:
        self.method = method
        self.headers = headers
        self.asked_headers = asked_headers
        rest = written.partition(b"\r\n")[2]
        self.cookie = _COOKIE_LINE in rest
        self.length = _LENGTH_TEXT in rest
        self.bare = b"" if self.cookie or self.length else rest
        marks = [mark for mark in (_COOKIE_LINE, _LENGTH_TEXT) if mark in rest]
        marks.sort(key=rest.index)
        self._length_first = marks[:1] == [_LENGTH_TEXT]
        first, second, third = b"", b"", rest
        if marks:
            first, _, third = rest.partition(marks[0])
        if len(marks) > 1:
            second, _, third = third.partition(marks[1])
        self._pieces = (first, second, third)
        before, _, behind = rest.replace(_COOKIE_LINE, b"").partition(_LENGTH_TEXT)
        self._without_cookie = (before, behind)

    def line(self, path: str) -> bytes:
        """Return the request line for `path`, which `written` wants."""
        return f"{self.method} {path} HTTP/1.1\r\n".encode("ascii")

    def written(self, line: bytes, cookie: str | None, body: bytes | None) -> bytes:
        """Return the whole request: its line, the headers and the body."""
        if cookie is None and self.length and body is not None:
            before, behind = self._without_cookie
            return b"%b%b%d%b%b" % (line, before, len(body), behind, body)
        if self.bare:
            return line + self.bare
        first, second, third = self._pieces
        cookie_line = b"" if cookie is None else b"Cookie: %b\r\n" % cookie.encode("latin-1")
        if body is None:
            return b"%b%b%b%b%b" % (line, first, cookie_line, second, third)
        if self._length_first:
            return b"%b%b%d%b%b%b%b" % (line, first, len(body), second, cookie_line, third, body)
        return b"%b%b%b%b%d%b%b" % (line, first, cookie_line, second, len(body), third, body)


class FastCall(NamedTuple):
    """A kind of call that the fast path can serve; `whole` is the request if all such calls send the same.

    `line` is its request line.
    """

    target: Target
    origin: Origin
    call: Call
    line: bytes
    whole: bytes


def fast_call_of(target: Target, origin: Origin, call: Call) -> FastCall:
    """Return the fast call to `target` by a connection to `origin`."""
    line = call.line(target.path)
    return FastCall(target, origin, call, line, call.written(line, None, None) if call.bare else b"")
