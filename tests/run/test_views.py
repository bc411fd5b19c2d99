"""What the terminal shows while a load goes on: every number is that of the slices it was given."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console, RenderableType

from loadproof.cli import run as cli_run
from loadproof.histogram import Histogram
from loadproof.live.live import LiveView, PlainView, run_view
from loadproof.live.screen import render, sparkline
from loadproof.live.trial_view import TrialBoard, render_trials, trial_view
from loadproof.model import (
    Endpoint,
    Event,
    EventKind,
    Operator,
    Reading,
    Requirement,
    Statistic,
    Subject,
    Unit,
    Verdict,
)
from loadproof.run.progress import EndpointProgress, Progress
from tests.runs import (
    LOANS,
    LOGIN,
    START,
    error_rate,
    event,
    part,
    plan,
    required,
    staged,
    throughput,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HEIGHT = 40
WIDTH = 100


def console(*, terminal: bool = False, width: int = WIDTH) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, legacy_windows=False
    )


def printed(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def drawn(what: RenderableType, width: int = WIDTH) -> str:
    """As text."""
    screen = console(width=width)
    screen.print(what)
    return printed(screen)


def a_run(seconds: int = 20, *, open_model: bool = False) -> Progress:
    """Of a minute at 10 users, `seconds` of which are over: 10 loans a second, and one login that fails."""
    progress = Progress(plan(required(0.5), profile=staged((60.0, 10.0), open_model=open_model)))
    progress.add_event(event(0.0, EventKind.LOAD_STARTED, "the load started"))
    for second in range(seconds):
        progress.add_slice(part(second, LOANS, [0.1] * 10))
        progress.add_slice(part(second, LOGIN, [0.3], failed=1))
        progress.add_reading(Reading(START + second, "load", "users", 10.0, Unit.COUNT))
        if open_model:
            for series, count in (("planned", 12.0), ("started", 11.0), ("late", 1.0), ("dropped", 1.0)):
                progress.add_reading(Reading(START + second, "load", series, count, Unit.COUNT))
    return progress


def words(text: str, line_with: str) -> list[str]:
    return next(line for line in text.splitlines() if line_with in line).split()


def test_times_so_far_are_those_of_all_slices_and_take_no_more_memory_for_more_of_them() -> None:
    so_far, whole, sizes = EndpointProgress(), Histogram(), []
    assert so_far.response == whole
    for second in range(2, 600):
        one = part(second, LOANS, [1.0 / second, 0.1 * second])  # ever slower
        so_far.add(one)
        whole.merge(one.response)
        sizes.append(sys.getsizeof(so_far._counts))
    assert so_far.response == whole
    assert (so_far.requests, so_far.response.count) == (1196, whole.count)
    assert len(whole.buckets) > 200
    assert sizes[0] == sizes[-1]
    assert not so_far._times.buckets


def test_the_screen_has_the_run_s_numbers() -> None:
    """Where it is, how much it does, each endpoint, and each requirement as it stands."""
    progress = a_run()
    requirement = progress.plan.requirements[0]
    text = drawn(render(progress, START + 20.0, [(requirement, Verdict.PASS, "300ms")], WIDTH, HEIGHT))
    assert "20s of 1m, 40s left" in text
    assert words(text, "users")[:5] == ["users", "10", "throughput", "11/s", "█" * 19]
    assert words(text, "GET /api/loans")[2:] == ["200", "100ms", "100ms", "100ms", "100ms", "0"]
    assert words(text, "POST /api/auth/login")[2:] == [
        "20",
        "300ms",
        "300ms",
        "300ms",
        "300ms",
        "20",
        "(100%)",
    ]
    assert words(text, "all requests")[2] == "220"
    assert words(text, "✓")[-1] == "300ms"


def test_the_open_model_shows_what_became_of_the_arrivals() -> None:
    """Planned and started each second, and how many in all were late or never came."""
    text = drawn(render(a_run(open_model=True), START + 20.0, [], WIDTH, HEIGHT))
    assert "arrivals 12/s planned  11/s started   late 20   dropped 20" in text


@pytest.mark.parametrize(
    ("width", "height", "drawn_rows"), [(120, 40, 14), (200, 50, 14), (120, 20, 0), (80, 50, 0)]
)
def test_what_a_large_terminal_has_room_for_is_drawn(width: int, height: int, drawn_rows: int) -> None:
    """Throughput and p95 second by second, in the rows that are left; the screen is never higher."""
    progress = a_run(50)
    screen = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    states = [(required(0.5), Verdict.PASS, "300ms")] * 3
    screen.print(render(progress, START + 50.0, states, width, height))
    lines = printed(screen).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert sum(line.count("█") > 40 for line in lines[-drawn_rows - 2 :]) == drawn_rows
    if drawn_rows:
        assert "11/s" in lines[-drawn_rows - 1]
        assert "300ms" in lines[-drawn_rows - 1]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (replace(required(0.5), text="p95: <500ms"), "p95 < 500ms"),
        (replace(error_rate(0.01, Operator.LESS_EQUAL), text="max_rate: 1%"), "error rate <= 1%"),
        (replace(throughput(20), text="target_rps: 20"), "throughput >= 20/s"),
        (
            replace(required(0.8, Subject.RESOURCE, Statistic.MAXIMUM), text="cpu_max: 80%"),
            "cpu < 80%",
        ),
        (replace(required(0.5), text="p(95)<500"), "p(95)<500"),
    ],
)
def test_requirements_are_told_in_words(made: Requirement, said: str) -> None:
    """Of `max_rate: 1%` nobody knows the rate of what."""
    text = drawn(render(a_run(), START + 20.0, [(made, Verdict.PASS, "1")], WIDTH, HEIGHT))
    assert f"✓  {said}  " in text


def test_a_screen_before_the_first_request_has_no_number() -> None:
    """A dash, not a zero that nobody measured."""
    progress = Progress(plan(profile=staged((60.0, 10.0))))
    text = drawn(render(progress, START + 0.0, [], WIDTH, HEIGHT))
    assert "starting" in text
    assert words(text, "users")[:4] == ["users", "—", "throughput", "—"]


def test_no_screen_is_wider_than_the_terminal() -> None:
    """A sparkline of a minute is cut, and a line of it never becomes two."""
    progress = a_run(59)
    assert len(sparkline(progress)) == 58
    narrow = Console(file=io.StringIO(), width=50, color_system=None)
    narrow.print(render(progress, START + 59.0, [], 50, HEIGHT))
    assert max(map(len, printed(narrow).splitlines())) <= 50
    assert sum("throughput" in line for line in printed(narrow).splitlines()) == 1


def test_without_a_terminal_there_is_a_line_every_five_seconds() -> None:
    """Totals so far, and what the scenario printed once."""
    screen = console()
    view = run_view(screen, lambda _: [])
    assert isinstance(view, PlainView)
    progress = a_run(0)
    progress.log.append("hello from the scenario")
    with view:
        for second in range(11):
            progress.add_slice(part(second, LOANS, [0.1] * 10))
            view.update(progress, START + second + 1.0)
    lines = printed(screen).splitlines()
    assert lines.count("hello from the scenario") == 1
    assert lines.count("loadproof: the load started; nothing is watched") == 1
    totals = [line.split() for line in lines if "p95" in line]
    assert [line[0] for line in totals] == ["1s", "6s", "11s"]
    assert totals[-1] == ["11s", "—", "users", "10/s", "p50", "100ms", "p95", "100ms", "p99", "100ms",
                          "0", "failed", "49s", "left"]  # fmt: skip


def test_in_a_terminal_the_screen_is_drawn_over() -> None:
    """A live view that leaves nothing of itself behind."""
    screen = console(terminal=True)
    view = run_view(screen, lambda _: [])
    assert isinstance(view, LiveView)
    with view:
        view.update(a_run(), START + 20.0)
        assert "GET /api/loans" in printed(screen)
    assert printed(screen).endswith(("\x1b[2K", "\x1b[?25h", "\r"))


def test_a_search_shows_what_is_known_and_each_trial() -> None:
    """On the screen the last trials; without one each line once, and what is known after it."""
    board = TrialBoard([("50/s for 10s: held", "held")], "100/s for 10s", "it holds 50/s")
    progress = a_run()
    text = drawn(render_trials(board, progress, START + 20.0, 80, 24))
    assert words(text, "known") == ["known", "it", "holds", "50/s"]
    assert words(text, " now ") == ["now", "100/s", "for", "10s"]
    assert "50/s for 10s: held" in text
    screen = console()
    with trial_view(screen, board) as view:
        for _ in range(3):
            view.update(progress, START + 20.0)
        board.finished.append(("100/s for 10s: broke", "broke"))
        board.known = "it holds 50/s and breaks at 100/s"
        view.update(progress, START + 30.0)
    told = [line for line in printed(screen).splitlines() if "/s" in line]
    assert told == [
        "50/s for 10s: held; it holds 50/s",
        "    20s  100/s for 10s",
        "100/s for 10s: broke; it holds 50/s and breaks at 100/s",
    ]


@pytest.mark.parametrize(
    ("width", "height", "rows"), [(80, 24, 17), (80, 50, 43), (80, 6, 5), (120, 24, 15), (200, 50, 41)]
)
def test_trials_fill_the_screen_and_keep_their_figures(width: int, height: int, rows: int) -> None:
    """As many of the last as there are rows for; a long line loses its middle, not what was measured. In a
    wide terminal the service stands beside them."""
    long = "p95 of GET /api/reports/user-analytics/by-month/and/region is 1.23s, required < 500ms"
    board = TrialBoard([(f"{n:>10}/s  broke  {long}", "broke") for n in range(60)], "60/s", "it holds 1/s")
    text = drawn(render_trials(board, a_run(), START + 20.0, width, height), width)
    screen = text.splitlines()
    lines = [line.partition(" │")[0].lstrip("│ ").rstrip() for line in screen if "broke" in line]
    assert len(lines) == rows
    assert lines[-1].startswith("59/s  broke")
    assert all(line.endswith("is 1.23s, required < 500ms") for line in lines)
    assert max(map(len, screen)) <= width
    assert len(screen) <= max(height, rows + 5)
    assert ("service and machine" in text) is (width >= 120)


def test_one_line_says_what_is_watched_and_the_service_once() -> None:
    """Why something is not watched is `loadproof doctor`'s; parts are told again when they have changed."""
    progress = Progress(plan())
    for name in ("host", "process"):
        progress.add_event(event(0, EventKind.WATCHING, f"watching {name}: it is here", monitor=name))
    progress.add_event(event(0, EventKind.WATCHING, "not watched: no database: the service has none"))
    for second, kind, tree in (
        (0, EventKind.PARTS, "python (1)"),
        (1, EventKind.LOAD_STARTED, ""),
        (9, EventKind.PARTS, "python (1)"),
        (9, EventKind.PARTS, "python (1) → postgres (3)"),
    ):
        progress.add_event(event(second, kind, "the load started", **({"tree": tree} if tree else {})))
    assert list(progress.notices) == [
        "the load started; watching host, python (1) (no database)",
        "the service is python (1) → postgres (3)",
    ]


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (120, 40), (200, 50)])
def test_a_screen_of_any_size_has_all_numbers_and_the_requirements_first(width: int, height: int) -> None:
    """Forty endpoints with long names: names are cut in the middle; with room the service stands beside."""
    requirement = required(0.5, endpoint="GET /api/v1/organisations/[org]/projects/[project]/resource-07")
    progress = Progress(plan(requirement, profile=staged((60.0, 10.0))))
    progress.add_event(event(0.0, EventKind.LOAD_STARTED, "the load started"))
    for second in range(30):
        for number in range(40):
            name = f"/api/v1/organisations/[org]/projects/[project]/resource-{number:02d}"
            progress.add_slice(part(second, Endpoint("GET", name), [0.1234] * 1234, failed=3))
    for source, series, unit, limit in (
        ("host", "cpu", Unit.CORES, 2.0), ("process", "memory", Unit.BYTES, None),
        ("postgres", "connections.used", Unit.COUNT, 100.0),
    ):  # fmt: skip
        progress.add_reading(Reading(START + 9.0, source, series, 1.0, unit, limit))
    screen = Console(file=io.StringIO(), width=width, height=height, color_system=None, legacy_windows=False)
    screen.print(render(progress, START + 30.0, [(requirement, Verdict.FAIL, "123.4ms")], width, height))
    lines = printed(screen).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if "GET /" in line and "37,020" in line]
    assert len(rows) >= 5
    numbers = {" ".join(line[line.index("37,020") :].replace("│", " ").split()[:7]) for line in rows}
    times = " ".join(["123ms"] * (4 if width >= 80 else 2))
    assert all(found.startswith(f"37,020 {times} 90 (0.24%)") for found in numbers), numbers
    text = "\n".join(lines)
    assert text.index("123.4ms") < text.index("endpoint")
    assert ("50% of 2 cores" in text, "1 of 100" in text) == (
        (True, True) if width >= 120 else (False, False)
    )


