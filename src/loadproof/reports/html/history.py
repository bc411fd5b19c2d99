"""A history as one HTML file: small pictures of all series beside each other, and what changed in words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TextIO

from loadproof.analysis.across_runs.picture import history_picture
from loadproof.reports.evidence import MISSING, EvidenceTable, as_headline
from loadproof.reports.history import answer, changed_first, headline, remarks
from loadproof.reports.html import write_page
from loadproof.reports.html.data import picture_data
from loadproof.version import __version__

if TYPE_CHECKING:
    from loadproof.analysis.across_runs.history import History

_MOST_PICTURES: Final = 60


def write_history_html(history: History, stream: TextIO, *, everything: bool = False) -> None:
    """Those series first that changed or creep; `everything`: not only the usual ones beside them."""
    shown = changed_first(history, everything=everything)
    pictures = [history_picture(history, series) for series in shown[:_MOST_PICTURES]]
    word, ink, sentence = answer(history)
    said = {
        "title": f"History of {history.name}",
        "version": __version__,
        "made_from": f"{len(history.runs)} run files",
        "name": history.name,
        "word": word,
        "ink": ink,
        "sentence": as_headline(sentence),
        "headline": headline(history),
        "marks": [(history.runs[mark.run].label, mark.what) for mark in history.marks],
        "remarks": remarks(history),
        "pictures": pictures,
        "left_out": max(0, len(shown) - _MOST_PICTURES),
        "runs": _runs(history),
    }
    write_page("history.html.j2", said, {"pictures": picture_data(pictures), "course": None}, stream)


def _runs(history: History) -> EvidenceTable:
    rows = tuple(
        (
            _date(run.started_at_s),
            run.label,
            (run.commit or MISSING)[:10],
            run.branch or MISSING,
        )
        for run in reversed(history.runs)
    )
    return EvidenceTable(("started (UTC)", "run", "commit", "branch"), (False,) * 4, rows)


def _date(time_s: float | None) -> str:
    return MISSING if time_s is None else time.strftime("%Y-%m-%d %H:%M", time.gmtime(time_s))
