"""Turns of two builds: the p95 of each run, in the order in which they ran, for who watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadproof.analysis.across_runs.measured import MeasuredRun
from loadproof.charts import Layer, Panel, Picture, Shape
from loadproof.model import Unit
from loadproof.units import format_count, format_duration

_QUANTILE: Final = 0.95
_DRAWN: Final = {"base": (Shape.DOTS, "series-1"), "head": (Shape.DOTS, "series-3")}


def turns_picture(runs: Sequence[tuple[str, MeasuredRun]]) -> Picture | None:
    """Of (side, run) in order; None where no run has enough requests for a p95.

    It decides nothing: between the looks that a comparison accounts for nobody may conclude from it.
    """
    found = [
        (n, side, run, p95_s) for n, (side, run) in enumerate(runs) if (p95_s := _p95_s(run)) is not None
    ]
    layers = []
    for side, (shape, ink) in _DRAWN.items():
        layers.append(
            _layer(side, shape, ink, [(n, r, y) for n, s, r, y in found if s == side and not r.invalid])
        )
    unsound = [(n, run, p95_s) for n, _, run, p95_s in found if run.invalid]
    layers.append(_layer("not sound", Shape.RINGS, "quiet", unsound))
    drawn = tuple(layer for layer in layers if layer.x)
    if not drawn:
        return None
    return Picture(
        name="rounds",
        title="Runs in their order",
        words="p95 of all requests of each run; what differs, and how sure that is, the comparison says",
        x_title="run",
        x_unit="run",
        panels=(Panel("p95", str(Unit.SECONDS)),),
        layers=drawn,
        x_names=tuple(f"{n}: {side}" for n, (side, _) in enumerate(runs, start=1)),
        x_bounds=(-0.6, max(len(runs), 4) - 0.4),
    )


def _p95_s(run: MeasuredRun) -> float | None:
    return run.endpoints[-1].quantiles_s.get(_QUANTILE)


def _layer(name: str, shape: Shape, ink: str, runs: Sequence[tuple[int, MeasuredRun, float]]) -> Layer:
    def said(run: MeasuredRun, p95_s: float) -> str:
        requests = format_count(run.endpoints[-1].requests)
        return "; ".join((f"p95 {format_duration(p95_s)}, {requests} requests", *run.invalid[:1]))

    return Layer(
        name=name,
        shape=shape,
        ink=ink,
        x=tuple(float(n) for n, _, _ in runs),
        y=tuple(p95_s for _, _, p95_s in runs),
        texts=tuple(said(run, p95_s) for _, run, p95_s in runs),
    )
