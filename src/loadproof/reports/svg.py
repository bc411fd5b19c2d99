"""The answer as one SVG: verdict, headline and picture, for pull requests, wikis and the docs.

It is drawn from the same description as the picture of the HTML report, in the same colours, light or dark as
whoever looks at it has it. It has no script and asks for nothing.
"""

from __future__ import annotations

import re
import textwrap
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, TextIO
from xml.sax.saxutils import escape

from loadproof.reports.evidence import as_headline
from loadproof.reports.svg_plot import FONT, WIDTH, Plot, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadproof.charts import Picture
    from loadproof.model import Report

_INKS: Final = re.compile(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)")
_LINE_CHARACTERS: Final = 66
_MARGIN: Final = 24


def write_svg(report: Report, stream: TextIO) -> None:
    """Write it. Without pictures (see `judge`) it is the verdict alone."""
    verdict = str(report.verdict)
    ink = "note" if verdict == "DONE" else verdict.lower()
    write_pictures((verdict, ink), as_headline(report.sentence), report.pictures, report.name, stream)


def write_pictures(
    badge: tuple[str, str], headline: str, pictures: Iterable[Picture], name: str, stream: TextIO
) -> None:
    """Pictures below a headline and a badge, which has a word and an ink."""
    word, ink = badge
    long = 8.6 * len(word) + 24
    parts = [f'<rect class="f-{ink}" x="{_MARGIN}" y="22" width="{long:.0f}" height="24" rx="12"/>']
    parts.append(text(_MARGIN + long / 2, 38.5, word, "surface", size=12, anchor="middle", bold=True))
    at = 74.0
    for line in textwrap.wrap(headline, _LINE_CHARACTERS)[:3]:
        parts.append(text(_MARGIN, at, line, "ink", size=21, bold=True))
        at += 28
    for picture in pictures:
        drawn, at = _figure(picture, at)
        parts += drawn
    parts.append(text(_MARGIN, at + 4, f"{name} · Loadproof", "quiet", size=11))
    height = at + 22
    stream.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" font-family="{FONT}">\n'
        f"<title>{escape(f'{word}: {headline}')}</title>\n<style>{_style()}</style>\n"
        f'<rect class="f-surface s-line" x="1" y="1" width="{WIDTH - 2}" height="{height - 2:.0f}" rx="9"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _figure(picture: Picture, top: float) -> tuple[list[str], float]:
    """A picture with its title, legend and words from `top` on, and where it ends."""
    parts = [text(_MARGIN, top + 8, picture.title, "ink", size=14, bold=True)]
    plot = Plot(picture, top + 22)
    parts += plot.drawn()
    at = plot.bottom + 22
    for line in textwrap.wrap(picture.words, 120)[:3]:
        parts.append(text(_MARGIN, at, line, "quiet", size=12))
        at += 17
    return parts, at + 12


@cache
def _style() -> str:
    """Colours of the HTML report by name, in both themes."""
    css = files("loadproof.reports.html").joinpath("style.css").read_text(encoding="utf-8")
    inks = _INKS.findall(css)

    def rules(theme: int) -> str:
        return "".join(f".f-{ink[0]}{{fill:{ink[theme]}}}.s-{ink[0]}{{stroke:{ink[theme]}}}" for ink in inks)

    return f"{rules(1)}@media (prefers-color-scheme:dark){{{rules(2)}}}"
