"""Run files that were damaged in every way that disks and people know: refused, or whole."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from loadproof.errors import RunFileError
from loadproof.model import Outcome
from loadproof.runfile.reader import read_run
from loadproof.runfile.writer import RunWriter
from tests.attack.table import Row
from tests.runs import START, batch, plan, required, run_facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Damage = Callable[[bytes, random.Random], bytes]

_PAGE = 4096


def _flip(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _zero(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(data)), chance.randrange(1, 3 * _PAGE)
    return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]


def _noise(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    noise = chance.randbytes(chance.randrange(1, 600))[: len(data) - at]
    return data[:at] + noise + data[at + len(noise) :]


def _swap(data: bytes, chance: random.Random) -> bytes:
    pages = [data[at : at + _PAGE] for at in range(0, len(data), _PAGE)]
    one, other = chance.sample(range(len(pages)), 2)
    pages[one], pages[other] = pages[other], pages[one]
    return b"".join(pages)


def _repeat(data: bytes, chance: random.Random) -> bytes:
    at = _PAGE * chance.randrange(len(data) // _PAGE)
    return data[:at] + data[at : at + _PAGE] + data[at:]


DAMAGES: dict[str, Damage] = {
    "a bit flipped": _flip, "cut": _cut, "a part zeroed": _zero, "noise written": _noise,
    "two pages swapped": _swap, "a page twice": _repeat,
}  # fmt: skip


def attack_files(folder: Path, tries: int) -> list[Row]:
    """`tries` of each kind. Lost is a file that is read as something else than was written."""
    sound = folder / "sound.db"
    writer = RunWriter(sound, run_facts(plan(required(0.5))))
    for second in range(20):
        writer.commit(batch(second, requests=40), START + second + 1.0)
    writer.finish({"outcome": Outcome.COMPLETED, "ended_at_s": START + 20.0})
    writer.close()
    whole, data = read_run(sound), sound.read_bytes()
    rows = []
    for kind, damage in DAMAGES.items():
        row = Row(f"run file: {kind}")
        rows.append(row)
        for number in range(tries):
            path = folder / "damaged.db"
            path.write_bytes(damage(data, random.Random(f"{kind} {number}")))
            try:
                found = replace(read_run(path), path=sound)
            except RunFileError:
                row.tried()
                continue
            same = repr((found.facts, list(found.slices), list(found.readings), found.events)) == repr(
                (whole.facts, list(whole.slices), list(whole.readings), whole.events)
            )
            row.tried(*([] if same else [f"number {number} is read as another run"]))
    return rows
