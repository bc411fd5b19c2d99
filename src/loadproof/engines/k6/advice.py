"""What makes a k6 script's load unlike that of real users, as far as its text and options show.

The text is searched, not parsed: a rule speaks only where that is sure. A script that imports modules of its
own has much that is not seen, and gets no remark on what may be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from loadproof.engines.advice import Remark, advice_of
from loadproof.engines.k6.inspection import hosts_in
from loadproof.engines.k6.modules import imports_others, line_at, method_of, without_comments
from loadproof.errors import Problem

_OPEN: Final = frozenset({"constant-arrival-rate", "ramping-arrival-rate"})
_REQUEST = re.compile(r"\bhttp\s*\.\s*(get|post|put|patch|del|head|options|request|batch|asyncRequest)\s*\(")
_LITERAL_URL = re.compile(r"""\bhttp\s*\.\s*(get|post|put|patch|del)\s*\(\s*(["'`])((?:(?!\2).)*)\2""")
_WAITS = re.compile(r"\b(?:sleep|setTimeout)\s*\(")
_LOOKS = re.compile(r"\b(?:check|expect|fail|describe)\s*\(|\.status\b|\.json\s*\(|\.body\b")
_LOOP = re.compile(r"\bfor\s*\([^;{}]*;[^;{}]*<=?\s*(\d+)\s*;[^{}]*?\)\s*\{|\b(while)\s*\([^{}]*?\)\s*\{")
_FIXED = re.compile(r"/(?:\d+|[A-Za-z]+-\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?=[/?#]|$)")
_YEAR_OR_VERSION = re.compile(r"/(?:(?:19|20)\d\d)$|/api/\d+$")
_LEAST_LOOP: Final = 10
_GRPC: Final = re.compile(r"""["']k6/net/grpc["']""")


def k6_advice(
    source: str, options: dict[str, Any], file: Path, *, open_model: bool = False
) -> tuple[Problem, ...]:
    """Each kind once, with file:line and the way out. `options` are those that k6 resolved.

    `open_model`: the load is one of arrivals, whatever the script's own would be.
    """
    text = without_comments(source)
    seen = not imports_others(text)
    found = [
        list(_no_think_time(text, options)) if seen and not open_model else [],
        list(_hammering_loop(text)) if seen else [],
        list(_one_endpoint(text, options)) if seen else [],
        list(_fixed_ids(text)),
        list(_no_checks(text)) if seen else [],
        list(_written_host(text)),
        list(_uncounted_calls(text, options)),
    ]
    return advice_of(file, found)


def max_users(options: dict[str, Any]) -> float | None:
    """Users that a script's one scenario of arrivals may take; None for any other."""
    scenarios = list((options.get("scenarios") or {}).values())
    if len(scenarios) != 1 or scenarios[0].get("executor") not in _OPEN:
        return None
    most = [scenarios[0].get(key) for key in ("maxVUs", "preAllocatedVUs")]
    numbers = [value for value in most if isinstance(value, int | float)]
    return max(numbers) if numbers else None


def _no_think_time(text: str, options: dict[str, Any]) -> Iterator[Remark]:
    executors = {s.get("executor") for s in (options.get("scenarios") or {}).values()}
    first = _REQUEST.search(text)
    if first and not (executors & _OPEN) and not _WAITS.search(text):
        yield Remark(
            line_at(text, first.start()),
            "the script has no think time: each user sends again as soon as it is answered",
            "add such as sleep(1), or an arrival-rate executor: arrivals that wait for nobody",
        )


def _hammering_loop(text: str) -> Iterator[Remark]:
    for loop in _LOOP.finditer(text):
        body = _block(text, loop.end() - 1)
        long = loop[2] is not None or int(loop[1]) >= _LEAST_LOOP
        if long and _REQUEST.search(body) and not _WAITS.search(body):
            yield Remark(
                line_at(text, loop.start()),
                "the script sends in a loop without a pause: one user hammers the service",
                "send once in each iteration, or sleep() within the loop",
            )


def _one_endpoint(text: str, options: dict[str, Any]) -> Iterator[Remark]:
    requests, literal = _REQUEST.findall(text), _LITERAL_URL.findall(text)
    scenarios = options.get("scenarios") or {}
    if len(requests) == 1 and len(literal) == 1 and len(scenarios) <= 1:
        first = _LITERAL_URL.search(text)
        assert first is not None, "it was found just now"  # noqa: S101 - for the types
        shown = f"{method_of(first[1])} {first[3]}"
        yield Remark(
            line_at(text, first.start()),
            f"the whole load is {shown}: one endpoint",
            "add what users do besides, or scenarios of their own for other users",
        )


def _fixed_ids(text: str) -> Iterator[Remark]:
    for request in _LITERAL_URL.finditer(text):
        method, path = method_of(request[1]), re.sub(r"^https?://[^/]+", "", request[3])
        fixed = next((m for m in _FIXED.finditer(path) if not _YEAR_OR_VERSION.search(path[: m.end()])), None)
        if fixed:
            yield Remark(
                line_at(text, request.start()),
                f"{method} {path} is always about the same: {_consequence(method)}",
                "take ids from an answer, or at random: `/api/products/${Math.ceil(Math.random() * 200)}`",
            )


def _no_checks(text: str) -> Iterator[Remark]:
    first = _REQUEST.search(text)
    if first and not _LOOKS.search(text):
        yield Remark(
            line_at(text, first.start()),
            "no answer is looked at: a wrong one with status 200 counts as good",
            "check one: check(response, { 'status is 200': (r) => r.status === 200 })",
        )


def _written_host(text: str) -> Iterator[Remark]:
    if "__ENV" in text:
        return
    for host in hosts_in(text):
        yield Remark(
            line_at(text, text.index(host)),
            f"the host {host} is written into the script",
            "read it: const base = __ENV.BASE_URL || '...'; --target then says where",
        )


def _uncounted_calls(text: str, options: dict[str, Any]) -> Iterator[Remark]:
    """k6 1.1 pushes no sample of a call whose deadline has passed: 9 of 10 were in none of its counts."""
    module = _GRPC.search(text)
    if module and not any(metric.startswith("checks") for metric in options.get("thresholds") or {}):
        yield Remark(
            line_at(text, module.start()),
            "k6 counts hardly any gRPC call that timed out: only a check of its status tells",
            "check that the status is grpc.StatusOK, and require it: thresholds: { checks: ['rate>0.99'] }",
        )


def _consequence(method: str) -> str:
    return "a cache answers that" if method == "GET" else "all users work on one row"


def _block(text: str, start: int) -> str:
    """From an opening brace to its closing one; braces in strings can make it longer."""
    depth = 0
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return text[start : index + 1]
    return text[start:]
