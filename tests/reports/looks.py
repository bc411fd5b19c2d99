"""Draws every kind of page for eyes: `python -m tests.reports.looks FOLDER [NAME or RUN.db ...]`.

A browser without a window opens each in three widths and two themes. FOLDER then has the pages, a picture of
each, and one picture of all of a kind side by side. What no eye needs to find is printed: what is cut or lies
over something else, a headline that is too long, a page wider than its window, what the console says.
"""

from __future__ import annotations

import html as markup
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from loadproof.analysis.across_runs.history import History, history
from loadproof.analysis.compare.compare import compare
from loadproof.analysis.compare.report import comparison_report
from loadproof.analysis.judge import judge
from loadproof.model import CapacityGoal, Finding, FindingKind, Outcome, Reading, Unit, Verdict
from loadproof.runfile.reader import read_run
from tests.analysis import test_soak, test_spike
from tests.analysis.searches import Searched, Second
from tests.analysis.test_history import runs_at
from tests.analysis.test_stress import limited, must_hold, steps, stressed
from tests.comparing.sides import side
from tests.reports.pages import chromium
from tests.reports.some_of_everything import busy_run, with_findings
from tests.reports.test_answers import written
from tests.runs import LOGIN, START, error_rate, required

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser

    from loadproof.model import Report, Requirement
    from loadproof.runfile.reader import Run

WIDTHS: Final = (390, 900, 1440)
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
_SHEET_HEIGHT: Final = 2400
"""Of a page, as much is on the picture of all: the answer, and what stands below it."""


def watched(made: Run) -> Run:
    """With a machine and a service, so that the system has its charts."""
    seconds = range(round(sum(stage.duration_s for stage in made.plan.profile.stages)) or 60)
    load = [made.plan.profile.level_at(second + 0.5) or 10.0 for second in seconds]
    readings = []
    for second, level in zip(seconds, load, strict=True):
        at, share = START + second + 0.5, level / max(load)
        readings += [
            Reading(at, "load", "users", level, Unit.COUNT),
            Reading(at, "process", "cpu", 1.7 * share, Unit.CORES, 2.0),
            Reading(at, "process", "memory", 3e8, Unit.BYTES, 2**30),
            Reading(at, "host", "cpu", 1.9 * share, Unit.CORES, 2.0),
            Reading(at, "postgres", "connections", round(20 * share), Unit.COUNT, 100.0),
        ]
    known = {(reading.source, reading.series) for reading in made.readings}
    if ("process", "rss") in known:  # a soak's own memory
        known.add(("process", "memory"))
    more = (reading for reading in readings if (reading.source, reading.series) not in known)
    return replace(made, readings=(*made.readings, *more))


def drawn(made: Run) -> Report:
    return judge(watched(made), draw=True)


def required_of(made: Run, *requirements: Requirement) -> Run:
    return replace(made, plan=replace(made.plan, requirements=requirements))


def stress(*requirements: Requirement, most_per_s: float = 250.0) -> Run:
    levels = (50, 100, 150, 200, 20)
    slow = stressed(steps(*levels), limited(most_per_s))
    fast = stressed(steps(*levels), lambda level, _: (round(level / 2), 0.02, 0), LOGIN)
    return required_of(replace(slow, slices=(*fast.slices, *slow.slices)), *requirements)


def noisy(capacity_per_s: float) -> Callable[[float, int], Second]:
    """Slower the nearer it comes to what it holds."""
    random = np.random.default_rng(3)

    def second(load: float, _at: int) -> Second:
        used = min(0.97, load / capacity_per_s)
        times = 0.004 + random.exponential(0.008 / (1 - used), round(load))
        return Second(times.tolist(), failed=0 if load < capacity_per_s else round(load / 50))

    return second


def capacity(
    least: float, greatest: float = 400.0, outcome: Outcome = Outcome.COMPLETED, holds: float = 160.0
) -> Run:
    searched = Searched(noisy(holds), CapacityGoal(least=least, greatest=greatest, precision=0.1))
    made = searched.search()
    return made if outcome is Outcome.COMPLETED else searched.run(outcome)


