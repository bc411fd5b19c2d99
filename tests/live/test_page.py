"""What a live page is told, and by whom its server lets itself be asked."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from loadproof.cli.run import requirement_states
from loadproof.errors import ConfigError
from loadproof.live.outputs import LiveOutputs
from loadproof.live.page import LivePage
from loadproof.live.serving import LiveServer
from loadproof.model import Event, EventKind, Reading, Unit, Verdict
from loadproof.pipeline.live_page import page_address, requirement_rows
from loadproof.plan import RunRequest
from loadproof.run.progress import Progress
from tests.runs import LOGIN, START, event, part, plan, required, staged

if TYPE_CHECKING:
    from collections.abc import Iterator


def followed() -> tuple[LivePage, Progress]:
    page = LivePage(lambda _progress: [{"subject": "p95"}])
    progress = Progress(plan(required(0.5), profile=staged((60.0, 10.0))))
    return page, progress


def happens(page: LivePage, progress: Progress, what: Event) -> None:
    progress.add_event(what)
    page.event(what)


def heard(message: bytes | None) -> dict[str, Any]:
    assert message is not None
    found: dict[str, Any] = json.loads(message)
    return found


def test_news_are_what_is_new_and_the_whole_is_all_there_was() -> None:
    """Whoever comes late has what the others have."""
    page, progress = followed()
    happens(page, progress, event(0.0, EventKind.LOAD_STARTED, "the load started"))
    for second in range(3):
        progress.add_slice(part(second, times_s=[0.1] * 10))
        progress.add_slice(part(second, LOGIN, [0.3], failed=1))
    first = heard(page.update(progress, START + 3.0, watched=True))
    assert [line["text"] for line in first["lines"]] == ["the load started"]
    assert [point["t"] for point in first["points"]] == [0, 1]
    happens(
        page,
        progress,
        event(3.0, EventKind.WORKER_LOST, "worker 1 on a stopped answering", worker="worker 1 on a"),
    )
    progress.add_slice(part(3))
    second_news = heard(page.update(progress, START + 4.0, watched=True))
    assert [(line["text"], line["bad"]) for line in second_news["lines"]] == [
        ("worker 1 on a stopped answering", True)
    ]
    assert [point["t"] for point in second_news["points"]] == [2]
    assert [(w["name"], w["state"]) for w in second_news["workers"]] == [("worker 1", "lost")]
    whole = heard(page.whole())
    assert whole["whole"] is True
    assert [point["t"] for point in whole["points"]] == [0, 1, 2]
    assert len(whole["lines"]) == 2
    assert whole["total"][:2] == [34, 3]
    assert [row[:3] for row in whole["endpoints"]] == [
        ["GET /api/loans", 31, 0],
        ["POST /api/auth/login", 3, 3],
    ]
    assert (whole["phase"], whole["left"]) == ("running", 56.0)


def test_errors_are_counted_and_are_no_lines_of_the_log() -> None:
    """There may be thousands."""
    page, progress = followed()
    for count in (2, 3):
        happens(page, progress, event(1.0, EventKind.ERROR_SAMPLE, "500", endpoint="GET /x", count=count))
    news = heard(page.update(progress, START + 2.0, watched=True))
    assert news["errors"] == [["GET /x: 500", 5]]
    assert news["lines"] == []


def test_a_further_load_has_a_course_of_its_own_and_the_answer_stays() -> None:
    """Turns of two builds: whoever looks hears the whole of the new one, whoever comes later too."""
    page, progress = followed()
    happens(page, progress, event(0.0, EventKind.LOAD_STARTED, "the load started"))
    progress.add_slice(part(0))
    progress.add_slice(part(1))
    page.update(progress, START + 2.0, watched=True)
    told = heard(page.answer({"now": "round 1", "known": "", "picture": None, "words": ""}))
    assert told["answer"]["now"] == "round 1"
    page.turn()
    assert heard(page.whole())["points"] == []
    _, further = followed()
    happens(page, further, event(60.0, EventKind.LOAD_STARTED, "the load started"))
    further.add_slice(part(60))
    further.add_slice(part(61))
    news = heard(page.update(further, START + 62.0, watched=True))
    assert (news["whole"], news["turn"]) == (True, 1)
    assert [point["t"] for point in news["points"]] == [0]
    assert len(news["lines"]) == 2
    assert news["answer"]["now"] == "round 1"
    assert "whole" not in heard(page.update(further, START + 63.0, watched=True))


def test_no_requirement_is_told_as_holding_once_the_load_was_changed_by_hand() -> None:
    """Such a run answers none: neither the page nor the terminal says that one holds, or is broken."""
    of = plan(required(0.5), required(0.01), profile=staged((60.0, 10.0)))
    progress = Progress(of)
    progress.add_event(event(0.0, EventKind.LOAD_STARTED))
    for second in range(20):
        progress.add_slice(part(second, times_s=[0.1] * 20))
    assert [row["verdict"] for row in requirement_rows(progress)] == ["pass", "fail"]
    progress.add_event(event(20.0, EventKind.LOAD_CHANGED, users=20, before=10))
    progress.add_slice(part(20, times_s=[0.1] * 20))
    rows = requirement_rows(progress)
    assert [(row["verdict"], row["measured"]) for row in rows] == [
        ("inconclusive", "the load was changed by hand")
    ] * 2
    assert [row["meter"] for row in rows] == [None, None]
    assert [state[1:] for state in requirement_states(of, progress)] == [(Verdict.INCONCLUSIVE, "")] * 2


def test_figures_are_made_for_somebody_only() -> None:
    """What nobody sees costs the generator's machine nothing; the end is kept for who comes after it."""
    page, progress = followed()
    happens(page, progress, event(0.0, EventKind.LOAD_STARTED))
    progress.add_slice(part(0))
    assert page.update(progress, START + 1.0, watched=False) is None
    happens(page, progress, event(2.0, EventKind.LOAD_ENDED))
    assert heard(page.update(progress, START + 2.5, watched=False))["phase"] == "ending"
    page.judging()
    assert heard(page.whole())["phase"] == "judging"


