"""`HttpSession`: what `HttpUser.client` is. Locust's class, its common calls served by the fast path."""

from __future__ import annotations

import itertools
from datetime import timedelta
from http.cookiejar import CookieJar
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from locust.clients import HttpSession as LocustHttpSession
from requests import Session
from requests.auth import HTTPBasicAuth
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar, get_cookie_header, merge_cookies

from loadproof.engines.locust.session import defaults, opening
from loadproof.engines.locust.session.body import NO_BODY, REQUESTS_DECODERS, NotEncoded, encoded
from loadproof.engines.locust.session.bounded import Bounded
from loadproof.engines.locust.session.connections import Connections
from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.defaults import given_of
from loadproof.engines.locust.session.http_head import timeouts
from loadproof.engines.locust.session.http_request import NeedsRequests, new_fast_call
from loadproof.engines.locust.session.http_response import CaughtResponse, LazyResponse, answered
from loadproof.engines.locust.session.jar import CookieRequest, SessionHeaders, SessionJar
from loadproof.engines.locust.session.lazy import Lazy
from loadproof.engines.locust.session.report import conclude, path_of
from loadproof.engines.locust.session.trips import Trip
from loadproof.engines.locust.session.wire import Wire

if TYPE_CHECKING:
    from locust.clients import ResponseContextManager

    from loadproof.engines.locust.session.call import Call, FastCall
    from loadproof.engines.locust.session.target import Origin, Target

# Plans of calls without rare options: most calls of a load test are of few kinds.
_fast_calls: Bounded[tuple[Any, ...], FastCall] = Bounded(4096)
_KEYED = frozenset((dict, type(None)))
# What a session's attributes mean for a call, as one small number: they hardly ever change. Beyond the limit
# (an Authorization of its own for each user, say) the kept calls go, too.
_settings_numbers: Bounded[tuple[Any, ...], int] = Bounded(4096)
_numbers = itertools.count(1)
_SETTINGS = frozenset(("auth", "verify", "stream", "cert", "trust_env"))
_ONCE: tuple[None, None] = (None, None)
_NO_BODY = (NO_BODY, None, None)
_NOTHING: dict[str, Any] = {}
"""Locust's default for a context; never written to by the session."""


