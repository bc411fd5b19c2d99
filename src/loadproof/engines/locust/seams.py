"""The wall around Locust: each name of it and of its HTTP libraries that no documentation promises.

One row of `SEAMS` says which name, where it is, and which part of Loadproof stands on it. `unknown()` looks
at the installed libraries. What is not as known switches that one part off, with an event that says so, and
never the run: the HTTP clients fall back to Locust's own, statistics to Locust's own counting.

A name that is used and has no row here fails the build (tests/engines/locust/test_seams.py).
"""

from __future__ import annotations

import importlib
import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import metadata
from types import CodeType
from typing import Any


class Feature(StrEnum):
    """What can be switched off alone; the text says what happens then."""

    HTTP_SESSION = "HttpUser uses Locust's own HTTP client, which is slower"
    FAST_HTTP_SESSION = "FastHttpUser uses Locust's own HTTP client, which is slower"
    STATISTICS = "Locust counts its own statistics, which costs a little of the throughput"
    SHORT_WAY = "events and waits of no time take Locust's own way, which costs a little of the throughput"
    BLOCKS = "a request whose `with` block raises is in no count"
    SENDING = "requests that users were stopped in are not counted"
    WIRE = "followed redirects, repeats and answers that made the client raise are in no count"
    INTERIM = "HttpUser takes an interim answer, such as 103, for the answer"
    LAST_REPORT = "the last second of a worker process comes with its end"
    REPORTS = "workers report every three seconds, so that live figures come later"
    LOST_WORKERS = "Locust itself decides when a worker is lost, which takes it longer"
    SPREADING = "the users of a second start together, so that each waits for the others"
    STOPPING = "a waiting user may send one more request at the stop, and be stopped in it"
    PACES = "how late paced users start their tasks is not measured"
    LOCK = "master and workers cannot be locked with a token"
    OPEN_MODEL = "tasks cannot wait for arrivals: --rate and stages of a rate cannot be played"


@dataclass(frozen=True, slots=True)
class Seam:
    """One name that Loadproof reaches for."""

    part: Feature
    place: str
    """Where it is: "module" or "module:Class"."""
    name: str
    takes: tuple[str, ...] | None = None
    """The parameters that it is called with, in their order; None where it is no function."""

    def __str__(self) -> str:
        return f"{self.place.replace(':', '.')}.{self.name}"


_CLIENTS = "locust.clients"
_FAST = "locust.contrib.fasthttp"
_POOL = "geventhttpclient.connectionpool:ConnectionPool"
_RESPONSE = "geventhttpclient.response:HTTPSocketPoolResponse"
_URLLIB3 = "urllib3.connectionpool:HTTPConnectionPool"

SAME_SINCE = (2, 47)
"""The Locust whose outcomes Loadproof's HTTP client has to the letter, odd replies of a server included.

tests/engines/locust/session compares some 1,900 of them; with 2.46.7 five differ, with 2.40 thirty.
"""