def test_the_service_stands_before_the_machine_and_the_generator() -> None:
    """With limits and last values."""
    page, progress = followed()
    happens(page, progress, event(0.0, EventKind.LOAD_STARTED))
    for source, series in (
        ("locust", "cpu"),
        ("host", "cpu"),
        ("postgres", "connections.used"),
        ("process", "cpu"),
    ):
        progress.add_reading(Reading(START + 1.0, source, series, 0.5, Unit.CORES, 2.0))
    news = heard(page.update(progress, START + 2.0, watched=True))
    names = [series["name"] for series in news["series"]]
    assert names == ["process.cpu", "postgres.connections.used", "host.cpu", "locust.cpu"]
    assert news["series"][0] | {"name": ""} == {"name": "", "unit": "cores", "limit": 2.0, "value": 0.5}


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with closing(LiveServer(b"<html>live</html>", lambda: b'{"whole":true}', ("127.0.0.1", 0))) as made:
        yield made


def answer(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(method, url, headers=headers, trust_env=False, timeout=60)


def test_the_page_is_for_who_has_the_token(server: LiveServer) -> None:
    """Nobody else's program or page finds it, looks, or stops the load."""
    stops: list[int] = []
    server.stop = lambda: stops.append(1)
    origin, _, token = server.url.rstrip("/").rpartition("/")
    assert len(token) >= 20
    assert answer(server.url).text == "<html>live</html>"
    for path in ("/", "/x/", f"/{token[:-1]}/", f"/{token}", f"/{token}/nothing"):
        assert answer(origin + path).status_code == 404, path
    assert answer(f"{origin}/x/stop", "POST").status_code == 404
    assert answer(server.url + "stop").status_code == 404, "a link stops nothing"
    assert answer(server.url, Host="evil.example").status_code == 403
    assert answer(server.url + "stop", "POST", Host="evil.example").status_code == 403
    assert answer(server.url + "stop", "POST", Origin="http://evil.example").status_code == 403
    assert not stops
    assert answer(server.url + "stop", "POST", Origin=origin).status_code == 202
    assert stops == [1]


def test_a_load_is_asked_for_by_a_number_that_it_may_have() -> None:
    """From the page only, within bounds, and nothing where the load cannot be changed."""
    asked: list[int] = []
    with closing(LiveServer(b"", lambda: b"{}", ("127.0.0.1", 0), most_by_hand=50)) as made:
        passed_on = True

        def steer(level: int) -> bool:
            asked.append(level)
            return passed_on

        assert httpx.post(made.url + "load", content=b"20", trust_env=False, timeout=60).status_code == 409
        made.steer = steer
        origin = made.url.rstrip("/").rpartition("/")[0]

        def post(body: bytes, **headers: str) -> int:
            url = made.url + "load"
            return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=60).status_code

        for wrong in (b"", b"0", b"51", b"-1", b"1.5", b"abc", b"9" * 12, "²".encode()):
            assert post(wrong) == 400, wrong
        assert post(b"20", Origin="http://evil.example") == 403
        assert asked == []
        assert post(b"20", Origin=origin) == 202
        assert post(b"50") == 202
        passed_on = False
        assert post(b"30") == 409, "before the load and at its end nothing happens, and that is said"
    assert asked == [20, 50, 30]