class HttpSession(Connections, LocustHttpSession):
    """A drop-in for `locust.clients.HttpSession`; see there for the arguments of its methods."""

    decoders = REQUESTS_DECODERS
    decodes_nothing = False

    # What python-requests sets on every session, and hardly a session changes. The mutable ones are made
    # when somebody looks at them: a user costs a tenth of the memory so.
    auth: Any = None
    verify: Any = True
    cert: Any = None
    stream: bool = False
    trust_env: bool = True
    max_redirects: int = 30
    explicit_name: str | None = None
    headers: Any = Lazy(defaults.headers)
    cookies: Any = Lazy(defaults.cookies)
    proxies = defaults.Checked()
    hooks = defaults.Checked()
    params = defaults.Checked()
    adapters = defaults.Checked()
    _touched = False
    _overridden = False
    _replaying = 0

    def __init__(
        self,
        base_url: Any,
        request_event: Any,
        user: Any,
        *args: Any,
        pool_manager: Any = None,
        **kwargs: Any,
    ) -> None:
        self._wires: dict[Origin, list[Wire]] = {}
        if pool_manager is not None or args or kwargs:
            self._overridden = True
            super().__init__(base_url, request_event, user, *args, pool_manager=pool_manager, **kwargs)
            return
        self.request_event = request_event
        self.user = user
        self.request_name: str | None = None
        self.base_url, auth = defaults.split_base_url(base_url)
        if auth is not None:
            self.auth = auth
        if Session.send is not defaults.SEND:
            self._overridden = True  # an instrumentation wants to see every request

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._overridden = any(getattr(cls, name) is not getattr(HttpSession, name) for name in defaults.INNER)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in _SETTINGS:
            self.__dict__["_settings"] = 0

    def _settings_number(self) -> int:
        """Return the number that stands for the attributes which every call depends on."""
        auth: Any = self.auth
        changeable = type(auth) is HTTPBasicAuth
        if changeable:
            auth = (HTTPBasicAuth, auth.username, auth.password)
        settings = (auth, self.verify, self.stream, self.cert, self.trust_env)
        number = _settings_numbers.get(settings)
        if number is None:
            number = _settings_numbers.keep(settings, next(_numbers))
        if not changeable:
            self.__dict__["_settings"] = number
        return number

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send a prepared request; Locust counts none that its user sends so, and neither do we."""
        if not self._replaying:
            COUNTS.fell_back("send(PreparedRequest)")
        return super().send(request, **kwargs)

    def close(self) -> None:
        """Close the idle connections; the session can be used again afterwards."""
        self.close_idle()
        for adapter in self.__dict__.get("adapters", {}).values():
            adapter.close()

    def get(  # type: ignore[override]  # Locust's signature, spelt out where it is common
        self,
        url: Any,
        *,
        data: Any = None,
        json: Any = None,
        headers: Any = None,
        name: str | None = None,
        catch_response: bool = False,
        context: dict[str, Any] = _NOTHING,
        **kwargs: Any,
    ) -> ResponseContextManager:
        """Send a GET request."""
        if kwargs or type(self).request is not _REQUEST or "request" in self.__dict__:
            given = given_of(headers, name, catch_response, None if context is _NOTHING else context)
            return self.request("GET", url, data=data, json=json, **given, **kwargs)
        return self._ask("GET", url, name, catch_response, context, data, json, headers, True, None, {})

    def post(
        self,
        url: Any,
        data: Any = None,
        json: Any = None,
        *,
        headers: Any = None,
        name: str | None = None,
        catch_response: bool = False,
        context: dict[str, Any] = _NOTHING,
        **kwargs: Any,
    ) -> ResponseContextManager:
        """Send a POST request."""
        if kwargs or type(self).request is not _REQUEST or "request" in self.__dict__:
            given = given_of(headers, name, catch_response, None if context is _NOTHING else context)
            return self.request("POST", url, data=data, json=json, **given, **kwargs)
        return self._ask("POST", url, name, catch_response, context, data, json, headers, True, None, {})

    def request(  # type: ignore[override]  # python-requests' keywords, spelt out where they are common
        self,
        method: str,
        url: str,
        name: str | None = None,
        catch_response: bool = False,
        context: dict[str, Any] = _NOTHING,
        *,
        data: Any = None,
        json: Any = None,
        headers: Any = None,
        allow_redirects: bool = True,
        timeout: Any = None,
        **options: Any,
    ) -> ResponseContextManager:
        """Send a request and report it to Locust; arguments, result and errors are Locust's."""
        return self._ask(
            method, url, name, catch_response, context, data, json, headers, allow_redirects, timeout, options
        )

    def _ask(  # keywords cost time in every request
        self,
        method: str,
        url: str,
        name: str | None,
        catch_response: bool,
        context: dict[str, Any],
        data: Any,
        json: Any,
        headers: Any,
        allow_redirects: bool,
        timeout: Any,
        options: dict[str, Any],
    ) -> ResponseContextManager:
        COUNTS.issued += 1
        if not name and self.request_name:
            name = self.request_name
        self.__dict__["explicit_name"] = name
        try:
            complete_url = self._build_url(url)
            start_time, start = time(), perf_counter()
            try:
                response: Any = self._respond(
                    method, complete_url, data, json, headers, timeout, options, start, catch_response
                )
            except NeedsRequests as reason:
                response = None
                COUNTS.fell_back(reason.args[0])
            if response is None:
                options.update(headers=headers, allow_redirects=allow_redirects, timeout=timeout)
                response = self._replay(start, method, complete_url, name, data=data, json=json, **options)
            now = perf_counter()
            COUNTS.answered += 1
        except BaseException as error:
            COUNTS.raised_with(error)
            raise
        meta = {
            "request_type": method,
            "response_time": (now - start) * 1000,
            "name": name,
            "context": context,
            "exception": None,
            "start_time": start_time,
            "url": complete_url,
        }
        kind = type(response)
        if kind is not LazyResponse and kind is not CaughtResponse:
            return conclude(self, response, meta, url, catch_response, options, start)
        target = response._sent[2]
        if not name:
            meta["name"] = target.path
        if self.user:
            meta["context"] = {**self.user.context(), **context}
        meta["url"] = target.url
        meta["response_length"] = len(response._content)
        response.meta = meta
        if not catch_response:
            response.__exit__(None, None, None)
        return response  # type: ignore[no-any-return]  # one of ours

    def _respond(  # keywords cost time in every request
        self,
        method: str,
        url: str,
        data: Any,
        json: Any,
        headers: Any,
        timeout: Any,
        options: dict[str, Any],
        start: float,
        catch_response: bool,
    ) -> ResponseContextManager | None:
        """Plan the call and serve it; None leaves the rest to python-requests, `NeedsRequests` all of it."""
        state = self.__dict__
        try:
            kind, body, sent = encoded(data, json) if data or json is not None else _NO_BODY
            limits = _ONCE if timeout is None else timeouts(timeout)
        except (NotEncoded, ValueError, TypeError) as error:
            raise NeedsRequests("unusual body or timeout") from error
        if self._touched and (feature := defaults.touched(state)):
            raise NeedsRequests(feature)
        fast_call = key = None
        if not options and type(headers) in _KEYED:
            common = state.get("headers")
            if common is None or type(common) is SessionHeaders:
                try:
                    key = (
                        method,
                        url,
                        kind,
                        state.get("_settings") or self._settings_number(),
                        "cookies" in state,
                        None if common is None else common.key or common.items_key(),
                        tuple(headers.items()) if headers else None,
                    )
                    fast_call = _fast_calls.get(key)
                except TypeError:
                    key = None
        if fast_call is None or self._overridden:
            fast_call = new_fast_call(self, method, url, kind, headers, options)
            if key is not None and not self.trust_env:  # the environment is asked each time
                _fast_calls.keep(key, fast_call)
        target, _, call, line, whole = fast_call
        cookie = self._cookie(state, target, call, options) if call.cookie or "cookies" in state else None
        connect_s, read_s = limits
        request = whole or call.written(line, cookie, sent)
        answer = self.exchange(fast_call, request, connect_s, read_s, start, True, True, None)
        if answer is None:
            return None
        head, _, content, now = answer
        length = 0 if sent is None else len(sent)
        made: Any = (self, call, target, head, cookie, body, length, self.explicit_name, now - start)
        of_kind = CaughtResponse if catch_response else LazyResponse
        response = of_kind(made, content, head.status, self.request_event, catch_response)
        if head.cookies:
            extract_cookies_to_jar(self.cookies, response.request, answered(head))
        return response

    def _cookie(
        self, state: dict[str, Any], target: Target, call: Call, options: dict[str, Any]
    ) -> str | None:
        """Return the Cookie header, None for none. Raises NeedsRequests for a jar of another kind."""
        jar: Any = state.get("cookies")
        ours = type(jar) is SessionJar
        if not ours and "cookies" in state and not isinstance(jar, CookieJar):
            raise NeedsRequests("cookies of another kind")
        cookies = options.get("cookies") if options else None
        if not call.cookie or (ours and not cookies and not jar.holds_any):
            return None
        if ours and not cookies:
            return jar.header_for(target, call)  # type: ignore[no-any-return]  # it is a SessionJar
        merged = RequestsCookieJar()
        for source in (jar, cookies):
            if source:
                merge_cookies(merged, source)
        return get_cookie_header(merged, CookieRequest(target.url, call.asked_headers))  # type: ignore[arg-type]  # reads these two

    def connected(self, target: Target, _timeout_s: float | None) -> Wire:
        """Open a connection as urllib3 does. Raises urllib3's errors."""
        return Wire(opening.as_urllib3(target.host, target.origin[2], _timeout_s))

    def _replay(self, start: float, method: str, url: str, name: str | None, **kwargs: Any) -> Any:
        """Let python-requests finish what `_serve` began (or begin it, when there was no connection)."""
        before = perf_counter() - start if self.pending is not None else 0.0
        self.__dict__["_replaying"] = self._replaying + 1
        try:
            with Trip(method, name or path_of(None, url), start) as trip:
                response = self._send_request_safe_mode(method, url, **kwargs)
                trip.name = name or path_of(response, url)
        finally:
            self.__dict__["_replaying"] = self._replaying - 1
            self.drop_pending()
        if before:
            first = response.history[0] if response.history else response
            first.elapsed += timedelta(seconds=before)
        return response


_REQUEST = HttpSession.request
