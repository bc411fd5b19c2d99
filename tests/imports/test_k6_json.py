"""k6's JSON output is read as a slow and plain reader would read it."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import exit_code, judge
from loadproof.errors import ConfigError
from loadproof.imports import stream
from loadproof.imports.formats import read_import
from loadproof.imports.slices import MOST_ENDPOINTS, OTHER_ENDPOINTS
from loadproof.model import EventKind, Verdict
from loadproof.runfile.reader import Run
from loadproof.safety.plain import one_line
from loadproof.safety.redact import redact_url
from tests.imports.k6_lines import compact, definition, odd_lines, point, request, slowly

if TYPE_CHECKING:
    from pathlib import Path


def _read(path: Path, lines: list[str], end: str = "\n") -> Run:
    data = "".join(line + end for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    run = read_import(path)
    assert isinstance(run, Run)
    return run


def _endpoint(written: str) -> str:
    """A name tag with its method as the run file has it: addresses without their host, no passwords."""
    method, _, name = written.partition(" ")
    for host in ("http://127.0.0.1:8000", "https://user:secret@host"):
        name = name.removeprefix(host)
    if name.startswith("${}/"):
        name = name[3:]
    return f"{method} {one_line(redact_url(name))}".strip()


def _same(run: Run, lines: list[str]) -> None:
    expected = {(second, _endpoint(name)): found for (second, name), found in slowly(lines).items()}
    found = {
        (part.second, str(part.endpoint)): (
            part.requests, {str(kind): n for kind, n in part.failures.items()}, part.response,
        )
        for part in run.slices
    }  # fmt: skip
    assert found == expected


@pytest.mark.parametrize("name", ["k6.json", "k6.json.gz"])
@pytest.mark.parametrize("block_bytes", [997, stream.BLOCK_BYTES])
def test_every_odd_tag_is_read_as_by_a_whole_parse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, block_bytes: int
) -> None:
    """Slices equal those of a reader that parses each line, wherever the blocks of bytes end."""
    monkeypatch.setattr(stream, "BLOCK_BYTES", block_bytes)
    lines = odd_lines()
    _same(_read(tmp_path / name, lines), lines)


def test_lines_that_another_program_wrote_anew_are_the_same(tmp_path: Path) -> None:
    """Sorted keys, spaces and escapes (as jq and Python write them) change nothing."""
    lines = odd_lines(seconds=2)
    rewritten = [json.dumps(json.loads(line), sort_keys=True) for line in lines]
    _same(_read(tmp_path / "k6.json", rewritten), lines)
    _same(_read(tmp_path / "crlf.json", lines, end="\r\n"), lines)


def test_memory_is_drained_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices drained after each block add up to the same as slices drained at the end."""
    lines = odd_lines()
    whole = _read(tmp_path / "k6.json", lines)
    monkeypatch.setattr("loadproof.imports.k6_json._DRAIN_EVERY_BYTES", 1)
    monkeypatch.setattr(stream, "BLOCK_BYTES", 5000)
    assert _read(tmp_path / "k6.json", lines).slices == whole.slices


def test_lines_that_are_no_samples_are_counted(tmp_path: Path) -> None:
    """A line cut off, NaN and a negative time are left out, and the run says how many."""
    good = odd_lines(seconds=2)
    bad = ['{"metric":"http_req_duration","type":"Point","data":{"time":"20', "nonsense",
           point("http_req_duration", "2026-11-22T12:00:00Z", -1.0, {"name": "x"})]  # fmt: skip
    run = _read(tmp_path / "k6.json", [*good, *bad])
    _same(run, good)
    assert "3 lines are no samples of k6's: cut off or changed" in run.facts["imported"]["limits"]


def test_the_thresholds_of_the_script_become_requirements(tmp_path: Path) -> None:
    """An expression on http_req_duration is judged from the requests."""
    lines = [definition("http_req_duration", thresholds=("p(95)<500", "avg<200")), *odd_lines()[2:]]
    run = _read(tmp_path / "k6.json", lines)
    assert [requirement.text for requirement in run.plan.requirements] == ["p(95)<500", "avg<200"]


