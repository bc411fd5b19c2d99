"""What `HttpSession` sends for its calls, as python-requests prepares and urllib3 writes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from requests import PreparedRequest
from requests.auth import HTTPBasicAuth
from requests.exceptions import RequestException
from requests.sessions import merge_setting
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies, get_netrc_auth
from urllib3.exceptions import HTTPError

from loadproof.engines.locust.session import defaults
from loadproof.engines.locust.session.body import FORM_BODY, JSON_BODY, NO_BODY
from loadproof.engines.locust.session.bounded import Bounded
from loadproof.engines.locust.session.call import COOKIE, LENGTH, Call, FastCall, fast_call_of
from loadproof.engines.locust.session.http_head import FRAMING, head_bytes
from loadproof.engines.locust.session.jar import SessionHeaders
from loadproof.engines.locust.session.target import Target, origin_of, target_of

# One entry is about 1 KB. Locustfiles with a new header value in every request (a correlation id, a token per
# user) fill it; each round costs one preparation per user.
_calls: Bounded[tuple[Any, ...], Call] = Bounded(2048)

_CONTENT_TYPE = {FORM_BODY: "application/x-www-form-urlencoded", JSON_BODY: "application/json"}
# What python-requests refuses in its own words, or knows better.
_REFUSED = (ValueError, TypeError, AttributeError, UnicodeError, RequestException, HTTPError)


class NeedsRequests(Exception):  # noqa: N818  # a decision, not an error
    """The call needs python-requests; the argument names the feature."""


def new_fast_call(
    session: Any, method: str, url: str, kind: int, headers: Any, options: dict[str, Any]
) -> FastCall:
    """The fast call of `session`, an HttpSession, with these arguments; `kind` is its body's (body.py).

    Raises NotPlain when python-requests has to serve it.
    """
    if session._overridden:
        raise NeedsRequests("overridden session")
    if feature := _unserved(session, options):
        raise NeedsRequests(feature)
    auth, verify = options.get("auth"), options.get("verify")
    try:
        credentials = _basic_auth(session.auth if auth is None else auth)
    except TypeError as error:
        raise NeedsRequests("auth") from error
    try:
        target, call = _prepared(session, method, url, kind, headers, options, credentials)
    except _REFUSED as error:
        raise NeedsRequests("") from error
    if call is None or not target.plain:
        raise NeedsRequests("framing headers" if call is None else "unusual URL")
    if session.trust_env and not _environment_free(target.url):
        raise NeedsRequests("environment")
    origin = origin_of(target, session.verify if verify is None else verify)
    return fast_call_of(target, origin, call)


def _unserved(session: Any, options: dict[str, Any]) -> str:
    """Name the feature that only python-requests serves, "" for none."""
    for option, value in options.items():
        if value is not None and option not in defaults.SERVED and (value or option not in defaults.RARE):
            return option
    stream, cookies = options.get("stream"), options.get("cookies")
    if session.stream if stream is None else stream:
        return "stream"
    if cookies and not isinstance(cookies, dict | CookieJar):
        return "cookies of another kind"
    return "" if session.cert is None else "cert"


def _prepared(  # keywords would say the same words twice
    session: Any,
    method: str,
    url: str,
    kind: int,
    headers: Any,
    options: dict[str, Any],
    credentials: tuple[Any, Any] | None,
) -> tuple[Target, Call | None]:
    state = session.__dict__
    params = options.get("params")
    target = target_of(url, "" if not params else PreparedRequest._encode_params(params))
    own = _header_key(headers)
    common = _header_key(state["headers"]) if "headers" in state else defaults.HEADERS
    cookie = "cookies" in state or bool(options.get("cookies"))
    key = (method, target.origin, common, own, credentials, kind, cookie)
    return target, _calls.made(key, lambda: _written(method, target, common, own, credentials, kind, cookie))


def _written(  # keywords would say the same words twice
    method: str, target: Target, common: Any, own: Any, auth: Any, kind: int, cookie: bool
) -> Call | None:
    """Prepare a request as python-requests does; None when urllib3 would frame it as only it can serve it."""
    request = PreparedRequest()
    request.prepare_method(method)
    method = str(request.method)
    request.url = target.url
    merged = merge_setting(dict(own), CaseInsensitiveDict(common), dict_class=CaseInsensitiveDict)
    request.prepare_headers(merged)
    if any(name in FRAMING for name, _ in request.headers.lower_items()):
        return None
    if "Content-Length" in request.headers and kind == NO_BODY:
        return None
    cookie = cookie and "Cookie" not in request.headers
    if cookie:
        request.headers["Cookie"] = COOKIE
    if kind == NO_BODY:
        request.prepare_content_length(None)
    else:
        request.headers["Content-Length"] = str(LENGTH)
        content_type = _CONTENT_TYPE.get(kind)
        if content_type and "content-type" not in request.headers:
            request.headers["Content-Type"] = content_type
    if auth is not None:
        HTTPBasicAuth(*auth)(request)
    asked = request.headers.copy()
    if cookie:
        del asked["Cookie"]
    return Call(method, request.headers, asked, head_bytes(target, method, request.headers))


def _header_key(headers: Any) -> tuple[tuple[Any, Any], ...]:
    """Return headers as a hashable tuple; TypeError for what is none (python-requests complains then)."""
    if headers is None:
        return ()
    if type(headers) is SessionHeaders:
        return headers.key or headers.items_key()
    if isinstance(headers, Mapping):
        return tuple(headers.items())
    raise TypeError("headers are no mapping")


def _basic_auth(auth: Any) -> tuple[Any, Any] | None:
    """Return (user, password) of basic authentication, None for none; TypeError for any other kind."""
    if auth is None:
        return None
    if type(auth) is HTTPBasicAuth:
        return auth.username, auth.password
    if type(auth) is tuple and len(auth) == 2 and all(isinstance(part, str | bytes) for part in auth):
        return auth
    raise TypeError("not basic authentication")


def _environment_free(url: str) -> bool:
    """Tell whether a session that trusts its environment finds nothing there for `url`."""
    if os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"):
        return False
    if get_environ_proxies(url, no_proxy=None):
        return False
    files = [os.environ["NETRC"]] if "NETRC" in os.environ else ["~/.netrc", "~/_netrc"]
    return not any(Path(file).expanduser().exists() for file in files) or get_netrc_auth(url) is None
