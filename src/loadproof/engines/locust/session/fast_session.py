"""`FastHttpSession`: what `FastHttpUser.client` is: Locust's class, common calls on the fast path."""

from __future__ import annotations

import weakref
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

import gevent.ssl
from geventhttpclient.connectionpool import ConnectionPool
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, insecure_ssl_context_factory
from locust.contrib.fasthttp import FastHttpSession as LocustFastHttpSession

from loadproof.engines.locust.session import defaults, opening
from loadproof.engines.locust.session.body import DECODERS, NotEncoded, json_encoder
from loadproof.engines.locust.session.counts import COUNTS
from loadproof.engines.locust.session.defaults import given_of
from loadproof.engines.locust.session.fast_handover import SERVED, SessionAgent, SharedConnections
from loadproof.engines.locust.session.fast_request import (
    BASE_HEADERS,
    NO_BODY,
    FastJar,
    basic,
    call_headers,
    common_headers,
    fast_body,
    fast_plan,
    folded,
    merged,
)
from loadproof.engines.locust.session.fast_response import (
    CountedFastResponse,
    LazyFastResponse,
    LazyManagedResponse,
)
from loadproof.engines.locust.session.fast_streams import StreamedManagedResponse, measured_fast
from loadproof.engines.locust.session.lazy import Lazy
from loadproof.engines.locust.session.report import tell
from loadproof.engines.locust.session.trips import Trip
from loadproof.engines.locust.session.wire import Wire

if TYPE_CHECKING:
    from loadproof.engines.locust.session.call import FastCall
    from loadproof.engines.locust.session.target import Origin, Target

_encode_json = json_encoder(allow_nan=True)
_NO_BODY = (NO_BODY, None)
_NOTHING: dict[str, Any] = {}
"""Locust's default for a context; never written to by the session."""


