"""Cookies and headers that know when they were changed, so that what follows from them is kept."""

from __future__ import annotations

import time
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

from requests.cookies import RequestsCookieJar, get_cookie_header, merge_cookies
from requests.structures import CaseInsensitiveDict

if TYPE_CHECKING:
    from http.cookiejar import Cookie

    from loadproof.engines.locust.session.target import Target

# A jar serves few paths; one whose paths are all different must not grow without end.
_CACHE_SIZE = 64


class SessionHeaders(CaseInsensitiveDict[Any]):
    """`client.headers`: a case-insensitive dictionary that knows its items as a hashable key."""

    key: tuple[tuple[str, Any], ...] | None = None

    def __setitem__(self, name: str, value: Any) -> None:
        self.key = None
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self.key = None
        super().__delitem__(name)

    def items_key(self) -> tuple[tuple[str, Any], ...]:
        """Return the items, in order, as a tuple."""
        if self.key is None:
            self.key = tuple(self.items())
        return self.key


class SessionJar(RequestsCookieJar):
    """`client.cookies`: python-requests' jar, and the Cookie header that it gives for each path, kept.

    Which cookies are sent is decided by the standard library's policy as always; its answer is reused until a
    cookie is set, removed or expires.
    """

    def __init__(self, policy: Any = None) -> None:
        super().__init__(policy)
        self._headers: dict[tuple[str, str, str], tuple[str | None, float]] = {}

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> Any:
        """Set a cookie (the name and the arguments are the standard library's)."""
        self._headers.clear()
        return super().set_cookie(cookie, *args, **kwargs)

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """Remove cookies (the name and the arguments are the standard library's)."""
        self._headers.clear()
        super().clear(domain, path, name)

    def header_for(self, url: str, origin: tuple[Any, ...], path: str, headers: Any) -> str | None:
        """Return the Cookie header for a request to `url`, None when no cookie belongs there."""
        if "Host" in headers:
            return get_cookie_header(self, Asked(url, headers))  # type: ignore[arg-type]  # reads these two only
        place = (str(origin[0]), str(origin[1]), path.partition("?")[0])
        known = self._headers.get(place)
        now = time.time()
        if known is not None and now < known[1]:
            return known[0]
        # Asked of a copy, as python-requests does: sending removes no expired cookie from the session.
        merged = merge_cookies(RequestsCookieJar(), self)
        value = get_cookie_header(merged, Asked(url, headers))  # type: ignore[arg-type]  # reads these two only
        if len(self._headers) >= _CACHE_SIZE:
            self._headers.clear()
        self._headers[place] = (value, _next_expiry(self, now))
        return value

    @property
    def holds_any(self) -> bool:
        """Whether a cookie is in the jar (or was): quicker than counting them."""
        return bool(self._cookies)  # type: ignore[attr-defined]  # typeshed does not show it

    def copy(self) -> RequestsCookieJar:
        """Return a copy, as python-requests does."""
        copied = SessionJar(self.get_policy())
        copied.update(self)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["_headers"] = {}
        return state


class FastJar(CookieJar):
    """The cookies of a FastHttpUser: the standard library's jar, with the same memory as `SessionJar`."""

    def __init__(self, policy: Any = None) -> None:
        super().__init__(policy)
        self._headers: dict[tuple[str, str, str], tuple[str | None, float]] = {}

    def set_cookie(self, cookie: Cookie) -> None:
        """Set a cookie."""
        self._headers.clear()
        super().set_cookie(cookie)

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """Remove cookies."""
        self._headers.clear()
        super().clear(domain, path, name)

    def header_for(self, request: Any, target: Target) -> str | None:
        """Return the Cookie header for `request`, None when no cookie belongs there."""
        place = (target.origin[0], target.origin[1], target.path.partition("?")[0])
        known = self._headers.get(place)
        now = time.time()
        if known is not None and now < known[1]:
            return known[0]
        self.add_cookie_header(request)
        value: str | None = request.headers.get("Cookie")
        if len(self._headers) >= _CACHE_SIZE:
            self._headers.clear()
        self._headers[place] = (value, _next_expiry(self, now))
        return value


def _next_expiry(jar: CookieJar, now: float) -> float:
    times = [float(cookie.expires) for cookie in jar if cookie.expires is not None]
    return min((when for when in times if when > now), default=float("inf"))


class Asked:
    """What a cookie policy wants to know of a request."""

    __slots__ = ("headers", "url")

    def __init__(self, url: str, headers: Any) -> None:
        self.url = url
        self.headers = headers


class Answered:
    """What a cookie policy wants to know of a response."""

    __slots__ = ("_original_response", "msg")

    def __init__(self, msg: Any) -> None:
        self.msg = msg
        self._original_response = self

    def isclosed(self) -> bool:
        """Say that the response was read (urllib3 asks)."""
        return True

    def close(self) -> None:
        """Nothing is open (urllib3 closes)."""
