"""What a session is before anybody changed it, and which changes need python-requests."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from urllib.parse import unquote, urlparse, urlunparse

from requests import Session
from requests.auth import HTTPBasicAuth
from requests.hooks import default_hooks
from requests.utils import default_headers

from loadproof.engines.locust.session.http_handover import SessionAdapter
from loadproof.engines.locust.session.jar import SessionHeaders, SessionJar

SEND = Session.send
HEADERS: tuple[tuple[str, Any], ...] = tuple(default_headers().items())

# Arguments that are python-requests' business unless they are empty.
RARE = frozenset(("files", "proxies", "hooks", "cert"))

# Options that the fast path serves.
SERVED = frozenset(("params", "cookies", "auth", "verify", "stream"))


def given_of(headers: Any, name: str | None, catch_response: bool, context: Any) -> dict[str, Any]:
    """What the caller of `get` or `post` gave: `request` may be somebody's own, and look at it.

    `context` is None where it gave none.
    """
    given: dict[str, Any] = {}
    if headers is not None:
        given["headers"] = headers
    if name is not None:
        given["name"] = name
    if catch_response:
        given["catch_response"] = catch_response
    if context is not None:
        given["context"] = context
    return given


class Checked:
    """An attribute whose content can change what a request means: once looked at, it is checked."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, session: Any, owner: type | None = None) -> Any:
        if session is None:
            return self
        state = session.__dict__
        if self._name not in state:
            state[self._name] = _MAKERS[self._name](session)
            state["_touched"] = True
        return state[self._name]

    def __set__(self, session: Any, value: Any) -> None:
        session.__dict__[self._name] = value
        session.__dict__["_touched"] = True


# Methods that stand between a call and the wire: a subclass that overrides one wants it to be called.
INNER = (
    "send",
    "prepare_request",
    "merge_environment_settings",
    "get_adapter",
    "mount",
    "resolve_redirects",
    "rebuild_auth",
    "rebuild_method",
    "rebuild_proxies",
    "get_redirect_target",
    "should_strip_auth",
    "_send_request_safe_mode",
)

_NO_HOOKS = default_hooks()
_SCHEMES = ("https://", "http://")
OWN_ADAPTERS: set[type] = {SessionAdapter}
"""Those that a session may have for both schemes, and go the short way; that for HTTP/2 adds itself."""


def _adapters(session: Any) -> OrderedDict[str, Any]:
    adapters: OrderedDict[str, Any] = OrderedDict()
    for prefix in _SCHEMES:
        adapters[prefix] = SessionAdapter(session)
    return adapters


def headers(_session: Any) -> SessionHeaders:
    """Return `client.headers` as python-requests begins with them."""
    return SessionHeaders(default_headers())


def cookies(_session: Any) -> SessionJar:
    """Return an empty `client.cookies`."""
    return SessionJar()


_MAKERS: dict[str, Any] = {
    "proxies": lambda _session: {},
    "hooks": lambda _session: default_hooks(),
    "params": lambda _session: {},
    "adapters": _adapters,
}


def touched(attributes: dict[str, Any]) -> str:
    """Return the feature that a changed one of a session's attributes switches on, "" for none."""
    if attributes.get("proxies"):
        return "session.proxies"
    if attributes.get("params"):
        return "session.params"
    hooks = attributes.get("hooks")
    if hooks and hooks != _NO_HOOKS and any(hooks.values()):
        return "session.hooks"
    adapters = attributes.get("adapters")
    if adapters is not None:
        kinds = {type(adapter) for adapter in adapters.values()}
        if len(adapters) != len(_SCHEMES) or len(kinds) != 1 or not kinds <= OWN_ADAPTERS:
            return "mount"
    return ""


def split_base_url(base_url: Any) -> tuple[Any, HTTPBasicAuth | None]:
    """Take the credentials out of a host URL, percent-decoded, as Locust does."""
    if type(base_url) is str and base_url.isascii() and "@" not in base_url and "[" not in base_url:
        return base_url, None  # nearly each user's, and nothing for `urlparse` to find or to refuse
    parts = urlparse(base_url)
    if not (parts.username and parts.password):
        return base_url, None
    netloc = parts.netloc.rpartition("@")[2]
    return urlunparse(parts._replace(netloc=netloc)), HTTPBasicAuth(
        unquote(parts.username), unquote(parts.password)
    )