def test_each_viewer_hears_the_whole_then_the_news(server: LiveServer) -> None:
    """Also the one who comes again."""
    for _ in range(2):
        with httpx.stream("GET", server.url + "events", trust_env=False, timeout=60) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert [next(lines) for _ in range(3)] == ["event: news", 'data: {"whole":true}', ""]
            server.send("news", b'{"phase":"running"}')
            assert [next(lines) for _ in range(2)] == ["event: news", 'data: {"phase":"running"}']


def test_the_page_becomes_the_report(server: LiveServer) -> None:
    """Who looks is told, has it, and the server waits no longer than that."""
    with httpx.stream("GET", server.url + "events", trust_env=False, timeout=60) as stream:
        lines = stream.iter_lines()
        next(lines)
        server.finish(b"<html>report</html>", 0.0)
        assert "event: report" in lines
    assert answer(server.url).text == "<html>report</html>"


def test_a_port_that_is_taken_is_said_before_the_load(server: LiveServer) -> None:
    """With the option that is wrong."""
    port = int(server.url.split(":")[2].partition("/")[0])
    with pytest.raises(ConfigError, match="--live-at"):
        LiveServer(b"", lambda: b"", ("127.0.0.1", port))


def test_outputs_tell_who_looks(server: LiveServer) -> None:
    """The conductor's second is the page's second."""
    page, progress = followed()
    live = LiveOutputs(page=(page, server))
    with httpx.stream("GET", server.url + "events", trust_env=False, timeout=60) as stream:
        lines = stream.iter_lines()
        for _ in range(3):
            next(lines)
        live.update(progress, START + 1.0)
        assert next(lines) == "event: news"
        assert json.loads(next(lines).removeprefix("data: "))["requirements"] == [{"subject": "p95"}]


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        ({}, None),
        ({"live": True}, ("127.0.0.1", 0)),
        ({"live_at": "8123"}, ("127.0.0.1", 8123)),
        ({"live_at": "0.0.0.0:8123"}, ("0.0.0.0", 8123)),
    ],
)
def test_it_is_served_on_this_machine_unless_somebody_asks_for_more(
    asked: dict[str, Any], address: tuple[str, int] | None
) -> None:
    """Loopback is what is meant by default."""
    assert page_address(RunRequest("l.py", **asked)) == address


@pytest.mark.parametrize("asked", [{"live_at": "x"}, {"live_at": "h:70000"}, {"open_live": True}])
def test_what_is_no_address_is_said(asked: dict[str, Any]) -> None:
    """Before the load."""
    with pytest.raises(ConfigError, match=r"--live-at|--open"):
        page_address(RunRequest("l.py", **asked))
