"""Cookies and headers that know when they were changed, so that what follows from them is kept."""

from __future__ import annotations

import time
from http.cookiejar import Cookie, CookieJar
from typing import TYPE_CHECKING, Any, ClassVar

from requests.cookies import RequestsCookieJar, get_cookie_header, merge_cookies
from requests.structures import CaseInsensitiveDict

from loadproof.engines.locust.session.bounded import Bounded

if TYPE_CHECKING:
    from loadproof.engines.locust.session.call import Call
    from loadproof.engines.locust.session.target import Target

# A jar serves few paths; one whose paths are all different must not grow without end.
_MOST_PATHS = 64


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


class RememberingJar(CookieJar):
    """A jar that keeps the Cookie header which it gives for each path.

    Which cookies are sent is decided by the standard library's policy as always; its answer is reused until a
    cookie is set, removed or expires.
    """

    host_decides: ClassVar[bool]
    """Whether a Host header decides which cookies belong to a request."""

    def __init__(self, policy: Any = None) -> None:
        super().__init__(policy)
        self._headers: Bounded[tuple[str, str, str], tuple[str | None, float]] = Bounded(_MOST_PATHS)

    def set_cookie(self, cookie: Cookie, *args: Any, **kwargs: Any) -> Any:
        """Set a cookie (the name and the arguments are the standard library's)."""
        self._headers.clear()
        return super().set_cookie(cookie, *args, **kwargs)

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """Remove cookies (the name and the arguments are the standard library's)."""
        self._headers.clear()
        super().clear(domain, path, name)

    def header_for(self, target: Target, call: Call) -> str | None:
        """Return the Cookie header for a request to `target`, None when no cookie belongs there."""
        if self.host_decides and "Host" in call.asked_headers:
            return self.asked(target, call.asked_headers)
        place = (target.origin[0], target.origin[1], target.path.partition("?")[0])
        known = self._headers.get(place)
        now = time.time()
        if known is not None and now < known[1]:
            return known[0]
        value = self.asked(target, call.asked_headers)
        times = [float(cookie.expires) for cookie in self if cookie.expires is not None]
        self._headers.keep(place, (value, min((when for when in times if when > now), default=float("inf"))))
        return value

    def asked(self, target: Target, headers: Any) -> str | None:
        """Ask the policy."""
        raise NotImplementedError


class SessionJar(RememberingJar, RequestsCookieJar):
    """`client.cookies` of an HttpUser: python-requests' jar."""

    host_decides = True

    def asked(self, target: Target, headers: Any) -> str | None:
        """Ask the policy, with a copy as python-requests does: sending removes no expired cookie."""
        merged = merge_cookies(RequestsCookieJar(), self)
        return get_cookie_header(merged, CookieRequest(target.url, headers))  # type: ignore[arg-type]  # reads these two only

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
        state["_headers"] = Bounded(_MOST_PATHS)
        return state


class CookieRequest:
    """What a cookie policy wants to know of a request."""

    __slots__ = ("headers", "url")

    def __init__(self, url: str, headers: Any) -> None:
        self.url = url
        self.headers = headers


class CookieResponse:
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
