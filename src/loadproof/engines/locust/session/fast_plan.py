"""What a FastHttpUser's call will send, gathered once for equal calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from geventhttpclient.client import HTTPClient
from locust.contrib import fasthttp

from loadproof.engines.locust.session.fast_call import FastCall, fast_call, fast_target

if TYPE_CHECKING:
    from loadproof.engines.locust.session.target import Target

BASE_HEADERS: tuple[tuple[str, Any], ...] = tuple(HTTPClient.DEFAULT_HEADERS.items())
_KEYED = frozenset((dict, type(None)))
_MAX_PLANS = 4096

_basic: Any = fasthttp._construct_basic_auth_str


def basic(auth: Any) -> str:
    """Return the Authorization header for (user, password), as Locust writes it."""
    return str(_basic(auth[0], auth[1]))


class FastPlan(NamedTuple):
    """A kind of call that the fast path can serve, without the body."""

    target: Target
    call: FastCall


_plans: dict[tuple[Any, ...], FastPlan | None] = {}


def plan_of(  # keywords cost time in every request
    method: str,
    url: str,
    params: Any,
    common: tuple[tuple[str, Any], ...],
    headers: Any,
    auth_header: str | None,
    kind: int,
    is_json: bool,
    cookie: bool,
) -> FastPlan | None:
    """Return the plan of a call, None for one that geventhttpclient has to serve.

    `common` are the agent's headers, `headers` the call's; `kind` is that of the body, `is_json` says that it
    was made from `json=`, `cookie` that the jar is not empty. Raises what Locust raises for bad headers.
    """
    key = None
    if params is None and type(headers) in _KEYED:
        key = (
            *(method, url, common, tuple(headers.items()) if headers else None, auth_header),
            *(kind, is_json, cookie),
        )
        try:
            return _plans[key]
        except KeyError:
            pass
    plan = None
    target = fast_target(url, params)
    if target is not None:
        items = merged(call_headers(headers, auth_header, is_json), common)
        call = fast_call(method, target, items, kind, cookie)
        plan = None if call is None else FastPlan(target, call)
    if key is not None:
        if len(_plans) >= _MAX_PLANS:
            _plans.clear()
        _plans[key] = plan
    return plan


def call_headers(headers: Any, auth_header: str | None, is_json: bool) -> dict[str, Any]:
    """Return the call's headers with those that Locust adds to every call."""
    complete: dict[str, Any] = dict(headers) if headers else {}
    if auth_header:
        complete["Authorization"] = auth_header
    _default(complete, "Accept-Encoding", "gzip, deflate, br")
    if is_json:
        _default(complete, "Content-Type", "application/json")
        _default(complete, "Accept", "application/json")
    return complete


def _default(headers: dict[str, Any], name: str, value: str) -> None:
    if name not in headers and name.lower() not in headers:
        headers[name] = value


def merged(headers: Any, common: tuple[tuple[str, Any], ...] = BASE_HEADERS) -> tuple[tuple[Any, Any], ...]:
    """Return headers in the order in which the agent merges them: a repeated name keeps its first place."""
    fields: dict[str, tuple[Any, Any]] = {name.lower(): (name, value) for name, value in common}
    for name, value in headers.items():
        fields[name.lower()] = (name, value)
    return tuple(fields.values())


def feature(stream: bool, overridden: bool, options: dict[str, Any]) -> str:
    """Name the feature that keeps a call from the fast path."""
    if overridden:
        return "client_pool, proxy or overridden session"
    return "stream" if stream else next(iter(options), "unusual request")