def test_an_event_of_each_error_is_no_notice() -> None:
    """A thousand errors must not scroll a terminal away."""
    progress = a_run(1)
    progress.notices.clear()
    progress.add_event(Event(START + 1.0, EventKind.ERROR_SAMPLE, "HTTP 500"))
    assert not progress.notices


def test_details_of_what_watches_and_of_the_guard_are_no_notices() -> None:
    """What stands in the way is one: a guard that has limits, a probe that does not run."""
    progress = a_run(0)
    told = len(progress.notices)
    for kind, message, data in (
        (EventKind.MONITOR_REMARK, "postgres: pg_stat_statements is not installed", {"monitor": "postgres"}),
        (EventKind.GUARD_HELD, "target guard: the kernel asks", {"by": "seccomp", "limits": []}),
        (EventKind.GUARD_HELD, "target guard: the sockets are looked at", {"by": "sockets", "limits": ["a"]}),
        (EventKind.MONITOR_REMARK, "the probe does not run", {}),
    ):
        progress.add_event(event(1.0, kind, message, **data))
    assert list(progress.notices)[told:] == [
        "target guard: the sockets are looked at",
        "the probe does not run",
    ]


def test_what_is_told_while_something_is_waited_for_is_printed_beside_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the console that draws what is waited for: nothing of it is left in the line. Quiet says nothing."""
    beside = console(terminal=True)

    @contextmanager
    def waiting(_what: str) -> Iterator[Console | None]:
        yield beside

    monkeypatch.setattr(cli_run, "waiting", waiting)
    screen = cli_run.Screen(quiet=False)
    with screen.waiting("round 1 of 2: base"):
        screen.tell("  made again: it was late")
    screen.tell("round 1 of 2: base p95 18ms")
    assert printed(beside) == "  made again: it was late\n"
    assert capsys.readouterr().out == "round 1 of 2: base p95 18ms\n"
    quiet = cli_run.Screen(quiet=True)
    with quiet.waiting("round 1 of 2: base"):
        quiet.tell("nothing")
    assert capsys.readouterr().out == ""
