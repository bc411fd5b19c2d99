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
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from loadproof.engines.locust.session import defaults
from loadproof.engines.locust.session.body import NotDecoded, NotEncoded, decoded, encoded
from loadproof.engines.locust.session.call import NO_BODY, Call
from loadproof.engines.locust.session.eligible import timeouts
from loadproof.engines.locust.session.exchange import Unplain, receive
from loadproof.engines.locust.session.handover import Pending
from loadproof.engines.locust.session.http_plan import NotPlain, Plan, new_plan
from loadproof.engines.locust.session.jar import Asked, SessionHeaders, SessionJar
from loadproof.engines.locust.session.lazy import Lazy
from loadproof.engines.locust.session.ledger import LEDGER
from loadproof.engines.locust.session.report import conclude, path_of
from loadproof.engines.locust.session.response import CaughtResponse, LazyResponse, answered
from loadproof.engines.locust.session.tickets import Tickets
from loadproof.engines.locust.session.trips import Trip
from loadproof.engines.locust.session.wire import SendError, Wire

if TYPE_CHECKING:
    from locust.clients import ResponseContextManager

    from loadproof.engines.locust.session.target import Origin, Target

# urllib3's pools keep ten idle connections for a host and drop the eleventh.
_MAX_IDLE = 10


# Plans of calls without rare options: most calls of a load test are of few kinds.
_plans: dict[tuple[Any, ...], Plan] = {}
_MAX_PLANS = 4096
_KEYED = frozenset((dict, type(None)))
# What a session's attributes mean for a plan, as one small number: they hardly ever change. Beyond the limit
# (an Authorization of its own for each user, say) the plans go, too.
_manners: dict[tuple[Any, ...], int] = {}
_numbers = itertools.count(1)
_MANNERS = frozenset(("auth", "verify", "stream", "cert", "trust_env"))
_ONCE: tuple[None, None] = (None, None)
_NO_BODY = (NO_BODY, None, None)


