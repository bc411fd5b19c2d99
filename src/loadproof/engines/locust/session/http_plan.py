"""What `HttpSession` plans before its first call of a kind: the request's parts, or why it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from requests import PreparedRequest
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from loadproof.engines.locust.session import defaults
from loadproof.engines.locust.session.call import Call, call_for
from loadproof.engines.locust.session.eligible import basic_auth, environment_free, header_key
from loadproof.engines.locust.session.target import Target, target_of, tls_scheme

if TYPE_CHECKING:
    from loadproof.engines.locust.session.http_session import HttpSession
    from loadproof.engines.locust.session.target import Origin


class Plan(NamedTuple):
    """A kind of call that the fast path can serve; `whole` is the request if all such calls send the same."""

    target: Target
    origin: Origin
    call: Call
    whole: bytes


class NotPlain(Exception):  # noqa: N818  # a decision, not an error
    """The call needs python-requests; the argument names the feature."""


def new_plan(
    session: HttpSession, method: str, url: str, kind: int, headers: Any, options: dict[str, Any]
) -> Plan:
    """The plan of a call of `session` with these arguments; `kind` is that of its body (call.py).

    Raises NotPlain when python-requests has to serve it.
    """
    if session._overridden:
        raise NotPlain("overridden session")
    for option, value in options.items():
        if value is not None and option not in defaults.SERVED and (value or option not in defaults.RARE):
            raise NotPlain(option)
    stream = options.get("stream")
    if session.stream if stream is None else stream:
        raise NotPlain("stream")
    if session.cert is not None:
        raise NotPlain("cert")
    params, cookies = options.get("params"), options.get("cookies")
    auth, verify = options.get("auth"), options.get("verify")
    try:
        credentials = basic_auth(session.auth if auth is None else auth)
    except TypeError as error:
        raise NotPlain("auth") from error
    state = session.__dict__
    try:
        query = "" if not params else PreparedRequest._encode_params(params)
        target = target_of(url, query)
        key = header_key(headers)
        session_key = header_key(state["headers"]) if "headers" in state else defaults.HEADERS
        cookie = "cookies" in state or bool(cookies)
        call = call_for(method, target, session_key, key, credentials, kind, cookie=cookie)
    except (ValueError, TypeError, AttributeError, UnicodeError, RequestException, HTTPError) as error:
        # python-requests refuses the same in its own words, or knows better.
        raise NotPlain("") from error
    if call is None or not target.plain:
        raise NotPlain("framing headers" if call is None else "unusual URL")
    if session.trust_env and not environment_free(target.url):
        raise NotPlain("environment")
    if verify is None:
        verify = session.verify
    if verify is True:
        origin = target.wire
    else:
        origin = target.wire_unverified if verify is False else (tls_scheme(verify), *target.wire[1:])
    whole = call.written(target.path, None, None) if call.bare else b""
    return Plan(target, origin, call, whole)
