"""A recording becomes a locustfile, without what was secret in it."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest

from loadproof.errors import ConfigError
from loadproof.scaffold.recording.locustfile import locustfile_of_recording

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
SHOP = "https://shop.example.com"


def entry(at_s: float, method: str, url: str, **more: Any) -> dict[str, Any]:
    """One exchange of 50 ms. `more`: status, headers, sent, answer, mime, response_headers, form."""
    pairs = [{"name": name, "value": value} for name, value in more.get("headers", {}).items()]
    request: dict[str, Any] = {"method": method, "url": url, "headers": pairs}
    if "sent" in more:
        request["postData"] = {"mimeType": "application/json", "text": json.dumps(more["sent"])}
    if "form" in more:
        params = [{"name": name, "value": value} for name, value in more["form"].items()]
        request["postData"] = {"mimeType": "application/x-www-form-urlencoded", "params": params}
    content: dict[str, Any] = {"mimeType": more.get("mime", "application/json")}
    if "answer" in more:
        content["text"] = json.dumps(more["answer"])
    sent = [{"name": name, "value": value} for name, value in more.get("response_headers", {}).items()]
    response = {"status": more.get("status", 200), "headers": sent, "content": content}
    stamp = f"2025-01-01T10:{int(at_s // 60):02}:{at_s % 60:06.3f}Z"
    return {"startedDateTime": stamp, "time": 50, "request": request, "response": response}


def made(*entries: dict[str, Any]) -> tuple[str, str, list[str]]:
    return locustfile_of_recording({"log": {"entries": list(entries)}}, "way.har")


SIGNED = {"Authorization": f"Bearer {TOKEN}", "Cookie": "sid=s3cr3tcookie99", "X-Api-Key": "k-123456789abc",
          "User-Agent": "Mozilla", "X-Team": "blue"}  # fmt: skip
WAY = (
    entry(0, "GET", f"{SHOP}/", mime="text/html"),
    entry(0.1, "GET", f"{SHOP}/app.js", mime="application/javascript"),
    entry(3, "POST", f"{SHOP}/login", sent={"email": "jane@corp.example", "password": "hunter2hunter"},
          answer={"token": TOKEN, "user": {"id": 77}}),
    entry(3.2, "GET", f"{SHOP}/loans?status=pending", headers=SIGNED,
          answer={"loans": [{"id": 5512}, {"id": 5513}]}),
    entry(3.3, "GET", "https://tracker.example.net/p?uid=1", mime="text/plain"),
    entry(9, "GET", f"{SHOP}/loans/5513", headers=SIGNED, answer={"id": 5513}),
    entry(9.2, "POST", f"{SHOP}/loans/5513/approve?sid=s3cr3tcookie99", headers=SIGNED, status=201,
          sent={"user_id": 77, "quantity": 1, "client_secret": "very-hidden-1"}),
    entry(14, "DELETE", f"{SHOP}/missing", status=404),
)  # fmt: skip


def test_ids_and_tokens_come_from_earlier_answers() -> None:
    """A list's element at random, the token with every request after it, a quantity as it was."""
    source, target, _ = made(*WAY)
    assert target == SHOP
    assert 'self.loan_id = pick(found, "loans", ANY, "id")' in source
    assert 'f"/loans/{self.loan_id}"' in source
    assert 'name="/loans/[loan_id]"' in source
    assert 'self.client.headers["Authorization"] = f"Bearer {self.token}"' in source
    assert '"user_id": self.user_id, "quantity": 1' in source
    assert '"x-team": "blue"' in source


def test_no_secret_gets_into_the_file() -> None:
    """Neither token, cookie, key and password, nor who logged in; the head says which variables to set."""
    source, _, notes = made(*WAY)
    for secret in (
        TOKEN,
        "s3cr3tcookie99",
        "k-123456789abc",
        "hunter2hunter",
        "very-hidden-1",
        "jane@corp.example",
    ):
        assert secret not in source
        assert not any(secret in note for note in notes)
    head = source.split('"""')[1]
    names = ("API_USER", "API_PASSWORD", "API_X_API_KEY", "API_CLIENT_SECRET", "API_COOKIE", "API_COOKIE_SID")
    assert all(f"\n    {name}\n" in head for name in names)


def test_what_is_no_load_on_the_service_is_left_out_and_said() -> None:
    """Scripts, other hosts, and what failed in the recording."""
    source, _, notes = made(*WAY)
    assert "app.js" not in source
    assert "/missing" not in source
    assert notes == [
        "1 request for images, styles and scripts left out: they load a cache, not a service",
        "1 request to tracker.example.net left out: a scenario loads one service",
        "a request failed in the recording (DELETE with status 404): left out",
    ]


def test_tasks_are_clicks_and_think_time_is_the_recordings() -> None:
    """Three pauses of more than a second, so three tasks after the first request."""
    source, _, _ = made(*WAY)
    assert source.count("    @task\n") == 3
    assert "wait_time = between(3, 5.8)" in source
    assert made(*WAY)[0] == source


