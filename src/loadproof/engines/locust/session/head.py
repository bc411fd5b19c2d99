"""The head of a response: what decides how its body is read, parsed once for equal bytes."""

from __future__ import annotations

import re

from requests.utils import get_encoding_from_headers

from loadproof.engines.locust.session.bounded import Bounded

# Responses that follow one another differ in little or nothing (a server's Date changes once a second), so
# most heads are found here by their bytes. 512 heads of about 500 bytes bound the memory for a server whose
# heads are all different.
_heads: Bounded[bytes, Head] = Bounded(512)

# http.client refuses more than 100 header lines and lines over 65,536 bytes. What is stranger than this
# pattern (folded lines, bare line ends, control characters, interim and HTTP/1.0 answers) is left to it.
_PLAIN = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: ([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?)?\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\xa0-\xff]*\r\n)*)"
).fullmatch
_DECIDES = frozenset(
    (
        *(
            b"content-length",
            b"transfer-encoding",
            b"content-encoding",
            b"connection",
            b"set-cookie",
            b"location",
        ),
        *(b"set-cookie2", b"upgrade", b"proxy-connection", b"keep-alive", b"content-type"),
    )
)
_MAX_LINES = 100
_MAX_BYTES = 65536


class Head:
    """Status line and headers of one HTTP/1.1 response, in the bytes that were received.

    Those of HTTP/2 are written as HTTP/1.1 writes them. `length` is the body's length in bytes, -1 when it is
    not a plain Content-Length; `coding` is the Content-Encoding in lower case, b"" for none; `keep` says
    whether the connection stays open; `version` is 11 or 20.
    """

    __slots__ = (
        "_charset",
        "chunked",
        "coding",
        "content_type",
        "cookies",
        "keep",
        "length",
        "raw",
        "reason",
        "redirect",
        "status",
        "version",
    )

    def __init__(self, raw: bytes, status: int, reason: str) -> None:
        self.raw = raw
        self.status = status
        self.reason = reason
        self.version = 11
        self.length = -1
        self.keep = True
        self.coding = b""
        self.chunked = False
        self.cookies = False
        self.redirect = False
        self.content_type = ""
        self._charset: str | None = ""

    @property
    def charset(self) -> str | None:
        """The text's encoding, as python-requests reads it from Content-Type; None when that says none."""
        if self._charset == "":
            self._charset = get_encoding_from_headers({"content-type": self.content_type})  # type: ignore[arg-type]
        return self._charset

    def whole(self, body: bytes, head_only: bool) -> bytes:
        """Return the answer as it might have been received: `body` in one chunk where it came in chunks."""
        if self.chunked and not head_only:
            body = b"%b0\r\n\r\n" % (b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
        return b"%b\r\n%b" % (self.raw, body)

    def fields(self) -> list[tuple[str, str]]:
        """Header names and values in the order in which they were received."""
        pairs = []
        for line in self.raw.decode("latin-1").split("\r\n")[1:-1]:
            name, _, value = line.partition(":")
            pairs.append((name, value.lstrip(" \t")))
        return pairs


known_head = _heads.get
"""The head for `raw` if it was parsed before: asked first, since a call in Python costs more than this."""


def head_of(raw: bytes) -> Head | None:
    """Return the parsed head for `raw`, the bytes up to and with the last header's line end.

    None when it is not plain HTTP/1.1: then http.client (or geventhttpclient) has to judge the bytes, so
    that the outcome is Locust's.
    """
    return _heads.made(raw, lambda: _parse(raw))


def _parse(raw: bytes) -> Head | None:
    match = _PLAIN(raw) if len(raw) < _MAX_BYTES else None
    if match is None:
        return None
    lines = match[3].split(b"\r\n")[:-1]
    if len(lines) > _MAX_LINES - 2:
        return None
    head = Head(raw, int(match[1]), (match[2] or b"").decode("ascii"))
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in _DECIDES and not _decide(head, name, value.strip(b" \t")):
            return None
    head.redirect = head.redirect and head.status in (301, 302, 303, 307, 308)
    if head.chunked and head.length >= 0:
        return None
    return head


def _decide(head: Head, name: bytes, value: bytes) -> bool:  # noqa: PLR0911  # one return for each header
    """Note what one header decides; False when its value is not a plain one."""
    if name == b"content-length":
        if head.length >= 0 or not value.isdigit() or len(value) > 18:
            return False
        head.length = int(value)
    elif name == b"transfer-encoding":
        if value.lower() != b"chunked" or head.chunked:
            return False
        head.chunked = True
    elif name == b"content-encoding":
        if head.coding:
            return False
        head.coding = value.lower()
        return bool(value)
    elif name == b"connection":
        head.keep = head.keep and b"close" not in value.lower()
        return b"upgrade" not in value.lower()
    elif name == b"set-cookie":
        head.cookies = True
    elif name == b"location":
        head.redirect = True
    elif name == b"content-type":
        if head.content_type:
            return False
        head.content_type = value.decode("latin-1")
    else:
        return name == b"keep-alive"
    return True