class HttpSession(LocustHttpSession):
    """A drop-in for `locust.clients.HttpSession`; see there for the arguments of its methods."""

    # What python-requests sets on every session, and hardly a session changes. The mutable ones are made
    # when somebody looks at them: a user costs a tenth of the memory so.
    auth: Any = None
    verify: Any = True
    cert: Any = None
    stream: bool = False
    trust_env: bool = True
    max_redirects: int = 30
    explicit_name: str | None = None
    pending: Pending | None = None
    headers: Any = Lazy(defaults.headers)
    cookies: Any = Lazy(defaults.cookies)
    tickets: Any = Lazy(lambda _session: Tickets())
    proxies = defaults.Touchy()
    hooks = defaults.Touchy()
    params = defaults.Touchy()
    adapters = defaults.Touchy()
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
        if name in _MANNERS:
            self.__dict__["_manner"] = 0

    def _manner_now(self) -> int:
        """Return the number that stands for the attributes which every call depends on."""
        auth: Any = self.auth
        changeable = type(auth) is HTTPBasicAuth
        if changeable:
            auth = (HTTPBasicAuth, auth.username, auth.password)
        manner = (auth, self.verify, self.stream, self.cert, self.trust_env)
        number = _manners.get(manner)
        if number is None:
            if len(_manners) >= _MAX_PLANS:
                _manners.clear()
                _plans.clear()
            number = _manners[manner] = next(_numbers)
        if not changeable:
            self.__dict__["_manner"] = number
        return number

    def idle_wire(self, origin: Origin, now: float) -> Wire | None:
        """Return an open idle connection, which is the caller's from now on, or None."""
        wires = self._wires.get(origin)
        while wires:
            wire = wires.pop()
            if wire.wake(now):
                return wire
            self._close(origin, wire)
        return None

    def _close(self, origin: Origin, wire: Wire) -> None:
        if wire.tls is not None:
            self.tickets.keep(origin, wire.tls)
        wire.close()

    def keep_wire(self, origin: Origin, wire: Wire, now: float) -> None:
        """Take back a connection whose response was read to its end at `now` (`perf_counter` seconds)."""
        wire.rest(now)
        wires = self._wires.get(origin)
        if wires is None:
            self._wires[origin] = [wire]
        elif len(wires) < _MAX_IDLE:
            wires.append(wire)
        else:
            wire.close()

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send a prepared request; Locust counts none that its user sends so, and neither do we."""
        if not self._replaying:
            LEDGER.fell_back("send(PreparedRequest)")
        return super().send(request, **kwargs)

    def close(self) -> None:
        """Close the idle connections; the session can be used again afterwards."""
        for wires in self._wires.values():
            while wires:
                wires.pop().close()
        for adapter in self.__dict__.get("adapters", {}).values():
            adapter.close()

    def _build_url(self, path: Any) -> str:
        if type(path) is str and path[:1] == "/":
            return f"{self.base_url}{path}"
        return super()._build_url(path)

    def get(  # type: ignore[override]  # Locust's signature
        self, url: Any, *, data: Any = None, json: Any = None, **kwargs: Any
    ) -> ResponseContextManager:
        """Send a GET request."""
        return self.request("GET", url, data=data, json=json, **kwargs)

    def post(self, url: Any, data: Any = None, json: Any = None, **kwargs: Any) -> ResponseContextManager:
        """Send a POST request."""
        return self.request("POST", url, data=data, json=json, **kwargs)

    def request(  # type: ignore[override]  # python-requests' keywords, spelt out where they are common
        self,
        method: str,
        url: str,
        name: str | None = None,
        catch_response: bool = False,
        context: dict[str, Any] = {},  # noqa: B006  # Locust's signature; never written to
        *,
        data: Any = None,
        json: Any = None,
        headers: Any = None,
        allow_redirects: bool = True,
        timeout: Any = None,
        **options: Any,
    ) -> ResponseContextManager:
        """Send a request and report it to Locust; arguments, result and errors are Locust's."""
        LEDGER.issued += 1
        if self.request_name and not name:
            name = self.request_name
        self.__dict__["explicit_name"] = name
        try:
            complete_url = self._build_url(url)
            start_time = time()
            start = perf_counter()
            try:
                response: Any = self._respond(
                    method, complete_url, data, json, headers, timeout, options, start, catch_response
                )
            except NotPlain as reason:
                if reason.args[0]:
                    LEDGER.fell_back(reason.args[0])
                response = None
            if response is None:
                options.update(headers=headers, allow_redirects=allow_redirects, timeout=timeout)
                response = self._replay(start, method, complete_url, name, data=data, json=json, **options)
            now = perf_counter()
            LEDGER.answered += 1
        except BaseException as error:
            LEDGER.raised_with(error)
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
        if not isinstance(response, LazyResponse):
            return conclude(  # type: ignore[no-any-return]  # it is Locust's, made by Locust
                self, response, meta, url, catch_response, options.get("stream", False), start
            )
        target = response._sent[2]
        if not name:
            meta["name"] = target.path
        if self.user:
            meta["context"] = {**self.user.context(), **context}
        meta["url"] = target.url
        meta["response_length"] = len(response._content)  # type: ignore[arg-type]  # bytes from the start
        response.meta = meta
        if not catch_response:
            response.__exit__(None, None, None)
        return response

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
        """Plan the call and serve it; None leaves the rest to python-requests, `NotPlain` all of it."""
        state = self.__dict__
        try:
            kind, body, sent = encoded(data, json) if data or json is not None else _NO_BODY
            limits = _ONCE if timeout is None else timeouts(timeout)
        except (NotEncoded, ValueError, TypeError) as error:
            raise NotPlain("unusual body or timeout") from error
        if self._touched and (feature := defaults.touched(state)):
            raise NotPlain(feature)
        plan = key = None
        if not options and type(headers) in _KEYED:
            common = state.get("headers")
            if common is None or type(common) is SessionHeaders:
                try:
                    key = (
                        method,
                        url,
                        kind,
                        state.get("_manner") or self._manner_now(),
                        "cookies" in state,
                        None if common is None else common.key or common.items_key(),
                        tuple(headers.items()) if headers else None,
                    )
                    plan = _plans.get(key)
                except TypeError:
                    key = None
        if plan is None or self._overridden:
            plan = new_plan(self, method, url, kind, headers, options)
            if key is not None and not self.trust_env:  # the environment is asked each time
                if len(_plans) >= _MAX_PLANS:
                    _plans.clear()
                _plans[key] = plan
        cookie = None
        if "cookies" in state:
            jar = state["cookies"]
            if type(jar) is not SessionJar and not isinstance(jar, CookieJar):
                raise NotPlain("cookies of another kind")
            if plan.call.cookie and (options or type(jar) is not SessionJar or jar.holds_any):
                cookie = self._cookie_header(jar, options.get("cookies"), plan.target, plan.call)
        elif plan.call.cookie:
            cookie = self._cookie_header(None, options.get("cookies"), plan.target, plan.call)
        return self._serve(plan, cookie, body, sent, limits, start, catch_response)

    def _cookie_header(self, jar: Any, cookies: Any, target: Target, call: Call) -> str | None:
        if type(jar) is SessionJar and not cookies:
            return jar.header_for(target.url, target.origin, target.path, call.asked_headers)
        merged = RequestsCookieJar()
        for source in (jar, cookies):
            if source:
                merge_cookies(merged, source)
        return get_cookie_header(merged, Asked(target.url, call.asked_headers))  # type: ignore[arg-type]  # reads these two

    def _serve(  # noqa: PLR0911, PLR0912  # one return for each way in which an exchange ends
        self,
        plan: Plan,
        cookie: str | None,
        body: Any,
        sent: bytes | None,
        limits: tuple[float | None, float | None],
        start: float,
        catch_response: bool,
    ) -> ResponseContextManager | None:
        """Send and receive; None, with `pending` set, leaves the rest to python-requests."""
        target, origin, call, whole = plan
        connect_s, read_s = limits
        wire = self.idle_wire(origin, start)
        if wire is None:
            if origin[0] != "http":
                return None
            try:
                wire = _connect(target, connect_s)
            except (HTTPError, OSError) as error:
                self.pending = Pending(None, connect_error=error)
                return None
        try:
            first = wire.ask(whole or call.written(target.path, cookie, sent), connect_s, read_s)
            head, raw, keep = receive(wire, first, call.method == "HEAD", read_s)
            if head.redirect:
                raise Unplain(b"%b\r\n%b" % (head.raw, raw))
            if head.coding and raw:
                raw = decoded(head.coding, raw)
        except SendError as error:
            self.pending = Pending(wire, send_error=error.cause)
            return None
        except Unplain as answer:
            self.pending = Pending(wire, answer.received, read_error=answer.error)
            return None
        except NotDecoded:
            self.pending = Pending(wire, b"%b\r\n%b" % (head.raw, raw))
            return None
        except OSError as error:
            self.pending = Pending(wire, read_error=error)
            return None
        except BaseException:
            wire.close()  # the user was stopped: the answer that is under way must not meet the next request
            raise
        now = perf_counter()
        if keep:
            self.keep_wire(origin, wire, now)
        else:
            self._close(origin, wire)
        if origin is LEDGER.last_origin:
            LEDGER.sent_there += 1
        else:
            LEDGER.went_to(origin)
        length = 0 if sent is None else len(sent)
        made: Any = (self, call, target, head, cookie, body, length, self.explicit_name, now - start)
        kind = CaughtResponse if catch_response else LazyResponse
        response = kind(made, raw, head.status, self.request_event, catch_response)
        if head.cookies:
            extract_cookies_to_jar(self.cookies, response.request, answered(head))
        return response

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
            pending, self.pending = self.pending, None
            if pending is not None and pending.wire is not None:
                pending.wire.close()
        if before:
            first = response.history[0] if response.history else response
            first.elapsed += timedelta(seconds=before)
        return response


def _connect(target: Target, timeout_s: float | None) -> Wire:
    """Open a connection as urllib3 does. Raises urllib3's errors."""
    connection = HTTPConnection(target.host, target.origin[2], timeout=timeout_s)
    connection.connect()
    sock, connection.sock = connection.sock, None
    return Wire(sock)
