"""The fixture `loadproof` for pytest: a load test as one test of a suite, its verdict as the test's message.

Found by pytest through the entry point `pytest11`. Imports nothing but the fixture needs it: a suite without
a load test starts as fast as before.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadproof.model import Report


class LoadTests:
    """The fixture: runs load tests for one test of a suite, and keeps their reports for its message."""

    def __init__(self, root: Path, beside: Path) -> None:
        self._root = root
        self._beside = beside
        self.reports: list[tuple[Report, Path]] = []
        """Each with its HTML file."""

    def run(self, scenario: str | Path | None = None, **options: Any) -> Report:
        """What `loadproof.run_test` does, with its options, and an HTML report beside the run file.

        A scenario that is not in the folder that pytest was started in is looked for beside the test's file;
        requirement files and loadproof.yaml are looked for in the same folder. Raises what `run_test` does.
        """
        from loadproof.pipeline.outputs import write_report
        from loadproof.pipeline.running import run, uninterrupted
        from loadproof.plan import RunRequest

        options.setdefault("folder", self._folder(scenario))
        report = uninterrupted(run(RunRequest(scenario, **options), draw=True))
        page = Path(report.run_file).with_suffix(".html")
        write_report(report, page)
        self.reports.append((report, page))
        return report

    def _folder(self, scenario: str | Path | None) -> Path:
        name = "loadproof.yaml" if scenario is None else scenario
        there = (self._beside / name).is_file() and not (self._root / name).is_file()
        return self._beside if there else self._root


_KEY = pytest.StashKey[LoadTests]()


@pytest.fixture
def loadproof(request: pytest.FixtureRequest) -> Iterator[LoadTests]:
    """Runs load tests: `report = loadproof.run("locustfile.py", users=20, duration="30s", ...)`."""
    tests = LoadTests(request.config.invocation_params.dir, request.path.parent)
    request.node.stash[_KEY] = tests
    yield tests
    for report, _ in tests.reports:
        request.node.user_properties.append(("loadproof", f"{report.verdict}: {report.run_file}"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Put the tables of the load tests that did not pass before what a failed assertion says."""
    error = None if call.excinfo is None else call.excinfo.value
    tests = item.stash.get(_KEY, None)
    if tests is None or call.when != "call" or not isinstance(error, AssertionError):
        return
    told = [_message(report, page) for report, page in tests.reports if not report.passed]
    if told:
        error.args = ("\n\n".join([*told, *(str(part) for part in error.args)]),)


def _message(report: Report, page: Path) -> str:
    from loadproof.reports import reporter

    text = io.StringIO()
    reporter("terminal")(report, text)
    # pytest's summary shows the first line only; on a screen the verdict is the last one.
    return f"{report.verdict}   {report.sentence}\n\n{text.getvalue().strip()}\n  report    {page}"
