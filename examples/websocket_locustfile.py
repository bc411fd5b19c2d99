"""A chat over WebSocket: a connection for each user, and a request for each message that is answered.

Needs websocket-client. Against a server of your own:

    loadproof run examples/websocket_locustfile.py --host ws://127.0.0.1:8765 --users 20 --run-time 1m
"""

import time

import websocket
from locust import User, between, task


class ChatUser(User):
    wait_time = between(0.5, 1.5)

    def on_start(self):
        self.socket = self.timed("connect", lambda: websocket.create_connection(self.host, timeout=10))

    def on_stop(self):
        if self.socket is not None:
            self.socket.close()

    @task
    def say(self):
        if self.socket is None:
            return
        self.socket.send("hello")
        self.timed("message", self.socket.recv)

    def timed(self, name, call):
        """What the call gives, as one request; None, and a failed one, when it raises."""
        began = time.perf_counter()
        answer, failed = None, None
        try:
            answer = call()
        except (OSError, websocket.WebSocketException) as error:
            failed = error
        self.environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=(time.perf_counter() - began) * 1000,
            response_length=len(answer) if isinstance(answer, str | bytes) else 0,
            exception=failed,
        )
        return answer
