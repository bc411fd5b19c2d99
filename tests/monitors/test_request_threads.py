"""Threads of a JVM, or of Puma, that answer requests, by names as the kernel keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.monitors.readings.threads import request_threads

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = ["java", "GC Thread#0", "HikariPool-1:ho", "C2 CompilerThre", "container-0"]


@pytest.mark.parametrize(
    ("names", "found", "why"),
    [
        (["http-nio-8080-e"] * 10 + ["http-nio-8080-P", "http-nio-8080-A"], 10, "Tomcat on JDK 17"),
        (
            ["http-nio-127.0."] * 12,
            10,
            "with an address in the name, whose acceptor and poller look the same",
        ),
        (["http-ni..exec-1", "http-ni..xec-10", "http-ni..Poller"], 2, "newer JVMs keep the end of a name"),
        (["https-jsse-nio-"] * 4, 2, "over TLS"),
        (["XNIO-1 task-1", "XNIO-1 task-2", "XNIO-1 I/O-1"], 2, "Undertow"),
        (["qtp123-20"], 0, "Jetty's names do not tell what a thread does"),
        (["puma", "puma srv tp 001", "puma srv tp 002", "puma reactor", "puma srv thread"], 2, "Puma"),
        ([], 0, "a JVM that serves nothing"),
    ],
)
def test_threads_that_answer_requests_are_counted(
    tmp_path: Path, names: list[str], found: int, why: str
) -> None:
    """Each has one request at a time, so that they are the workers of a pool."""
    for number, name in enumerate([*names, *OTHERS]):
        thread = tmp_path / "7" / "task" / str(number)
        thread.mkdir(parents=True)
        (thread / "comm").write_text(f"{name}\n")
    assert request_threads(7, str(tmp_path)) == found, why
