"""One picture's plot as SVG elements: axes, grounds, rules, layers and their legend."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from loadproof.charts import Layer, LimitLine, Panel, Picture, Shape
from loadproof.reports.axes import ticks, written

WIDTH: Final = 900
FONT: Final = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
_MARGIN: Final = 24
_LEFT, _RIGHT = 92, 28
_ONE, _EACH, _GAP, _ROW = 230, 140, 38, 24
_CHARACTER: Final = 6.4
"""Mean width of one at 12 pixels, a little too much: names do not overlap."""
_NAME: Final = 15
"""Height of a name above its rule."""


def text(
    x: float, y: float, said: str, ink: str, *, size: int = 12, anchor: str = "start", bold: bool = False
) -> str:
    """One line of text."""
    weight = ' font-weight="650"' if bold else ""
    at = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text class="f-{ink}" {at}{weight}>{escape(said)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, ink: str, width: float = 1.0, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line class="s-{ink}" {ends} stroke-width="{width}"{dashed}/>'


class Plot:
    """The picture from `top` on; `bottom` is where it ends, the name of its x included."""

    def __init__(self, picture: Picture, top: float) -> None:
        self.picture = picture
        self.x_range = picture.x_range
        rows = picture.panels[0].rows
        self.left = min(330.0, _MARGIN + 10 + _CHARACTER * max(map(len, rows))) if rows else _LEFT
        self.right = float(WIDTH - _RIGHT)
        # What an axis measures is written above it, where the picture's own title does not say it.
        self._titled = len(picture.panels) > 1 or picture.panels[0].title not in picture.title
        self._legend_at = top + 8
        upright = [rule for rule in picture.rules if rule.panel is None and self._seen(rule)]
        self._names = self._placed(sorted(upright, key=lambda rule: rule.at))
        self._top = top + 26 + 16 * (1 + max((row for _, _, row in self._names), default=0))
        self._heights = [len(p.rows) * _ROW if p.rows else _ONE if len(picture.panels) == 1 else _EACH
                         for p in picture.panels]  # fmt: skip
        ends = self._top + sum(self._heights) + _GAP * (len(self._heights) - 1)
        self._end = ends
        self.bottom = ends + (38 if picture.x_title else 20)

    def drawn(self) -> list[str]:
        """Its elements, the lowest first."""
        parts = [*self._tints(), *self._legend()]
        for number, panel in enumerate(self.picture.panels):
            parts += self._axis(number, panel)
        parts += [*self._along(), *self._rules()]
        for layer in self.picture.layers:
            parts += self._layer(layer)
        return [*parts, *self._rule_names()]

    def x(self, value: float) -> float:
        """Where a value of x stands."""
        return self.left + self._share(value, self.x_range, log=self.picture.x_log) * (self.right - self.left)

    def y(self, number: int, value: float) -> float:
        """Where a value of that panel stands."""
        panel, top = self.picture.panels[number], self._panel_top(number)
        share = self._share(value, self.picture.y_range(number), log=panel.log)
        return top + (share if panel.rows else 1 - share) * self._heights[number]

    @staticmethod
    def _share(value: float, ends: tuple[float, float], *, log: bool) -> float:
        low, high = ends
        if log:
            value, low, high = (math.log(max(bound, 1e-12)) for bound in (value, low, high))
        return (value - low) / (high - low)

    def _seen(self, rule: LimitLine) -> bool:
        low, high = self.x_range if rule.panel is None else self.picture.y_range(rule.panel)
        return low <= rule.at <= high

    def _panel_top(self, number: int) -> float:
        return self._top + sum(self._heights[:number]) + _GAP * number

    def _placed(self, rules: Iterable[LimitLine]) -> list[tuple[LimitLine, float, int]]:
        """Upright rules with the begin of their name and its row, where it is over no other."""
        first = self.left + _CHARACTER * len(self.picture.panels[0].title) + 10
        taken = [(0, 0.0, first)] if self._titled else []
        found = []
        for rule in rules:
            long = _CHARACTER * len(rule.name) + 6
            begin = max(self.left, min(self.x(rule.at), self.right - long))
            row = next(
                n for n in range(99)
                if not any(n == other and begin < end and begin + long > start for other, start, end in taken)
            )  # fmt: skip
            taken.append((row, begin, begin + long))
            found.append((rule, begin, row))
        return found

    def _legend(self) -> list[str]:
        entries: dict[str, tuple[str, Shape | None]] = {}
        for layer in self.picture.layers:
            entries.setdefault(layer.name, (layer.ink, layer.shape))
        for tint in self.picture.tints:
            entries.setdefault(tint.name, (tint.ink, None))
        entries.pop("", None)
        parts, x, y = [], float(_MARGIN), self._legend_at + 4
        for name, (ink, shape) in entries.items():
            if shape is None:
                parts.append(
                    f'<rect class="f-{ink}" x="{x}" y="{y - 9:.1f}" width="14" height="10" opacity="0.25"/>'
                )
            elif shape in (Shape.LINE, Shape.DASHES):
                parts.append(_line(x, y - 4, x + 14, y - 4, ink, 2, "4,3" if shape is Shape.DASHES else ""))
            else:
                parts.append(_mark(x + 7, y - 4, shape, ink))
            parts.append(text(x + 20, y, name, "quiet"))
            x += 20 + _CHARACTER * len(name) + 18
        return parts

    def _tints(self) -> list[str]:
        parts = []
        for tint in self.picture.tints:
            low, high = (min(max(self.x(bound), self.left), self.right) for bound in (tint.low, tint.high))
            top, height = self._top, self._end - self._top
            if tint.row is not None:
                top, height = self.y(0, tint.row - 0.5), float(_ROW)
            size = f'x="{low:.1f}" y="{top:.1f}" width="{high - low:.1f}" height="{height:.1f}"'
            parts.append(f'<rect class="f-{tint.ink}" {size} opacity="0.16"/>')
        return parts

    def _axis(self, number: int, panel: Panel) -> list[str]:
        top = self._panel_top(number)
        parts = [_line(self.left, top, self.left, top + self._heights[number], "line")]
        if panel.rows:
            return parts + [
                text(self.left - 8, self.y(number, place) + 4, row, "ink", anchor="end")
                for place, row in enumerate(panel.rows)
            ]
        low, high = self.picture.y_range(number)
        for value in ticks(low, high, panel.unit, self._heights[number] // 32, log=panel.log):
            at = self.y(number, value)
            parts.append(_line(self.left, at, self.right, at, "faint" if value else "line"))
            parts.append(
                text(self.left - 8, at + 4, written(value, panel.unit), "quiet", size=11, anchor="end")
            )
        if self._titled:
            parts.append(text(self.left, top - 6, panel.title, "ink"))
        return parts

    def _along(self) -> list[str]:
        picture, end = self.picture, self._end
        parts = [_line(self.left, end, self.right, end, "line")]
        low, high = self.x_range
        if picture.x_names:
            every = -(-len(picture.x_names) // 9)
            marks = [(float(n), picture.x_names[n]) for n in range(0, len(picture.x_names), every)]
        else:
            values = ticks(low, high, picture.x_unit, 9, log=picture.x_log)
            marks = [(value, written(value, picture.x_unit)) for value in values]
        for value, name in marks:
            at = self.x(value)
            parts.append(_line(at, end, at, end + 4, "quiet"))
            parts.append(text(at, end + 17, name, "quiet", size=11, anchor="middle"))
        if picture.x_title:
            parts.append(
                text((self.left + self.right) / 2, end + 34, picture.x_title, "quiet", anchor="middle")
            )
        return parts

    def _rules(self) -> list[str]:
        parts = []
        for rule in filter(self._seen, self.picture.rules):
            if rule.panel is None:
                at = self.x(rule.at)
                parts.append(_line(at, self._top, at, self._end, rule.ink, 1.5))
            else:
                at = self.y(rule.panel, rule.at)
                parts.append(_line(self.left, at, self.right, at, rule.ink, 1.4, "6,4"))
        return parts

    def _rule_names(self) -> list[str]:
        parts = [
            text(begin, self._top - 5 - 16 * row, rule.name, rule.ink, size=11)
            for rule, begin, row in self._names
        ]
        for rule in filter(self._seen, self.picture.rules):
            if rule.panel is not None:
                at, long = self.y(rule.panel, rule.at), _CHARACTER * len(rule.name)
                free = not self._covered(rule.panel, self.left, self.left + long, at)
                aside = free and self._covered(rule.panel, self.right - long, self.right, at)
                x, anchor = (self.left + 4, "start") if aside else (self.right, "end")
                parts.append(text(x, at - 4, rule.name, rule.ink, size=11, anchor=anchor))
        return parts

    def _covered(self, number: int, left: float, right: float, at: float) -> bool:
        """Whether what that panel shows lies where a name would stand, above `at`."""
        shown = [layer for layer in self.picture.layers if layer.panel == number]
        for layer in shown:
            pairs = zip(layer.x, layer.y, strict=True)
            points = [(self.x(x), self.y(number, y)) for x, y in pairs if y is not None]
            joined = layer.shape in (Shape.LINE, Shape.DASHES) and len(points) > 1
            strokes = pairwise(points) if joined else zip(points, points, strict=True)
            for (x1, y1), (x2, y2) in strokes:
                if x2 < left or x1 > right:
                    continue
                slope = (y2 - y1) / (x2 - x1) if x2 > x1 else 0.0
                ends = [y1 + slope * (min(max(edge, x1), x2) - x1) for edge in (left, right)]
                if max(ends) >= at - _NAME and min(ends) <= at:
                    return True
        return False

    def _layer(self, layer: Layer) -> list[str]:
        low, high = self.x_range
        places = [
            (self.x(x), self.y(layer.panel, y), n)
            for n, (x, y) in enumerate(zip(layer.x, layer.y, strict=True))
            if y is not None and low <= x <= high
        ]
        if layer.shape in (Shape.LINE, Shape.DASHES):
            return self._strokes(layer)
        parts = []
        for x, y, n in places:
            if layer.shape is Shape.INTERVALS:
                ends = (layer.low[n], layer.high[n])
                from_, to = (min(max(self.x(bound), self.left), self.right) for bound in ends)
                parts.append(_line(from_, y, to, y, layer.ink, 2.5))
            parts.append(_mark(x, y, layer.shape, layer.ink))
        return parts

    def _strokes(self, layer: Layer) -> list[str]:
        """Lines with a gap where nothing was measured."""
        strokes: list[list[str]] = [[]]
        for x, y in zip(layer.x, layer.y, strict=True):
            if y is None:
                strokes.append([])
            else:
                strokes[-1].append(f"{self.x(x):.1f},{self.y(layer.panel, y):.1f}")
        dash = ' stroke-dasharray="5,4"' if layer.shape is Shape.DASHES else ""
        width = 1.4 if dash else 1.9
        return [
            f'<polyline class="s-{layer.ink}" fill="none" stroke-width="{width}"{dash} points="{points}"/>'
            for points in map(" ".join, strokes)
            if points
        ]


def _mark(x: float, y: float, shape: Shape, ink: str) -> str:
    if shape is Shape.CROSSES:
        path = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
        return f'<path class="s-{ink}" d="{path}" stroke-width="2.6" fill="none"/>'
    if shape is Shape.RINGS:
        return f'<circle class="s-{ink}" cx="{x:.1f}" cy="{y:.1f}" r="4" fill="none" stroke-width="1.8"/>'
    return f'<circle class="f-{ink}" cx="{x:.1f}" cy="{y:.1f}" r="4.3"/>'
