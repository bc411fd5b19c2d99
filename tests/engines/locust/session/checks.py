"""The child process: checks of the session as a part of a program, each a function."""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import gc
import sys
import weakref
from typing import Any

import brotli  # type: ignore[import-untyped]  # it has no types
import gevent
import requests
import urllib3.response

from loadproof.engines.locust.session import (
    COUNTS,
    fast_handover,
    http_handover,
    http_request,
    http_session,
    install,
)
from tests.engines.locust.session.answers import DEFLATED, GZIPPED, answer, chunked
from tests.engines.locust.session.checks_connections import (
    a_loop_that_counts_no_turns_asks_again,
    a_user,
    an_abandoned_stream_is_told,
    an_endless_head_is_one_failed_request,
    bombs_are_bounded,
    early_hints_are_no_answer,
    idle_connection_closed_by_the_server,
    interim_answers_end,
    raw_bodies_are_measured,
    strangers_keep_their_descriptor,
    streams_are_told_when_nobody_holds_them,
    tls_goes_on_with_its_session,
)
from tests.engines.locust.session.checks_opening import (
    connections_fail_as_with_the_other_clients,
    what_opens_connections_may_be_replaced,
)
from tests.engines.locust.session.checks_statistics import (
    a_master_takes_each_report_once,
    an_entry_of_ones_own_takes_others,
    charts_show_all_of_a_long_run,
    current_percentiles_are_locusts,
    errors_with_a_page_in_them_are_looked_at_in_part,
    many_errors_are_counted_by_their_shape,
    new_times_are_kept_twice,
    statistics_are_locusts,
)
from tests.engines.locust.session.scripted_server import HOLD, Reply, ScriptedServer


def installed() -> None:
    """Users of both kinds get our sessions, and a subclass of HttpSession in a locustfile inherits ours."""
    from locust.clients import HttpSession  # what a locustfile sees after install

    from loadproof.engines.locust.session.fast_session import FastHttpSession  # after install

    with ScriptedServer([[[answer()]]]) as server:
        assert type(a_user(locust.HttpUser, server).client) is HttpSession
        assert type(a_user(locust.FastHttpUser, server).client) is FastHttpSession
    assert HttpSession.__module__.startswith("loadproof.")


def ledger_balances() -> None:
    """What was issued is what was reported, what was not reported, and what is in flight."""
    before = COUNTS.issued, COUNTS.reported, COUNTS.unreported
    with ScriptedServer([[[answer()], [answer()], [answer()], [HOLD]]]) as server:
        client = a_user(locust.HttpUser, server).client
        client.get("/")
        client.get("/", catch_response=True)
        with client.get("/", catch_response=True) as response:
            response.failure("bad")
        waiting = gevent.spawn(client.get, "/never")
        while b"/never" not in server.received[0]:
            gevent.sleep(0.001)
        assert COUNTS.in_flight == 1
        waiting.kill()
        assert COUNTS.in_flight == 0
    after = COUNTS.issued, COUNTS.reported, COUNTS.unreported
    assert [b - a for a, b in zip(before, after, strict=True)] == [4, 2, 2]


def stopped_user_leaves_no_answer_behind() -> None:
    """When a user is stopped while waiting, the connection is closed; the next call gets its own answer."""
    with ScriptedServer([[[HOLD]], [[answer(b"second")]]]) as server:
        client = a_user(locust.HttpUser, server).client
        waiting = gevent.spawn(client.get, "/first")
        while not (server.received and server.received[0]):
            gevent.sleep(0.001)
        waiting.kill()
        assert client.get("/second").text == "second"
        assert len(server.received) == 2


def greenlets_share_a_session() -> None:
    """Calls of several greenlets at once use a connection each, and every one gets its own answer."""
    bodies = [b"one", b"two", b"three"]
    for base in (locust.HttpUser, locust.FastHttpUser):
        with ScriptedServer([[[answer(body)]] * 3 for body in bodies]) as server:
            client = a_user(base, server).client
            calls = [gevent.spawn(client.get, f"/{number}") for number in range(3)]
            gevent.joinall(calls)
            assert sorted(call.value.content for call in calls) == sorted(bodies)
            assert len(server.received) == 3


