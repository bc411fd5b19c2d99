"""The child process: run all fragments with Locust's sessions (`locust`) or with ours (`loadproof`)."""

from __future__ import annotations

import locust  # first of all, because it patches

# ruff: isort: split
import json
import sys
from typing import Any

import gevent
from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask

from tests.engines.locust.session.answers import GZIPPED, answer, chunked, json_answer
from tests.engines.locust.session.outcome import _event, _Normal
from tests.engines.locust.session.scripted_server import CLOSE, HOLD, Reply, ScriptedServer

_PATHS: dict[bytes, Reply] = {
    b"/json": [json_answer(b'{"ok": true, "id": 7}')],
    b"/token": [json_answer(b'{"token": "abc"}')],
    b"/form": [answer(b'<input name="csrf" value="t0ken">', "200 OK", "Content-Type: text/html")],
    b"/missing": [answer(b"gone", "404 Not Found")],
    b"/redirect": [answer(b"", "302 Found", "Location: /hello", "Set-Cookie: hop=1")],
    b"/set-cookie": [answer(b"set", "200 OK", "Set-Cookie: session=s1; Path=/", "Set-Cookie: theme=dark")],
    b"/gzip": [answer(GZIPPED, "200 OK", "Content-Encoding: gzip", "Content-Type: text/plain")],
    b"/chunked": [chunked(b"hello ", b"there")],
    b"/lines": [answer(b"1\n2\n3\n")],
    b"/close": [CLOSE],
    b"/silence": [HOLD],
}


class _Site(ScriptedServer):
    """Answers by path."""

    def _serve(self, connection: Any, replies: Any, tape: bytearray) -> None:
        super()._serve(connection, _Endless(tape), tape)


class _Endless(list[Reply]):
    def __init__(self, tape: bytearray) -> None:
        super().__init__()
        self._tape = tape

    def __iter__(self) -> Any:
        while True:
            yield _Deferred(self._tape)


class _Deferred(list[Any]):
    def __init__(self, tape: bytearray) -> None:
        super().__init__()
        self._tape = tape

    def __iter__(self) -> Any:
        lines = [line for line in bytes(self._tape).split(b"\r\n") if line.endswith(b" HTTP/1.1")]
        method, target, _ = lines[-1].rsplit(b"\n", 1)[-1].split(b" ", 2)
        path = target.partition(b"?")[0]
        reply = _PATHS.get(path, [answer(b"hello", "200 OK", "Content-Type: text/plain")])
        if method.endswith(b"HEAD"):
            reply = [answer(b"hello")[:-5]]
        return iter(reply)


def main(which: str) -> None:
    """Run every fragment and print what was seen, one JSON line each."""
    if which == "loadproof":
        from loadproof.engines.locust.session import install  # not when Locust's are played

        install()
    from tests.engines.locust.session.fragments import FRAGMENTS  # after install, as Locust does

    for fragment in FRAGMENTS:
        with gevent.Timeout(20, TimeoutError(f"{fragment.__name__} hangs")), _Site([[]]) as server:
            print(json.dumps([fragment.__name__, _seen(fragment, server)]), flush=True)


def _seen(fragment: type[Any], server: ScriptedServer) -> dict[str, Any]:
    normal = _Normal(server.port)
    environment: Any = Environment(user_classes=[fragment], events=locust.events)
    environment.host = fragment.host = f"http://127.0.0.1:{server.port}"
    fired: list[Any] = []

    def listener(**fields: Any) -> None:
        fired.append(_event(fields, normal))

    environment.events.request.add_listener(listener)
    user = fragment(environment)
    raised: list[Any] = []
    user.on_start()
    for _ in range(3):
        for job in dict.fromkeys(fragment.tasks):
            try:
                job(user).run() if isinstance(job, type) else job(user)
            except (InterruptTaskSet, RescheduleTask) as error:
                raised.append(type(error).__name__)
            except Exception as error:  # noqa: BLE001  # whatever the task would see is the result
                raised.append(normal.error(error))
    environment.events.request.remove_listener(listener)
    wire = [normal.text(bytes(tape).decode("latin-1")) for tape in server.received]
    return {"events": fired, "raised": raised, "wire": wire}


if __name__ == "__main__":
    main(sys.argv[1])