@pytest.mark.parametrize("spaces", [False, True], ids=["k6's spelling", "through another program"])
@pytest.mark.parametrize(
    ("checks", "code"), [("rate>0.9", 3), ("rate>0.7", 0), ("", 4)], ids=["more", "fewer", "no limit"]
)
def test_checks_are_judged(tmp_path: Path, checks: str, code: int, spaces: bool) -> None:
    """80 % of them pass by the script's own threshold; most of them failed where nothing limits them."""
    lines = [definition("checks", "rate", "default", (checks,) if checks else ()),
             definition("http_req_duration", thresholds=("p(95)<5000",))]  # fmt: skip
    for number in range(200):
        time = f"2026-11-22T12:00:{number // 10:02d}.{number % 10}50Z"
        lines += request(time, 5.0, name="/", method="GET", status="200")
        value = number % 5 > 0 if checks else number % 5 == 0
        lines.append(point("checks", time, int(value), {"check": "has a token", "group": ""}))
    if spaces:
        lines = [json.dumps(json.loads(line)) for line in lines]
    report = judge(_read(tmp_path / "k6.json", lines))
    passes = 160 if checks else 40
    assert [(check.name, check.passes, check.fails) for check in report.checks] == [
        ("has a token", passes, 200 - passes)
    ]
    assert [counts.counts for counts in report.statuses] == [{"200": 200}]
    assert int(exit_code(report)) == code, report.sentence


def test_a_check_in_a_group_is_required_by_its_own_name(tmp_path: Path) -> None:
    """k6 writes `checks{check:status is 200}` of the check in every group."""
    lines = [definition("checks", "rate", "default"),
             definition("checks{check:status is 200}", "rate", "default", ("rate>0.9",))]  # fmt: skip
    for number in range(200):
        time = f"2026-11-22T12:00:{number // 10:02d}.{number % 10}50Z"
        lines += request(time, 5.0, name="/", method="GET", status="200")
        lines.append(
            point("checks", time, int(number % 5 > 0), {"check": "status is 200", "group": "::login"})
        )
    report = judge(_read(tmp_path / "k6.json", lines))
    assert [check.name for check in report.checks] == ["login::status is 200"]
    assert report.verdict is Verdict.FAIL, report.sentence


def test_setup_is_outside_the_load(tmp_path: Path) -> None:
    """The load starts with the first request outside setup(), as in a run of Loadproof's own."""
    before = request("2026-11-22T11:59:00Z", 5.0, name="seed", method="POST", group="::setup", status="200")
    run = _read(tmp_path / "k6.json", [*before, *odd_lines(seconds=3)])
    assert run.events_of(EventKind.LOAD_STARTED)[0].time_s > run.slices[0].second + 50


def test_endpoints_without_end_are_added_up(tmp_path: Path) -> None:
    """A name for each request fills neither memory nor the table: the later ones are one endpoint."""
    tags = [
        {"name": f"/loans-of-{n:x}z", "method": "GET", "status": "200"} for n in range(MOST_ENDPOINTS + 50)
    ]
    lines = [point("http_req_duration", "2026-11-22T12:00:00Z", 1.0, one) for one in tags]
    run = _read(tmp_path / "k6.json", lines)
    assert sum(part.requests for part in run.slices if part.endpoint == OTHER_ENDPOINTS) == 50
    assert any("more than 1,000 endpoint names" in limit for limit in run.facts["imported"]["limits"])


def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """Half of a file must not be judged as if it were the whole."""
    path = tmp_path / "k6.json.gz"
    path.write_bytes(gzip.compress("\n".join(odd_lines()).encode())[:-2000])
    with pytest.raises(ConfigError, match="damaged or cut off"):
        read_import(path)


def test_a_file_without_requests_is_refused(tmp_path: Path) -> None:
    """Only definitions of metrics are no result."""
    with pytest.raises(ConfigError, match="there is no request"):
        _read(tmp_path / "k6.json", [definition("http_reqs"), compact({"type": "Point", "metric": "vus"})])