def test_a_redirect_is_followed_once() -> None:
    """Locust asks for its target by itself."""
    source, _, _ = made(
        entry(0, "POST", f"{SHOP}/save", status=302, form={"a": "1"}, response_headers={"Set-Cookie": "s=1"}),
        entry(0.1, "GET", f"{SHOP}/saved", mime="text/html"),
        entry(0.2, "GET", f"{SHOP}/next", headers={"Cookie": "s=1"}),
    )
    assert 'self.client.get("/saved"' not in source
    assert (
        'self.client.post("/save", data={"a": "1"}, catch_response=True) as answer:\n'
        '            checked(answer, 200, ends="/saved")\n' in source
    )
    assert "API_COOKIE" not in source


def test_a_credential_that_no_answer_gave_comes_from_the_environment() -> None:
    """And is sent from the beginning."""
    source, _, _ = made(entry(0, "GET", f"{SHOP}/a", headers={"Authorization": f"Bearer {TOKEN}"}))
    assert 'self.client.headers["Authorization"] = API_AUTHORIZATION' in source
    assert TOKEN not in source


HOSTILE = """x" + __import__("os").system("id") + '{}\\n\n\"""\u2028"""


def test_a_recording_cannot_put_code_into_the_file() -> None:
    """Whatever is in a path, a query, a header or a body stays text, and the file compiles."""
    source, _, _ = made(
        entry(0, "GET", f"{SHOP}/list", answer={"rows": [{"id": HOSTILE, HOSTILE: {"id": "abc-1"}}]}),
        entry(1, "POST", f"{SHOP}/a%22%7B%7D/abc-1?{HOSTILE}=1", sent={HOSTILE: HOSTILE, "id": HOSTILE},
              headers={HOSTILE: HOSTILE}),
    )  # fmt: skip
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert "__import__" not in names
    assert {"random", "pick"} <= names


def test_requests_without_their_answers_are_kept() -> None:
    """What some proxies write has no responses: the load is known all the same."""
    asked = [entry(0, "GET", f"{SHOP}/api/items"), entry(3, "GET", f"{SHOP}/api/items/1")]
    for one in asked:
        del one["response"]
    source, _, _ = made(*asked)
    assert 'self.client.get("/api/items"' in source
    assert source.count("self.client.get(") == 2


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        ([entry(3, "DELETE", f"{SHOP}/loans/5513", status=204)], False),
        ([entry(1, "GET", f"{SHOP}/loans", answer=[{"id": 5512}, {"id": 5513}]),
          entry(3, "DELETE", f"{SHOP}/loans/5513", status=204)], False),
        ([entry(1, "POST", f"{SHOP}/loans", status=201, sent={"a": 1}, answer={"id": 5513}),
          entry(3, "DELETE", f"{SHOP}/loans/5513", status=204)], True),
        ([entry(3, "POST", f"{SHOP}/loans/5513/delete", status=200)], False),
        ([entry(3, "POST", f"{SHOP}/loans/5513", form={"_method": "delete"}, status=200)], False),
    ],
    ids=["a fixed id", "one of everybody's", "what it made itself", "a form", "a form of Rails"],
)  # fmt: skip
def test_a_recording_deletes_only_what_it_made(entries: list[dict[str, Any]], kept: bool) -> None:
    """Played by a hundred users, the others would empty the service."""
    source, _, notes = made(entry(0, "GET", f"{SHOP}/home"), *entries)
    assert ("/loans/" in source.split("class Journey")[1]) == kept
    assert any("would delete what this recording did not make: left out" in note for note in notes) != kept
    assert "LOAN_IDS" not in source  # nothing that is played takes one


def test_a_recording_that_only_deletes_is_refused_with_the_reason() -> None:
    """An empty scenario would be a load of nothing."""
    with pytest.raises(ConfigError, match="no request that could be played") as caught:
        made(entry(0, "DELETE", f"{SHOP}/loans/5513", status=204))
    assert "did not make" in caught.value.problems[0].hint


def test_an_address_that_is_none_is_left_out() -> None:
    """Extensions of browsers and broken pages ask for the oddest."""
    source, _, _ = made(
        *[entry(n, "GET", url) for n, url in enumerate(["http://[::1", "::", "", f"{SHOP}/a"])]
    )
    assert source.count("self.client.get(") == 1


@pytest.mark.parametrize(
    "entries",
    [(), (entry(0, "GET", f"{SHOP}/a.png", mime="image/png"),), (entry(0, "GET", f"{SHOP}/a", status=500),)],
)
def test_a_recording_of_nothing_is_refused(entries: tuple[dict[str, Any], ...]) -> None:
    """There is no load in it."""
    with pytest.raises(ConfigError, match="no request that could be load"):
        made(*entries)
