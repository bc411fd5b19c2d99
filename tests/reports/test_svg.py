"""The answer as SVG: the same picture as in the page, well-formed, quiet, whatever names are in it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from loadproof.analysis.judge import judge
from loadproof.charts import Layer, LimitLine, Panel, Picture, Shape
from loadproof.model import CapacityGoal
from loadproof.reports import reporter
from loadproof.reports.axes import ticks, written
from loadproof.reports.svg_plot import WIDTH, Plot
from tests.analysis.searches import Searched, sharp
from tests.analysis.test_stress import limited, steps, stressed
from tests.comparing.test_report import report as compared
from tests.reports.some_of_everything import HOSTILE, busy_report
from tests.runs import required

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.model import Report

SVG = "{http://www.w3.org/2000/svg}"
MADE: dict[str, Callable[[], Report]] = {
    "stress": lambda: judge(stressed(steps(10, 20, 30, 40, 50, 60, 20), limited(90)), draw=True),
    "comparison": lambda: compared(1.2),
    "requirement": busy_report,
}


def svg(report: Report) -> str:
    stream = io.StringIO()
    reporter("svg")(report, stream)
    return stream.getvalue()


def parsed(report: Report) -> ET.Element:
    return ET.fromstring(svg(report))  # noqa: S314  # our own


def test_every_trial_is_a_mark_and_the_answer_is_said() -> None:
    """Circles for what held, crosses for what broke, one of each in the legend; verdict and headline."""
    report = judge(Searched(sharp(100), CapacityGoal(least=10, greatest=1000)).search(), draw=True)
    root = parsed(report)
    (picture,) = report.pictures
    held, broke = (
        next(layer for layer in picture.layers if layer.name == name) for name in ("held", "broke")
    )
    assert len(root.findall(f"{SVG}circle[@class='f-pass']")) == len(held.x) + 1
    assert len(root.findall(f"{SVG}path[@class='s-fail']")) == len(broke.x) + 1
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert "PASS" in texts
    headline = next(text for text in texts if text.startswith("It holds"))
    assert report.sentence.startswith(headline[0].lower() + headline[1:])
    assert "limit 100ms" in texts


@pytest.mark.parametrize("of", MADE)
def test_nothing_stands_outside_and_nothing_is_fetched(of: str) -> None:
    """All marks lie inside the card; there is no script, no link and no address but the name space."""
    text = svg(MADE[of]())
    root = ET.fromstring(text)  # noqa: S314  # our own
    height = float(root.get("height") or 0)
    for element in root.iter(f"{SVG}circle"):
        assert 0 < float(element.get("cx") or 0) < WIDTH
        assert 0 < float(element.get("cy") or 0) < height
    for element in root.iter(f"{SVG}line"):
        assert all(0 <= float(element.get(key) or 0) <= WIDTH for key in ("x1", "x2"))
    assert text.count("http") == 1
    assert not [
        element for element in root.iter() if element.tag in (f"{SVG}script", f"{SVG}a", f"{SVG}image")
    ]


def test_names_are_text() -> None:
    """A picture of an endpoint whose name is a tag."""
    root = parsed(busy_report(required(0.001, endpoint=str(HOSTILE))))
    assert any(str(HOSTILE) in (element.text or "") for element in root.iter(f"{SVG}text"))
    assert root.find(f".//{SVG}script") is None


def test_a_report_without_pictures_is_the_verdict() -> None:
    root = parsed(replace(busy_report(), pictures=()))
    assert next(element.text for element in root.iter(f"{SVG}text")) == "FAIL"


def test_the_same_run_gives_the_same_bytes() -> None:
    assert svg(busy_report()) == svg(busy_report())


def test_a_gap_in_what_was_measured_is_a_gap_in_the_line() -> None:
    line = Layer("p95", Shape.LINE, "series-1", (0, 1, 2, 3), (0.1, None, 0.3, 0.2))
    plot = Plot(Picture("made", "made", "", "", "time", (Panel("p95", "s"),), (line,)), 0)
    strokes = [element for element in plot.drawn() if element.startswith("<polyline")]
    assert [element.count(",") for element in strokes] == [1, 2]


@pytest.mark.parametrize(
    ("values", "anchor"),
    [((0.1, 0.2, 0.5, 0.51), "start"), ((0.51, 0.5, 0.2, 0.1), "end"), ((0.51, 0.2, 0.2, 0.51), "end")],
    ids=["rises into it", "falls away from it", "both ends are taken"],
)
def test_the_name_of_a_limit_stands_where_nothing_was_measured(
    values: tuple[float, ...], anchor: str
) -> None:
    line = Layer("p95", Shape.LINE, "series-1", (0, 1, 2, 3), values)
    limit = LimitLine("limit 500ms", "fail", 0.5, panel=0)
    plot = Plot(Picture("made", "made", "", "", "time", (Panel("p95", "s"),), (line,), rules=(limit,)), 0)
    (name,) = (element for element in plot.drawn() if limit.name in element)
    assert f'text-anchor="{anchor}"' in name


@pytest.mark.parametrize(
    ("low", "high", "unit", "log", "expected"),
    [
        (0, 95, "/s", False, ["0/s", "20/s", "40/s", "60/s", "80/s"]),
        (0, 3 * 2**20, "B", False, ["0B", "1MiB", "2MiB", "3MiB"]),
        (0.8, 1.25, "ratio", True, ["-20%", "-10%", "0%", "+10%", "+20%"]),
        (0.01, 9, "s", True, ["10ms", "100ms", "1s"]),
        (0, 7200, "time", False, ["0:00", "30:00", "1:00:00", "1:30:00", "2:00:00"]),
        (99.6 * 2**20, 102.2 * 2**20, "B", False, ["100MiB", "101MiB", "102MiB"]),
        (1, 4, "users", False, ["1", "2", "3", "4"]),
    ],
)
def test_ticks_are_round_and_written_differently(
    low: float, high: float, unit: str, log: bool, expected: list[str]
) -> None:
    assert [written(value, unit) for value in ticks(low, high, unit, 5, log=log)] == expected