SEAMS = (
    # Put in the place of Locust's own classes.
    Seam(Feature.HTTP_SESSION, _CLIENTS, "HttpSession", ("base_url", "request_event", "user")),
    Seam(Feature.HTTP_SESSION, "locust.user.users", "HttpSession"),
    Seam(Feature.FAST_HTTP_SESSION, _FAST, "FastHttpSession", ("base_url", "request_event", "user")),
    # python-requests' session as Locust has it.
    Seam(Feature.HTTP_SESSION, f"{_CLIENTS}:HttpSession", "_build_url", ("self", "path")),
    Seam(
        Feature.HTTP_SESSION, f"{_CLIENTS}:HttpSession", "_send_request_safe_mode",
        ("self", "method", "url"),
    ),
    Seam(Feature.HTTP_SESSION, f"{_CLIENTS}:ResponseContextManager", "_report_request", ("self", "exc")),
    Seam(Feature.HTTP_SESSION, f"{_CLIENTS}:ResponseContextManager", "_manual_result"),
    Seam(Feature.HTTP_SESSION, f"{_CLIENTS}:ResponseContextManager", "_entered"),
    Seam(Feature.HTTP_SESSION, f"{_CLIENTS}:ResponseContextManager", "_request_event"),
    Seam(Feature.HTTP_SESSION, f"{_CLIENTS}:ResponseContextManager", "_catch_response"),
    Seam(Feature.HTTP_SESSION, f"{_CLIENTS}:HttpSession", "_explicit_name"),
    Seam(Feature.HTTP_SESSION, f"{_CLIENTS}:LocustHttpAdapter", "init_poolmanager", ("self",)),
    Seam(Feature.HTTP_SESSION, "requests:PreparedRequest", "_encode_params", ("data",)),
    Seam(Feature.HTTP_SESSION, "requests:PreparedRequest", "_cookies"),
    Seam(Feature.HTTP_SESSION, "requests:Response", "_content"),
    Seam(Feature.HTTP_SESSION, "requests:Response", "_content_consumed"),
    Seam(Feature.HTTP_SESSION, "requests.cookies:extract_cookies_to_jar", "_original_response"),
    Seam(
        Feature.HTTP_SESSION,
        "requests.adapters:HTTPAdapter",
        "get_connection_with_tls_context",
        ("self", "request", "verify", "proxies", "cert"),
    ),
    Seam(Feature.HTTP_SESSION, "requests.sessions", "merge_setting"),
    Seam(Feature.HTTP_SESSION, "requests.utils", "get_environ_proxies"),
    Seam(Feature.HTTP_SESSION, "requests.utils", "get_netrc_auth"),
    # urllib3's pools, which borrow the session's connections.
    Seam(Feature.HTTP_SESSION, _URLLIB3, "_get_conn", ("self", "timeout")),
    Seam(Feature.HTTP_SESSION, _URLLIB3, "_new_conn", ("self",)),
    Seam(Feature.HTTP_SESSION, "urllib3.connection:HTTPConnection", "_new_conn", ("self",)),
    Seam(Feature.HTTP_SESSION, "urllib3.util.connection", "allowed_gai_family", ()),
    Seam(Feature.HTTP_SESSION, _URLLIB3, "_put_conn", ("self", "conn")),
    Seam(Feature.HTTP_SESSION, "urllib3.util.ssl_", "create_urllib3_context"),
    Seam(Feature.HTTP_SESSION, "urllib3.util.ssl_", "resolve_cert_reqs"),
    Seam(Feature.HTTP_SESSION, "http.client:HTTPResponse", "_read_status", ("self",)),
    # geventhttpclient's session as Locust has it.
    Seam(Feature.FAST_HTTP_SESSION, _FAST, "_construct_basic_auth_str", ("username", "password")),
    Seam(Feature.FAST_HTTP_SESSION, _FAST, "insecure_ssl_context_factory"),
    Seam(Feature.FAST_HTTP_SESSION, f"{_FAST}:FastHttpSession", "_build_url", ("self", "path")),
    Seam(
        Feature.FAST_HTTP_SESSION, f"{_FAST}:FastHttpSession", "_send_request_safe_mode",
        ("self", "method"),
    ),
    Seam(Feature.FAST_HTTP_SESSION, f"{_FAST}:ResponseContextManager", "_report_request", ("self",)),
    Seam(Feature.FAST_HTTP_SESSION, f"{_FAST}:ResponseContextManager", "_manual_result"),
    Seam(Feature.FAST_HTTP_SESSION, f"{_FAST}:FastResponse", "_cached_content"),
    Seam(
        Feature.FAST_HTTP_SESSION,
        f"{_FAST}:LocustUserAgent",
        "_make_request",
        ("self",),
    ),
    Seam(Feature.FAST_HTTP_SESSION, f"{_FAST}:LocustUserAgent", "_urlopen", ("self", "request")),
    Seam(Feature.FAST_HTTP_SESSION, f"{_FAST}:FastResponse", "_sent_request"),
    Seam(Feature.FAST_HTTP_SESSION, f"{_FAST}:FastResponse", "_response"),
    Seam(Feature.FAST_HTTP_SESSION, "geventhttpclient.client", "HTTPSocketPoolResponse"),
    Seam(Feature.FAST_HTTP_SESSION, "geventhttpclient.client:HTTPClient", "_connection_pool"),
    Seam(
        Feature.FAST_HTTP_SESSION,
        "geventhttpclient.client:HTTPClient",
        "_build_request",
        ("self", "method", "request_uri", "body", "headers"),
    ),
    Seam(Feature.FAST_HTTP_SESSION, "geventhttpclient.response", "HTTPProtocolViolationError"),
    Seam(Feature.FAST_HTTP_SESSION, _RESPONSE, "_on_message_begin", ("self",)),
    Seam(Feature.FAST_HTTP_SESSION, _RESPONSE, "_on_body", ("self", "buf")),
    Seam(Feature.FAST_HTTP_SESSION, _RESPONSE, "_body_buffer"),
    Seam(Feature.FAST_HTTP_SESSION, _POOL, "_create_socket", ("self",)),
    Seam(Feature.FAST_HTTP_SESSION, _POOL, "_semaphore"),
    Seam(Feature.FAST_HTTP_SESSION, _POOL, "get_socket", ("self",)),
    Seam(Feature.FAST_HTTP_SESSION, _POOL, "return_socket", ("self", "sock")),
    Seam(Feature.FAST_HTTP_SESSION, _POOL, "release_socket", ("self", "sock")),
    # Locust's statistics and its request event.
    Seam(
        Feature.STATISTICS,
        "locust.stats:RequestStats",
        "log_request",
        ("self", "method", "name", "response_time", "content_length"),
    ),
    Seam(Feature.STATISTICS, "locust.stats:StatsEntry", "log", ("self", "response_time", "content_length")),
    Seam(Feature.STATISTICS, "locust.stats:StatsEntry", "_log_time_of_request", ("self", "current_time")),
    Seam(Feature.STATISTICS, "locust.stats:StatsEntry", "_log_response_time", ("self", "response_time")),
    Seam(Feature.STATISTICS, "locust.stats:StatsEntry", "_cache_response_times", ("self", "t")),
    Seam(Feature.STATISTICS, "locust.stats:StatsEntry", "extend", ("self", "other")),
    Seam(Feature.STATISTICS, "locust.stats", "bucket_response_time", ("response_time",)),
    Seam(Feature.SHORT_WAY, "locust.event:EventHook", "_handlers"),
    Seam(Feature.SHORT_WAY, "locust.log", "unhandled_greenlet_exception"),
    Seam(Feature.SHORT_WAY, "locust:TaskSet", "_sleep", ("self", "seconds")),
    # Counting what Locust has no event for.
    Seam(Feature.BLOCKS, f"{_CLIENTS}:ResponseContextManager", "_manual_result"),
    Seam(Feature.BLOCKS, f"{_FAST}:ResponseContextManager", "_manual_result"),
    Seam(Feature.SENDING, f"{_CLIENTS}:HttpSession", "_send_request_safe_mode"),
    Seam(Feature.SENDING, f"{_FAST}:FastHttpSession", "_send_request_safe_mode"),
    Seam(Feature.WIRE, _URLLIB3, "_make_request", ("self", "conn", "method", "url")),
    Seam(Feature.WIRE, "geventhttpclient.client:HTTPClient", "request", ("self", "method", "request_uri")),
    Seam(Feature.WIRE, _POOL, "get_socket", ("self",)),
    Seam(Feature.INTERIM, "http.client:HTTPResponse", "_read_status", ("self",)),
    Seam(Feature.INTERIM, "urllib3.connection:HTTPConnection", "response_class"),
    Seam(Feature.LOCK, "locust.rpc.zmqrpc:BaseSocket", "__init__", ("self", "sock_type")),
    Seam(Feature.LOCK, "locust.rpc.zmqrpc:BaseSocket", "socket"),
    Seam(Feature.LAST_REPORT, "locust.runners:WorkerRunner", "_send_stats", ("self",)),
    Seam(
        Feature.SPREADING, "locust.runners:Runner", "spawn_users",
        ("self", "user_classes_spawn_count", "wait"),
    ),
    Seam(Feature.SPREADING, "locust.runners:Runner", "user_classes_by_name"),
    Seam(Feature.SPREADING, "locust.runners:Runner", "user_greenlets"),
    Seam(Feature.SPREADING, "locust.runners:Runner", "user_classes_count"),
    Seam(Feature.SPREADING, "locust:User", "start", ("self", "group")),
    Seam(Feature.SPREADING, "locust.argument_parser", "default_args_dict", ()),
    Seam(Feature.SPREADING, "gevent.socket:socket", "_sock"),
    Seam(Feature.STOPPING, "locust:User", "stop", ("self", "force")),
    Seam(Feature.STOPPING, "locust:User", "_state"),
    Seam(Feature.STOPPING, "locust:User", "_greenlet"),
    Seam(Feature.STOPPING, "locust.runners", "Group"),
    Seam(Feature.STOPPING, "locust.runners:Runner", "stop_users", ("self", "user_classes_stop_count")),
    Seam(Feature.REPORTS, "locust.runners", "WORKER_REPORT_INTERVAL"),
    Seam(Feature.LOST_WORKERS, "locust.runners", "HEARTBEAT_DEAD_INTERNAL"),
    # The task loop.
    Seam(Feature.PACES, "locust.user.wait_time:constant_pacing", "wait_time"),
    Seam(Feature.OPEN_MODEL, "locust:TaskSet", "execute_next_task", ("self",)),
    Seam(Feature.OPEN_MODEL, "locust:TaskSet", "wait", ("self",)),
    Seam(Feature.OPEN_MODEL, "locust:TaskSet", "_task_queue"),
    Seam(Feature.OPEN_MODEL, "locust:User", "_state"),
    Seam(Feature.OPEN_MODEL, "locust.user.task", "LOCUST_STATE_RUNNING"),
    Seam(Feature.OPEN_MODEL, "locust.user.task", "LOCUST_STATE_WAITING"),
    Seam(Feature.OPEN_MODEL, "locust.user.task", "LOCUST_STATE_STOPPING"),
)  # fmt: skip