class FastHttpSession(SharedConnections, LocustFastHttpSession):
    """A drop-in for `locust.contrib.fasthttp.FastHttpSession`; see there for the arguments of its methods."""

    decoders = DECODERS
    decodes_nothing = True

    cookiejar: Any = Lazy(lambda _session: FastJar())
    client: Any = Lazy(lambda session: session._new_agent())
    _overridden = False

    def __init__(  # keywords cost time in every request
        self,
        base_url: str | None,
        request_event: Any,
        user: Any,
        insecure: bool = True,
        client_pool: Any = None,
        ssl_context_factory: Any = None,
        **kwargs: Any,
    ) -> None:
        self._wires: dict[Origin, list[Any]] = {}
        self._pools: dict[Origin, Any] = {}
        if client_pool is not None or kwargs.get("proxy_host"):
            self._overridden = True
            super().__init__(
                base_url, request_event, user, insecure, client_pool, ssl_context_factory, **kwargs
            )
            return
        if not ssl_context_factory:
            ssl_context_factory = (
                insecure_ssl_context_factory if insecure else gevent.ssl.create_default_context
            )
        self.request_event = request_event
        self.user = user
        self.request_name: str | None = None
        self._agent_args = {"ssl_context_factory": ssl_context_factory, "insecure": insecure, **kwargs}
        self._network_s = kwargs.get("network_timeout", ConnectionPool.DEFAULT_NETWORK_TIMEOUT)
        headers = kwargs.get("headers")
        self._default_headers = common_headers(merged(headers) if headers else BASE_HEADERS)
        self.base_url = base_url
        if base_url:
            self.base_url, auth = defaults.split_base_url(base_url)
            if auth is not None:
                self.auth_header = basic((auth.username, auth.password))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._overridden = cls._send_request_safe_mode is not FastHttpSession._send_request_safe_mode

    def _new_agent(self) -> SessionAgent:
        return SessionAgent(weakref.ref(self), cookiejar=self.cookiejar, **self._agent_args)

    def request(  # Locust's signature
        self,
        method: str,
        url: str,
        name: str | None = None,
        data: Any = None,
        catch_response: bool = False,
        stream: bool = False,
        headers: Any = None,
        auth: Any = None,
        json: Any = None,
        allow_redirects: bool = True,
        context: dict[str, Any] = _NOTHING,
        **kwargs: Any,
    ) -> Any:
        """Send a request and report it to Locust; arguments, result and errors are Locust's."""
        given = (name, data, catch_response, stream, headers, auth, json, allow_redirects, context, kwargs)
        return self._ask(method, url, *given)

    def get(  # Locust's signature, spelt out where it is common
        self,
        url: Any,
        *,
        headers: Any = None,
        name: str | None = None,
        catch_response: bool = False,
        context: dict[str, Any] = _NOTHING,
        **kwargs: Any,
    ) -> Any:
        """Send a GET request."""
        if kwargs or type(self).request is not _REQUEST or "request" in self.__dict__:
            given = given_of(headers, name, catch_response, None if context is _NOTHING else context)
            return self.request("GET", url, **given, **kwargs)
        return self._ask(
            "GET", url, name, None, catch_response, False, headers, None, None, True, context, {}
        )

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
    ) -> Any:
        """Send a POST request."""
        if kwargs or type(self).request is not _REQUEST or "request" in self.__dict__:
            given = given_of(headers, name, catch_response, None if context is _NOTHING else context)
            return self.request("POST", url, data=data, json=json, **given, **kwargs)
        return self._ask(
            "POST", url, name, data, catch_response, False, headers, None, json, True, context, {}
        )

    def _ask(  # keywords cost time in every request
        self,
        method: str,
        url: str,
        name: str | None,
        data: Any,
        catch_response: bool,
        stream: bool,
        headers: Any,
        auth: Any,
        json: Any,
        allow_redirects: bool,
        context: dict[str, Any],
        kwargs: dict[str, Any],
    ) -> Any:
        COUNTS.issued += 1
        try:
            name = name or self.request_name or url
            url = self._build_url(url)
            start_time = time()
            if self.user:
                context = {**self.user.context(), **context}
            is_json = json is not None and not data
            payload = _encode_json(json) if is_json else data
            response = fast_call = body = params = failure = None
            if not stream and not self._overridden:
                try:
                    if kwargs:
                        payload, params = folded(method, payload, kwargs)
                    kind, body = fast_body(payload) if payload else _NO_BODY
                    fast_call = fast_plan(self, method, url, params, headers, auth, kind, is_json)
                except (NotEncoded, ValueError, TypeError, AttributeError):
                    fast_call = None  # geventhttpclient refuses the same in its own words, or knows better
            start = perf_counter()
            if fast_call is not None and (not self._busy or self._pools):
                response = self._serve(fast_call, payload, body, start, allow_redirects, catch_response)
            if response is None:
                if fast_call is None:
                    COUNTS.fell_back(self._feature(stream, kwargs))
                auth_header = basic(auth) if auth else self.auth_header
                kwargs["headers"] = call_headers(headers, auth_header, is_json)
                with Trip(method, name, start):
                    response, failure = self._fall_back(method, url, payload, kwargs, allow_redirects, stream)
            now = perf_counter()
            COUNTS.answered += 1
        except BaseException as error:
            COUNTS.raised_with(error)
            raise
        meta = {
            "request_type": method,
            "name": name,
            "context": context,
            "exception": failure,
            "start_time": start_time,
            "url": url,
            "response_length": 0,
            "response_time": (now - start) * 1000,
        }
        return self._reported(response, meta, catch_response, start if stream else None)

    def _reported(
        self, response: Any, meta: dict[str, Any], catch_response: bool, stream_start: float | None
    ) -> Any:
        """Complete the event's fields and fire it, unless a block will, or a stream at its end."""
        kind, streamed = type(response), False
        if kind is LazyFastResponse or kind is LazyManagedResponse:
            meta["response_length"] = len(response._cached_content)
            if catch_response:
                response.meta = meta
                return response
        else:
            if meta["exception"] is None:
                if stream_start is not None:
                    if response.headers and "content-length" in response.headers:
                        meta["response_length"] = int(response.headers["content-length"])
                else:
                    meta["response_length"] = len(response.content) if response.content else 0
                try:
                    response.raise_for_status()
                except FAILURE_EXCEPTIONS as error:
                    meta["exception"] = error
                else:
                    event = None if catch_response else self.request_event
                    streamed = stream_start is not None and measured_fast(response, meta, stream_start, event)
            if catch_response:
                meta["response"] = response
                managed = StreamedManagedResponse if streamed else CountedFastResponse
                return managed(response, self.request_event, meta, catch_response)
            if streamed:
                return response  # reported when its body was read
        COUNTS.reported += 1
        tell(self.request_event, response, meta)
        return response

    def _feature(self, stream: bool, options: dict[str, Any]) -> str:
        """Name the feature that keeps a call from the fast path."""
        if self._overridden:
            return "client_pool, proxy or overridden session"
        return "stream" if stream else next(iter(options), "unusual request")

    def _serve(  # keywords cost time in every request
        self,
        fast_call: FastCall,
        payload: Any,
        body: bytes | None,
        start: float,
        allow_redirects: bool,
        catch_response: bool,
    ) -> Any:
        """Send and receive; None, with `pending` set, leaves the rest to Locust's agent."""
        target, origin, call, line, whole = fast_call
        pools = self._pools
        if pools and origin in pools:
            pools[origin]._semaphore.acquire()
        self._busy += 1
        try:
            cookie = self.cookiejar.header_for(target, call) if call.cookie else None
            request = whole or call.written(line, cookie, body)
            limit = self._network_s
            answer = self.exchange(fast_call, request, limit, limit, start, False, allow_redirects, SERVED)
        finally:
            self._busy -= 1
            if pools and origin in pools:
                pools[origin]._semaphore.release()
        if answer is None:
            return None
        head, raw, content, now = answer
        sent = (call, target, head, cookie, payload, body, raw)
        response: Any
        if catch_response:
            response = LazyManagedResponse(sent, content, now - start, self.request_event)
        else:
            response = LazyFastResponse(sent, content, now - start)
        if head.cookies:
            self.cookiejar.extract_cookies(response, response.request)
        return response

    def connected(self, target: Target, _timeout_s: float | None) -> Wire:
        """Open a connection as geventhttpclient does, with its limit for that. Raises its errors."""
        _, host, port = target.origin
        connect_s = self._agent_args.get("connection_timeout", ConnectionPool.DEFAULT_CONNECTION_TIMEOUT)
        return Wire(opening.as_geventhttpclient(host, port, connect_s, self._network_s))

    def _fall_back(  # keywords cost time in every request
        self,
        method: str,
        url: str,
        payload: Any,
        options: dict[str, Any],
        allow_redirects: bool,
        stream: bool,
    ) -> tuple[Any, BaseException | None]:
        """Let the agent finish what `_serve` began, or do it all; return response and body's failure."""
        agent: Any = self.client
        codes = agent.redirect_response_codes
        if not allow_redirects:
            agent.redirect_response_codes = frozenset()
        try:
            response = self._send_request_safe_mode(method, url, payload=payload, **options)
        finally:
            if not allow_redirects:
                agent.redirect_response_codes = codes
            self.drop_pending()
        if not stream:
            try:
                _ = response.content
            except FAILURE_EXCEPTIONS as error:
                return response, error
        return response, None


_REQUEST = FastHttpSession.request
