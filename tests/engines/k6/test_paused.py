"""k6 that waits for its moment: it is let go when it is ready, and not before its time."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from loadproof.engines.k6 import paused as module
from loadproof.engines.k6.paused import Paused
from loadproof.errors import EngineError
from tests.recording import Recording

_INIT, _PAUSED = 1, 4


class Api(HTTPServer):
    """Of k6: it says nothing of use at first, is then paused, and forgets an order that comes sooner."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.looks = 0
        self.ready_after = 3
        self.paused = True
        self.resumed_in: list[bool] = []
        """Of each order whether all was ready."""

    def state(self) -> dict[str, Any]:
        ready = self.looks > self.ready_after
        return {"status": _PAUSED if ready else _INIT, "paused": self.paused if ready else False}


class _Answer(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.looks += 1
        if self.server.looks == 1:
            self._say(b"no JSON")
        else:
            self._tell()

    def do_PATCH(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert order["data"]["attributes"] == {"paused": False}
        ready = self.server.looks > self.server.ready_after
        self.server.resumed_in.append(ready)
        self.server.paused = not ready
        self._tell()

    def _tell(self) -> None:
        self._say(json.dumps({"data": {"type": "status", "attributes": self.server.state()}}).encode())

    def _say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


def test_it_is_let_go_at_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, when all is ready; until then it could not end gently."""
    with Api() as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(module, "free_port", lambda: api.server_port)
        paused = Paused()
        assert paused.arguments == ["--paused", f"--address=127.0.0.1:{api.server_port}"]

        async def course() -> list[bool]:
            begin: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            sink = Recording()
            beginning = asyncio.create_task(paused.begin(begin, sink))
            while api.looks <= api.ready_after:
                await asyncio.sleep(0.01)
            before = list(api.resumed_in)
            assert paused.waits
            begin.set_result(sink.now())
            await asyncio.wait_for(beginning, 60)
            return before

        try:
            assert asyncio.run(course()) == []
        finally:
            api.shutdown()
            thread.join()
    assert (api.resumed_in, api.paused, paused.waits) == ([True], False, False)


@pytest.mark.parametrize(("answers", "what"), [
    ([{}], "was not ready, its setup and users made,"),
    ([{"paused": True, "status": _PAUSED}], "did not go on"),
])  # fmt: skip
def test_one_that_is_not_ready_in_time_is_given_up(
    answers: list[dict[str, Any]], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty seconds after its moment; nobody waits for it for ever."""
    monkeypatch.setattr(Paused, "_ask", lambda *_: answers[0])

    async def course(late_s: float) -> None:
        sink = Recording()
        begin: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        begin.set_result(sink.now() - late_s)
        await asyncio.wait_for(Paused().begin(begin, sink), 5 if late_s > 30 else 0.3)

    with pytest.raises(EngineError, match=re.escape(f"k6 {what} 30 s after the moment")):
        asyncio.run(course(31))
    with pytest.raises(TimeoutError):
        asyncio.run(course(20))
