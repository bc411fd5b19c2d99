"""Locustfiles in small: what real ones do, each a user class over the client it names.

`play_fragments` runs the tasks of each, in order, three times for one user.
"""
# mypy: disable-error-code="no-untyped-call, untyped-decorator"
# Locust's task decorators, failure and interrupt have no types, and locustfiles call little else.

from __future__ import annotations

import json
import random
import re
from typing import Any

from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, between, events, tag, task

FRAGMENTS: list[type[Any]] = []


def fragment(user: type[Any]) -> type[Any]:
    """Put a user class in the list."""
    FRAGMENTS.append(user)
    return user


@fragment
class Quickstart(HttpUser):
    wait_time = between(1, 2)

    def on_start(self) -> None:
        self.client.post("/login", json={"username": "foo", "password": "bar"})

    @task
    def hello(self) -> None:
        self.client.get("/hello")
        self.client.get("/world")

    @task(3)
    def items(self) -> None:
        for number in range(3):
            self.client.get(f"/item?id={number}", name="/item")


@fragment
class TokenUser(HttpUser):
    def on_start(self) -> None:
        answer = self.client.post("/token", data={"user": "a", "pass": "b"})
        self.client.headers.update({"Authorization": f"Bearer {answer.json()['token']}"})

    @task
    def me(self) -> None:
        self.client.get("/me")

    @task
    def relogin(self) -> None:
        self.client.headers["Authorization"] = "Bearer other"
        self.client.get("/me")


@fragment
class ReplacedHeaders(HttpUser):
    def on_start(self) -> None:
        self.client.headers = {"Content-Type": "application/json"}  # type: ignore[assignment]  # people do

    @task
    def send(self) -> None:
        self.client.post("/echo", data=json.dumps({"a": 1}))


@fragment
class CookieUser(HttpUser):
    @task
    def flow(self) -> None:
        self.client.get("/set-cookie")
        self.client.get("/me")
        self.client.cookies.clear()
        self.client.get("/me")

    @task
    def own(self) -> None:
        self.client.get("/me", cookies={"session": "x"})


@fragment
class CsrfUser(HttpUser):
    @task
    def form(self) -> None:
        page = self.client.get("/form")
        token = re.search(r'value="(\w+)"', page.text)
        assert token is not None
        self.client.post(
            "/form", {"csrf": token.group(1), "q": "x y"}, headers={"Referer": self.client.base_url}
        )


@fragment
class CheckingUser(HttpUser):
    @task
    def caught(self) -> None:
        with self.client.get("/missing", catch_response=True) as response:
            if response.status_code == 404:
                response.success()

    @task
    def failed(self) -> None:
        with self.client.get("/hello", catch_response=True, name="wrong text") as response:
            if "nope" not in response.text:
                response.failure("nope is missing")
            elif response.elapsed.total_seconds() > 10:
                response.failure("too slow")

    @task
    def not_caught(self) -> None:
        self.client.get("/missing").raise_for_status()


@fragment
class RestUser(FastHttpUser):
    @task
    def calls(self) -> None:
        with self.rest("GET", "/json") as response:
            if response.js["ok"] is not True:
                response.failure("not ok")
        with self.rest("POST", "/json", json={"a": 1}) as response:
            assert response.js["missing"] == 1, "no such key"
        with self.rest_("GET", "/json") as response:
            pass


@fragment
class RestHttpUser(HttpUser):
    @task
    def calls(self) -> None:
        response: Any
        with self.rest("GET", "/hello") as response:
            pass
        with self.rest("GET", "/json") as response:
            assert response.js["ok"], "bad,"


@fragment
class FastUser(FastHttpUser):
    default_headers = {"X-Client": "fast"}  # noqa: RUF012  # as people write it
    network_timeout = 5.0
    connection_timeout = 5.0

    @task
    def mixed(self) -> None:
        self.client.get("/hello?x=1")
        self.client.post("/echo", json={"a": [1, 2]})
        self.client.put("/echo", data="text", headers={"Content-Type": "text/plain"})
        self.client.get("/redirect")
        self.client.get("/redirect", allow_redirects=False)
        self.client.get("/missing", name="gone")
        with self.client.get("/json", catch_response=True) as response:
            if response.json()["id"] != 1:
                response.failure(f"id is {response.json()['id']}")


