"""Makes the pictures of the docs anew from real runs against the demo: `make pictures`, or one by its name.

    python docs/pictures.py [verdict] [report] [run] [stress] [spike] [capacity] [compare] [history]

Each takes one to four minutes and wants a machine that does little else: the pictures show what was measured.
A soak is not among them, since it takes half an hour to say anything: `soak.svg` is what
`loadproof judge RUN --svg` made of 22 minutes of the service of `benchmarks.soaks` that opens sessions
and keeps them.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from loadproof.analysis.judge import judge
from loadproof.demo import DemoOptions, running
from loadproof.reports.terminal import print_report
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from collections.abc import Callable

PICTURES: Final = Path(__file__).resolve().parent / "pictures"
_ROWS: Final = 20_000
_REQUIREMENTS: Final = (
    "performance_requirements:\n  response_time:\n    p95: <250ms\n  error_rate:\n    max_rate: 1%\n"
)


def loadproof(folder: Path, *words: str) -> None:
    """One command in `folder`; the verdict is not asked for, what went wrong is."""
    done = subprocess.run([sys.executable, "-m", "loadproof", *words, "--quiet"], cwd=folder, check=False)
    if done.returncode not in (0, 3, 4):
        raise SystemExit(f"loadproof {' '.join(words)} ended with {done.returncode}")


def stages(*levels: tuple[float, int]) -> list[str]:
    """Options of holds of (seconds, users), with a jump between them."""
    return [
        word
        for seconds, users in levels
        for word in ("--stage", f"0s:{users}", "--stage", f"{seconds}s:{users}")
    ]


def verdict(folder: Path, _scenario: str, _target: str) -> None:
    """What the terminal shows at the end of `loadproof demo`."""
    loadproof(folder, "demo")
    terminal(max(folder.glob(".loadproof/runs/*.db")), folder)


def terminal(file: Path, folder: Path) -> None:
    """A run's end as the terminal shows it; `file` is told as it is seen from `folder`."""
    with contextlib.chdir(folder):
        report = judge(read_run(file.relative_to(folder)))
    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True, highlight=False)
    print_report(report, console)
    # Fonts of whoever looks at it, not of a server elsewhere.
    form = re.sub(r"@font-face \{\{.*?\}\}|<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace")
    console.save_svg(str(PICTURES.parent / "verdict.svg"), title="loadproof demo", code_format=form)


def report(folder: Path, _scenario: str, _target: str) -> None:
    """The first screen of a report: of the demo that waits 250 ms in each request."""
    page = folder / "report.html"
    loadproof(folder, "demo", "--fault", "delay=250ms", "--seconds", "30", "--html", str(page))
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        # Without a sandbox, because it may be made as root in a container.
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        window = opened.new_page(viewport={"width": 1180, "height": 1330})
        window.goto(page.as_uri())
        window.wait_for_selector("html[data-charts=drawn]")
        window.screenshot(path=PICTURES.parent / "report.png")


def run(folder: Path, scenario: str, target: str) -> None:
    """A load of 40 s with a limit."""
    words = ("run", scenario, "--target", target, "--requirements", "requirements.yaml")
    loadproof(folder, *words, *stages((40, 20)), "--svg", str(PICTURES / "run.svg"))


def stress(folder: Path, scenario: str, _target: str) -> None:
    """Six stages up and one down, of a service with a database 20 ms away and four connections to it."""
    climb = [(10, users) for users in (20, 50, 80, 110, 150, 200)]
    with running(DemoOptions(port=0, rows=_ROWS, faults=("pool=4", "far-database=20ms"))) as service:
        words = ("run", scenario, "--target", service.base_url, "--requirements", "requirements.yaml")
        drawn = ("--profile", "stress", "--svg", str(PICTURES / "stress.svg"))
        loadproof(folder, *words, *drawn, *stages(*climb, (10, 20)))