@cache
def unknown() -> dict[Feature, list[str]]:
    """The parts to switch off, each with what the installed libraries have not as known; usually empty.

    Looked at once, before anything of Loadproof's takes the place of a name.
    """
    found: dict[Feature, list[str]] = {}
    for seam in SEAMS:
        if why := _difference(seam):
            found.setdefault(seam.part, []).append(why)
    if (installed := version()) < SAME_SINCE:
        since, here = (".".join(map(str, numbers)) for numbers in (SAME_SINCE, installed))
        for part in (Feature.HTTP_SESSION, Feature.FAST_HTTP_SESSION):
            found.setdefault(part, []).append(f"Locust {here} takes some replies otherwise than {since}")
    if Feature.HTTP_SESSION in found and Feature.FAST_HTTP_SESSION not in found:
        found[Feature.FAST_HTTP_SESSION] = ["it shares code with HttpUser's client"]
    return found


def version() -> tuple[int, ...]:
    """The installed Locust's, as far as it is numbers: 2.47.1.dev5 is (2, 47, 1)."""
    parts = metadata.version("locust").split(".")
    return tuple(int(part) for part in itertools.takewhile(str.isdecimal, parts))


def known(part: Feature) -> bool:
    """Whether all that `part` stands on is as known."""
    return part not in unknown()