@fragment
class FastCookies(FastHttpUser):
    @task
    def flow(self) -> None:
        self.client.get("/set-cookie")
        self.client.get("/me")
        for cookie in self.client.cookiejar:
            self.client.get("/me", headers={"X-Cookie": cookie.value or ""})


@fragment
class Redirected(HttpUser):
    @task
    def follow(self) -> None:
        answer = self.client.get("/redirect")
        if answer.history and answer.history[0].status_code == 302:
            self.client.get(answer.url)
        self.client.post("/redirect", data={"a": "b"}, allow_redirects=False)


@fragment
class Nested(HttpUser):
    @task
    class Steps(SequentialTaskSet):
        @task
        def first(self) -> None:
            self.answer = self.client.get("/json").json()

        @task
        def second(self) -> None:
            self.client.get(f"/item/{self.answer['id']}", name="/item/[id]")
            self.interrupt()


@fragment
class Sets(HttpUser):
    class Inner(TaskSet):
        @task
        def one(self) -> None:
            self.client.get("/hello", params={"page": 1, "tags": ["a", "b"]})
            self.interrupt(reschedule=False)

    tasks = [Inner]  # noqa: RUF012  # as people write it


@fragment
class Grouped(HttpUser):
    @task
    @tag("slow")
    def grouped(self) -> None:
        with self.client.rename_request("/blog?id=[id]"):
            for _ in range(3):
                self.client.get(f"/blog?id={random.Random(1).randrange(9)}")
        self.client.request_name = "set by hand"
        self.client.get("/hello")
        self.client.request_name = None


@fragment
class Uploading(HttpUser):
    @task
    def upload(self) -> None:
        self.client.post("/echo", files={"file": ("a.txt", b"content")}, data={"note": "x"})


@fragment
class Streaming(HttpUser):
    @task
    def lines(self) -> None:
        with self.client.get("/lines", stream=True, catch_response=True) as response:
            if len(list(response.iter_lines())) != 3:
                response.failure("lines are missing")
        self.client.get("/hello")


@fragment
class Compressed(HttpUser):
    @task
    def zipped(self) -> None:
        assert self.client.get("/gzip").text.startswith("squeezed")
        assert self.client.get("/chunked").text == "hello there"


@fragment
class Timeouts(HttpUser):
    @task
    def limited(self) -> None:
        self.client.get("/hello", timeout=5)
        self.client.get("/silence", timeout=(5, 0.1))


@fragment
class Broken(HttpUser):
    @task
    def broken(self) -> None:
        self.client.get("/close")
        self.client.get("/hello")
        self.client.get("http://127.0.0.1:1/refused")


@fragment
class Raising(HttpUser):
    @task
    def key_error(self) -> None:
        with self.client.get("/json", catch_response=True) as response:
            response.json()["missing"]


@fragment
class WithContext(HttpUser):
    def context(self) -> dict[str, Any]:
        return {"who": "user"}

    @task
    def contextual(self) -> None:
        self.client.get("/hello", context={"call": 1})


@fragment
class OwnMethods(HttpUser):
    @task
    def verbs(self) -> None:
        for verb in ("get", "options", "delete", "head", "patch", "put", "post"):
            getattr(self.client, verb)("/echo")
        self.client.request("REPORT", "/echo", data=b"x")
        self.client.request(method="GET", url="/hello", name="by keyword")


@fragment
class Authenticated(HttpUser):
    @task
    def basic(self) -> None:
        self.client.get("/me", auth=("user", "pass"))
        self.client.auth = ("always", "pass")
        self.client.get("/me")
        self.client.auth = None


_SEEN: list[str] = []


@events.request.add_listener
def on_request(name: str, response: Any, exception: Any, **_: Any) -> None:
    """Do what listeners of locustfiles do: look at the response."""
    _SEEN.append(f"{name} {response.status_code} {type(exception).__name__}")
