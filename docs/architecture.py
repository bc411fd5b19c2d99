"""Draws docs/architecture.svg from the imports: `make picture`, or `python docs/architecture.py`.

The rooms stand in the order of the layers that import-linter holds; an arc is what one imports from another,
as the code has it today.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
_ROW, _TOP, _LEFT, _WIDTH = 34, 46, 30, 190
_COLOURS = ("#2f6db3", "#b3552f", "#3b8f5a", "#8a4fa3", "#a3862b", "#4f8aa3", "#a34f6d", "#5b6470")


def rooms() -> list[str]:
    """The packages and modules right below `loadproof`, the highest layer first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["name"].startswith("Data flows"))
    return [name.strip().removeprefix("loadproof.") for layer in layers for name in layer.split("|")]


def arrows() -> dict[tuple[str, str], int]:
    """How many imports there are from one room to another, those for type checking included."""
    graph = grimp.build_graph("loadproof", cache_dir=None)
    found: dict[tuple[str, str], int] = defaultdict(int)
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            ends = tuple(name.split(".")[1] if "." in name else "" for name in (module, imported))
            if ends[0] != ends[1] and all(ends):
                found[ends[0], ends[1]] += 1
    return dict(found)


def draw(names: list[str], edges: dict[tuple[str, str], int]) -> str:
    """The picture as SVG. It changes when a room or an arrow comes or goes, and not with a line of code."""
    place = {name: number for number, name in enumerate(names)}
    height = _TOP + _ROW * len(names) + 20
    size = f'viewBox="0 0 720 {height}" width="720" height="{height}"'
    said = "A room imports only what stands below it; an arc goes from who imports to what is imported."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="system-ui, sans-serif" font-size="13">',
        "<title>Rooms of Loadproof and what they import</title>",
        f'<rect width="720" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" fill="#444">{said}</text>',
    ]
    direct = _reduced(edges)
    for (upper, lower), _ in sorted(edges.items(), key=lambda item: (item[0] in direct, item[0])):
        if upper not in place or lower not in place:
            continue
        y1, y2 = (_TOP + _ROW * place[name] + 13 for name in (upper, lower))
        x, reach = _LEFT + _WIDTH, 24 + abs(y2 - y1) * 0.62
        strong = (upper, lower) in direct
        colour = _COLOURS[place[upper] % len(_COLOURS)]
        parts.append(
            f'<path d="M{x} {y1} C{x + reach:.0f} {y1} {x + reach:.0f} {y2} {x + 3} {y2}" fill="none" '
            f'stroke="{colour}" stroke-width="{1.8 if strong else 0.7}" opacity="{0.95 if strong else 0.4}">'
            f"<title>{upper} imports {lower}</title></path>"
        )
    for name, number in place.items():
        y = _TOP + _ROW * number
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(
            f'<rect x="{_LEFT}" y="{y}" width="{_WIDTH}" height="26" rx="5" fill="#f6f8fa" '
            f'stroke="{colour}" stroke-width="1.5"/>'
            f'<text x="{_LEFT + 12}" y="{y + 18}" fill="#222">{name}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _reduced(edges: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """The arrows that no longer way replaces: what is left of them still shows who stands on whom."""
    below: dict[str, set[str]] = defaultdict(set)
    for upper, lower in edges:
        below[upper].add(lower)

    def reaches(start: str, end: str, seen: set[str]) -> bool:
        return any(
            step == end or (step not in seen and reaches(step, end, seen | {step})) for step in below[start]
        )

    return {
        (upper, lower)
        for upper, lower in edges
        if not any(reaches(step, lower, {upper, step}) for step in below[upper] - {lower})
    }


def main() -> None:
    """Write the picture anew."""
    PICTURE.write_text(draw(rooms(), arrows()), encoding="utf-8")


if __name__ == "__main__":
    main()