def no_cycle_per_request() -> None:
    """A response that nobody kept is freed at once, without the garbage collector."""
    with ScriptedServer([[[answer()]] * 4]) as server:
        client = a_user(locust.HttpUser, server).client
        client.get("/")
        gc.collect()
        gc.disable()
        known = weakref.ref(client.get("/"))
        gone = known() is None
        gc.enable()
        assert gone


def session_frees_its_connection() -> None:
    """A session that nobody keeps closes its connection."""
    with ScriptedServer([[[answer()]]]) as server:
        user = a_user(locust.HttpUser, server)
        user.client.get("/")
        wire = weakref.ref(next(iter(user.client._wires.values()))[0])
        user.client = None
        gc.collect()
        assert wire() is None


def fallbacks_are_told_once() -> None:
    """A listener hears of each feature that fell back once, however often it is used."""
    heard: list[str] = []
    COUNTS.on_fallback(heard.append)
    with ScriptedServer([[[answer()]] * 4]) as server:
        client = a_user(locust.HttpUser, server).client
        for _ in range(2):
            client.get("/", hooks={"response": lambda *_, **__: None})
    assert heard.count("hooks") == 1
    assert COUNTS.fallbacks["hooks"] >= 2


def plans_are_kept_after_a_fallback() -> None:
    """A trailer, which python-requests reads, makes none of the later calls be planned anew."""
    with ScriptedServer(
        [[[chunked(b"ok", trailer=b"X-T: 1\r\n")], [answer()], [answer()], [answer()]]]
    ) as server:
        client = a_user(locust.HttpUser, server).client
        assert client.get("/").text == "ok"
        client.get("/")
        planned: list[str] = []
        plan = http_request.new_fast_call

        def noted(*args: Any) -> Any:
            planned.append(args[2])
            return plan(*args)

        vars(http_session)["new_fast_call"] = noted
        client.get("/")
        assert planned == []
        client.auth = ("user", "secret")
        client.get("/")
        assert len(planned) == 1
        assert b"Authorization: Basic" in server.received[0].split(b"GET /")[-1]


def events_are_told_as_fired() -> None:
    """Listeners get what `fire` gives them, also when one raises, and a `fire` of one's own is called."""
    seen: list[dict[str, Any]] = []

    def broken(**_: Any) -> None:
        raise ValueError("a listener's own mistake")

    with ScriptedServer([[[answer()]] * 4]) as server:
        for base in (locust.HttpUser, locust.FastHttpUser):
            user = a_user(base, server)
            event = user.environment.events.request
            event.add_listener(broken)
            event.add_listener(lambda **fields: seen.append(fields))
            response = user.client.get("/a")
            _also_noted(event, seen)
            user.client.get("/a")
            told, own, fired = seen
            assert told.keys() == own.keys() == fired.keys()
            assert told["response"] is response
            assert user.environment.stats.get("/a", "GET").num_requests == 2
            seen.clear()


def _also_noted(event: Any, seen: list[dict[str, Any]]) -> None:
    fire = event.fire

    def noted(**fields: Any) -> None:
        seen.append(fields)
        fire(**fields)

    event.fire = noted


def rare_ways_to_send_are_told() -> None:
    """A custom auth object and a prepared request are sent by python-requests, and the counts say so."""
    with ScriptedServer([[[answer()]] * 4]) as server:
        client = a_user(locust.HttpUser, server).client
        client.get("/", auth=lambda request: request)
        assert COUNTS.fallbacks == {"auth": 1}
        prepared = requests.Request("GET", f"{client.base_url}/prepared").prepare()
        assert client.send(prepared).status_code == 200
        assert COUNTS.fallbacks == {"auth": 1, "send(PreparedRequest)": 1}