def switched_off() -> dict[str, str]:
    """For each part that is switched off its name and one sentence that says what follows, and why."""
    return {part.name: f"{part}: {'; '.join(reasons)}" for part, reasons in unknown().items()}


def send_last_report(runner: Any) -> None:
    """Let a worker report what it did since its last report, at the stop and not with its end."""
    if known(Feature.LAST_REPORT):
        runner._send_stats()


def scenario_options() -> Any:
    """What Locust's flags say of its files; before 2.47 it gives a pair whose second is what is left over."""
    from locust.argument_parser import parse_locustfile_option  # importing Locust patches the process

    options = parse_locustfile_option()
    return options[0] if isinstance(options, tuple) else options


def stop_test() -> type[Exception]:
    """Locust's StopTest, which is new in 2.43; before, nothing ended a test by an exception but StopUser."""
    from locust import exception  # importing Locust patches the process: only where it runs

    kind: type[Exception] = getattr(exception, "StopTest", exception.StopUser)
    return kind


def _difference(seam: Seam) -> str:
    """What is not as known of `seam`, "" for nothing."""
    owner = _owner(seam.place)
    if owner is None:
        return f"there is no {seam.place.replace(':', '.')}"
    value = getattr(owner, seam.name, None)
    if value is None and not _names(owner, seam.name):
        return f"there is no {seam}"
    if seam.takes is None:
        return ""
    if not callable(value):
        return f"{seam} is no function"
    parameters = inspect.signature(value).parameters.values()
    taken = tuple(p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
    if taken[: len(seam.takes)] != seam.takes:
        return f"{seam} takes ({', '.join(taken)}), known is ({', '.join(seam.takes)})"
    return ""


def _owner(place: str) -> Any:
    """The module or class, None where there is none of that name."""
    module_name, _, class_name = place.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        return None
    return getattr(module, class_name, None) if class_name else module


def _names(owner: Any, name: str) -> bool:
    """Whether the code of a class, a function or a module sets or reads an attribute of that name.

    Or, in a function, a variable of the one around it.
    """
    if hasattr(owner, name):
        return True
    functions = [owner] if inspect.isfunction(owner) else []
    for kind in getattr(owner, "__mro__", ()):
        if name in inspect.get_annotations(kind):
            return True
        functions += [member for member in vars(kind).values() if inspect.isfunction(member)]
    codes = (code for function in functions for code in _codes(function.__code__))
    return any(name in code.co_names or name in code.co_freevars for code in codes)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """`code` and the codes of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