def spike(folder: Path, scenario: str, target: str) -> None:
    """A minute before, ten seconds of it, and a minute after."""
    (folder / "spike.yaml").write_text("performance_requirements:\n  recovery_time: <30s\n", encoding="utf-8")
    words = ("run", scenario, "--target", target, "--requirements", "spike.yaml", "--profile", "spike")
    loadproof(folder, *words, *stages((60, 20), (10, 250), (60, 20)), "--svg", str(PICTURES / "spike.svg"))


def capacity(folder: Path, scenario: str, target: str) -> None:
    """A search with short trials."""
    words = ("capacity", scenario, "--target", target, "--requirements", "requirements.yaml")
    search = ("--min-rate", "20/s", "--max-rate", "2000/s", "--trial", "3s", "--precision", "10%")
    loadproof(folder, *words, *search, "--svg", str(PICTURES / "capacity.svg"))


def compare(folder: Path, scenario: str, target: str) -> None:
    """Five runs of the service as it is, and five of one that waits 20 ms in each request."""
    sides: dict[str, list[str]] = {"base": [], "head": []}
    with running(DemoOptions(port=0, rows=_ROWS, faults=("delay=20ms",))) as slower:
        for number in range(5):
            for side, url in (("base", target), ("head", slower.base_url)):
                file = f"{side}{number}.db"
                words = ("run", scenario, "--target", url, "--name", "loans", "--run-file", file)
                loadproof(folder, *words, *stages((8, 20)))
                sides[side].append(file)
    picture = str(PICTURES / "compare.svg")
    words = ("compare", *sides["base"], "--", *sides["head"], "--svg", picture)
    subprocess.run([sys.executable, "-m", "loadproof", *words], cwd=folder, check=False)


def history(folder: Path, scenario: str, _target: str) -> None:
    """Ten commits of the service as it is, six after the one since which it waits 6 ms more each time."""
    (folder / "locustfile.py").write_bytes(Path(scenario).read_bytes())
    git(folder, "init", "--quiet")
    port = 0
    for faults, numbers in ((("delay=20ms",), range(10)), (("delay=26ms",), range(10, 16))):
        with running(DemoOptions(port=port, rows=_ROWS, faults=faults)) as service:
            port = urlsplit(service.base_url).port or 0
            for number in numbers:
                git(folder, "add", "locustfile.py")
                git(folder, "commit", "--quiet", "--allow-empty", "--message", f"change {number}")
                words = ("run", "locustfile.py", "--target", service.base_url, "--name", "loans")
                loadproof(folder, *words, "--run-file", f"{number:02}.db", *stages((6, 20)))
    words = ("history", "--folder", ".", "--svg", str(PICTURES / "history.svg"))
    subprocess.run([sys.executable, "-m", "loadproof", *words], cwd=folder, check=False)


def git(folder: Path, *words: str) -> None:
    """With a name of its own, whoever makes the pictures."""
    who = ("-c", "user.name=Loadproof", "-c", "user.email=loadproof@example.com")
    subprocess.run(["git", *who, *words], cwd=folder, check=True)  # git is wherever it is


MADE: Final[dict[str, Callable[[Path, str, str], None]]] = {
    "verdict": verdict,
    "report": report,
    "run": run,
    "stress": stress,
    "spike": spike,
    "capacity": capacity,
    "compare": compare,
    "history": history,
}


def main(names: list[str]) -> None:
    """Make those that are named, or all."""
    PICTURES.mkdir(exist_ok=True)
    for name in names or MADE:
        with (
            tempfile.TemporaryDirectory() as place,
            as_file(files("loadproof.demo") / "scenario" / "locustfile.py") as scenario,
            running(DemoOptions(port=0, rows=_ROWS)) as service,
        ):
            folder = Path(place)
            (folder / "requirements.yaml").write_text(_REQUIREMENTS, encoding="utf-8")
            MADE[name](folder, str(scenario), service.base_url)
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