def common_answers_stay_on_the_fast_path() -> None:
    """Answers in chunks or in a coding are read by the session itself, with a `timeout`, too."""
    text = b"squeezed text " * 20
    coded = {"gzip": GZIPPED, "deflate": DEFLATED, "br": brotli.compress(text)}
    replies: list[Reply] = [
        [answer(body, "200 OK", f"Content-Encoding: {name}")] for name, body in coded.items()
    ]
    replies += [[chunked(text[:9], text[9:])], [answer(text)]]
    zstd: Any = vars(urllib3.response).get("zstd")  # Python 3.14's, or that of backports.zstd
    newest: list[Reply] = (
        [] if zstd is None else [[answer(zstd.compress(text), "200 OK", "Content-Encoding: zstd")]]
    )
    for base in (locust.HttpUser, locust.FastHttpUser):
        known = [*replies, *newest] if base is locust.HttpUser else replies
        with ScriptedServer([known]) as server:
            client = a_user(base, server).client
            for _ in known:
                response = client.get("/", timeout=5)
                assert response.content == text
                assert type(response).__name__.startswith("Lazy"), (base, response)
            assert len(server.received) == 1
    assert COUNTS.fallbacks == {}


def redirects_and_own_auth_use_no_other_client() -> None:
    """What Locust's clients decide, they decide; each request that follows is sent by the session itself."""
    moved = answer(b"moved", "302 Found", "Location: /to", "Set-Cookie: a=b; Path=/")

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("another client was asked")

    vars(http_handover)["HTTPConnectionPool"].urlopen = refused
    vars(fast_handover)["HTTPClient"].request = refused
    for base in (locust.HttpUser, locust.FastHttpUser):
        replies: list[Reply] = [[moved], [answer(b"there")], [answer(b"no", "404 No")], [answer(b"signed")]]
        with ScriptedServer([replies]) as server:
            client = a_user(base, server).client
            response = client.get("/from")
            assert (response.text, [hop.status_code for hop in response.history]) == ("there", [302])
            assert client.get("/missing").status_code == 404
            if base is locust.HttpUser:
                assert client.get("/signed", auth=_signed).text == "signed"
                assert b"X-Signature: GET /signed" in server.received[0]
            assert len(server.received) == 1
            assert b"GET /to HTTP/1.1" in server.received[0]
            assert b"Cookie: a=b" in server.received[0]


def _signed(request: Any) -> Any:
    request.headers["X-Signature"] = f"{request.method} {request.path_url}"
    return request


CHECKS = (
    redirects_and_own_auth_use_no_other_client,
    early_hints_are_no_answer,
    common_answers_stay_on_the_fast_path,
    *(installed, ledger_balances, stopped_user_leaves_no_answer_behind, greenlets_share_a_session),
    *(idle_connection_closed_by_the_server, no_cycle_per_request, session_frees_its_connection),
    *(statistics_are_locusts, fallbacks_are_told_once, plans_are_kept_after_a_fallback),
    *(current_percentiles_are_locusts, new_times_are_kept_twice),
    *(charts_show_all_of_a_long_run, many_errors_are_counted_by_their_shape),
    errors_with_a_page_in_them_are_looked_at_in_part,
    *(a_master_takes_each_report_once, an_entry_of_ones_own_takes_others),
    *(rare_ways_to_send_are_told, bombs_are_bounded, interim_answers_end),
    an_endless_head_is_one_failed_request,
    *(a_loop_that_counts_no_turns_asks_again, raw_bodies_are_measured),
    *(streams_are_told_when_nobody_holds_them, an_abandoned_stream_is_told),
    *(events_are_told_as_fired, tls_goes_on_with_its_session, strangers_keep_their_descriptor),
    *(connections_fail_as_with_the_other_clients, what_opens_connections_may_be_replaced),
)


if __name__ == "__main__":
    install()
    with gevent.Timeout(20):
        {check.__name__: check for check in CHECKS}[sys.argv[1]]()