def compared(slower: float, **changed: object) -> Report:
    base = side("base", endpoints=6)
    head = side("head", slower=slower, endpoints=6, seed=1, **changed)  # type: ignore[arg-type]
    return comparison_report(compare(base, head), "shop", [*base, *head], ".loadproof/runs")


def in_turns() -> Report:
    """As `ab` ends: with what the rounds said."""
    said = "8 of at most 12 rounds were played: the difference was certain before the last"
    return with_findings(compared(1.2), Finding("ab", Verdict.PASS, said, kind=FindingKind.NOTE))


SPIKE: Final = test_spike.queue
SOAK: Final = test_soak.soak
_written = test_spike._written

PAGES: Final[dict[str, Callable[[], Report | History]]] = {
    "run-pass": lambda: drawn(busy_run(required(0.5), error_rate(0.2))),
    "run-fail": lambda: drawn(busy_run()),
    "run-inconclusive": lambda: drawn(
        busy_run(required(0.5), required(1, endpoint="/typo"), error_rate(0.2))
    ),
    "run-done": lambda: drawn(required_of(busy_run())),
    "stress-pass": lambda: drawn(stress(required(0.5), must_hold(100))),
    "stress-fail": lambda: drawn(stress(required(0.5), error_rate(0.05))),
    "stress-inconclusive": lambda: drawn(stress(required(0.5), must_hold(300), most_per_s=1e6)),
    "stress-done": lambda: drawn(stress()),
    "spike-pass": lambda: drawn(SPIKE(_written("recovery_time: <30s"))),
    "spike-fail": lambda: drawn(SPIKE(_written("recovery_time: <10s"), failing=20)),
    "spike-inconclusive": lambda: drawn(SPIKE(_written("recovery_time: <30s"), after_s=12)),
    "spike-done": lambda: drawn(SPIKE()),
    "soak-pass": lambda: drawn(SOAK(test_soak.LEVEL, "memory_growth: <10%/h")),
    "soak-fail": lambda: drawn(SOAK(test_soak.LEAK, "memory_growth: <10%/h")),
    "soak-inconclusive": lambda: drawn(SOAK(test_soak.LEAK, "memory_growth: <40MiB/h")),
    "soak-done": lambda: drawn(SOAK(test_soak.LEVEL, slower=0.33)),
    "capacity-pass": lambda: judge(capacity(20.0), draw=True),
    "capacity-fail": lambda: judge(capacity(20.0, holds=15.0), draw=True),
    "capacity-inconclusive": lambda: judge(capacity(20.0, outcome=Outcome.INTERRUPTED), draw=True),
    "capacity-unreached": lambda: judge(capacity(20.0, greatest=100.0), draw=True),
    "compare-pass": lambda: compared(1.0),
    "compare-better": lambda: compared(0.8),
    "compare-fail": lambda: compared(1.2),
    "compare-inconclusive": lambda: comparison_report(
        compare(side("a", runs=2), side("b", runs=2, slower=1.04, seed=1)), "shop", side("a", runs=2), "runs"
    ),
    "ab-fail": in_turns,
    "history-changed": lambda: history("loans", runs_at((0.1, 20), (0.12, 8))),
    "history-steady": lambda: history("loans", runs_at((0.1, 30))),
    "history-few": lambda: history("loans", runs_at((0.1, 3))),
}

_FAULTS: Final = r"""() => {
  const bad = [], W = innerWidth;
  const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0 && getComputedStyle(e).visibility !== "hidden"; };
  if (document.documentElement.scrollWidth > W) bad.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  const title = document.querySelector("h1");
  if (title && title.textContent.trim().length > 90) bad.push(`headline of ${title.textContent.trim().length}: ${title.textContent.trim()}`);
  for (const box of document.querySelectorAll(".scroll")) if (seen(box) && box.scrollWidth > box.clientWidth + 1) bad.push(`scrolls: ${box.getAttribute("aria-label")} ${box.scrollWidth} in ${box.clientWidth}`);
  for (const e of document.querySelectorAll("body *")) {
    if (!seen(e) || e.closest(".plot") || e.closest(".unseen")) continue;
    const s = getComputedStyle(e);
    if ((s.overflowX === "hidden" || s.overflowX === "clip") && e.scrollWidth > e.clientWidth + 1) bad.push(`cut: ${e.textContent.trim().slice(0, 60)}`);
  }
  for (const word of document.body.innerText.match(/\b(NaN|undefined|null|None|Infinity)\b|\d\.\d{5,}/g) || []) bad.push(`word: ${word}`);
  for (const plot of document.querySelectorAll(".plot")) {
    if (!seen(plot)) continue;
    const name = plot.closest("figure").querySelector("h3,h2")?.textContent ?? "";
    const whole = plot.getBoundingClientRect();
    const texts = [...plot.querySelectorAll("svg text")].filter((t) => t.textContent.trim() && seen(t) && !t.closest(".hoverlayer"));
    const boxes = texts.map((t) => t.getBoundingClientRect());
    texts.forEach((text, n) => {
      const a = boxes[n];
      if (a.left < whole.left - 2 || a.right > whole.right + 2 || a.top < whole.top - 2 || a.bottom > whole.bottom + 2) bad.push(`outside of ${name}: ${text.textContent}`);
      boxes.slice(n + 1).forEach((b, m) => {
        const w = Math.min(a.right, b.right) - Math.max(a.left, b.left), h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (w > 2 && h > 3) bad.push(`"${text.textContent}" lies over "${texts[n + 1 + m].textContent}" in ${name}`);
      });
    });
    if (!plot.querySelector("svg")) bad.push(`empty: ${name}`);
  }
  return [...new Set(bad)];
}"""  # noqa: E501  # a script


def look(browser: Browser, folder: Path, name: str) -> None:
    """Pictures of one page; prints its faults."""
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.goto((folder / f"{name}.html").as_uri())
    page.wait_for_selector("html[data-charts=drawn]")
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("() => new Promise(done => setTimeout(done, 300))")
            for fault in page.evaluate(_FAULTS):
                print(f"{name} {width} {theme}: {fault}")
            page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)
    page.close()
    for fault in said:
        print(f"{name}: {fault}", flush=True)


def sheet(browser: Browser, folder: Path, title: str, pictures: list[str], scale: float) -> None:
    """Some pictures side by side, from their tops."""
    boxes = "".join(
        f"<figure><figcaption>{markup.escape(name)}</figcaption><div><img src='{name}.png'></div></figure>"
        for name in pictures
    )
    style = (
        f"body{{margin:0;background:#888;display:flex;gap:8px;zoom:{scale}}}figure{{margin:0}}"
        f"div{{max-height:{_SHEET_HEIGHT}px;overflow:hidden}}img{{display:block}}"
        "figcaption{font:20px sans-serif}"
    )
    file = folder / f"sheet-{title}.html"
    file.write_text(f"<style>{style}</style><body>{boxes}", encoding="utf-8")
    page = browser.new_page(viewport={"width": 100, "height": 100})
    page.goto(file.as_uri())
    width = page.evaluate("document.body.scrollWidth")
    page.set_viewport_size({"width": int(width * scale) + 20, "height": int(_SHEET_HEIGHT * scale) + 30})
    page.screenshot(path=folder / f"sheet-{title}.png")
    page.close()


def main(place: str, *names: str) -> None:
    folder = Path(place).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    runs = {
        Path(name).parent.name + "-" + Path(name).stem: Path(name) for name in names if name.endswith(".db")
    }
    wanted = [name for name in PAGES if not names or any(name.startswith(asked) for asked in names)]
    for name in wanted:
        found = PAGES[name]()
        print(name, found.verdict if not isinstance(found, History) else "", flush=True)
        (folder / f"{name}.html").write_text(written(found), encoding="utf-8")
    for name, file in runs.items():
        (folder / f"{name}.html").write_text(written(judge(read_run(file), draw=True)), encoding="utf-8")
    with chromium() as browser:
        for name in (*wanted, *runs):
            look(browser, folder, name)
        for kind in dict.fromkeys(name.partition("-")[0] for name in (*wanted, *runs)):
            of = [name for name in (*wanted, *runs) if name.partition("-")[0] == kind]
            for theme in THEMES:
                for width in WIDTHS:
                    pictures = [f"{name}-{width}-{theme}" for name in of]
                    sheet(browser, folder, f"{kind}-{width}-{theme}", pictures, 1.0 if width == 390 else 0.5)


if __name__ == "__main__":
    main(*sys.argv[1:])
