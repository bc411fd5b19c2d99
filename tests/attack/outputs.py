"""Where a run writes is closed, full, gone or cut: the verdict and its exit code come all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.attack.table import Row
from tests.cli.conftest import LOCUSTFILE, REQUIREMENTS
from tests.demo.concurrency import wait_until
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_S = 240.0
_JUDGED: Final = (0, 4)
"""A verdict: the service answers, but a machine that is busy may be judged as such."""
_MAY_FAIL: Final = (0, 2, 4, 5)
_STANDS: Final = "verdict stands"


def _nothing(_: Path) -> None:
    """The environment alone is what is wrong."""


@dataclass(frozen=True)
class Way:
    """How an output breaks."""

    shell: str = 'exec "$@"'
    """What starts the command, which it has as its arguments."""
    during: Callable[[Path], None] = _nothing
    """In the folder, once the load has begun."""
    more: tuple[str, ...] = ()
    codes: tuple[int, ...] = _JUDGED
    said: str = ""
    """What it must say."""
    root: bool = False
    """Whether it takes a mount of its own."""


def _cut(folder: Path) -> None:
    os.truncate(folder / "run.db", 5000)


def _gone(folder: Path) -> None:
    (folder / "run.db").unlink()


def _no_folder(folder: Path) -> None:
    shutil.rmtree(folder / "deep")


def _a_file_instead(folder: Path) -> None:
    (folder / "deep").rmdir()
    (folder / "deep").write_text("no folder any more")


def _overwritten(folder: Path) -> None:
    (folder / "run.db").write_bytes(b"not a run" * 1000)


TMPFS: Final = (
    'exec unshare -m sh -c \'mkdir small && mount -t tmpfs -o size=%s none small && exec "$@"\' x "$@"'
)
WAYS: Final = {
    "standard output closed": Way('exec "$@" >&-'),
    "standard error closed": Way('exec "$@" 2>&-'),
    "all three closed": Way('exec "$@" <&- >&- 2>&-'),
    "standard output full": Way('exec "$@" >/dev/full', said="standard output could not be written"),
    "standard error full": Way('exec "$@" 2>/dev/full'),
    "both full": Way('exec "$@" >/dev/full 2>&1'),
    "a reader that leaves at once": Way('"$@" | true; exit ${PIPESTATUS[0]}'),
    "a reader that leaves after a line": Way('"$@" | head -1; exit ${PIPESTATUS[0]}'),
    "a reader of both that leaves": Way('"$@" 2>&1 | head -c 1; exit ${PIPESTATUS[0]}'),
    "the run file deleted": Way(during=_gone, said="run.db"),
    "the run file cut": Way(during=_cut),
    "the run file overwritten": Way(during=_overwritten),
    "the report's folder deleted": Way(during=_no_folder, more=("--html", "deep/r.html")),
    "the report's folder a file": Way(during=_a_file_instead, more=("--html", "deep/r.html"), said=_STANDS),
    "the same, strictly": Way(
        during=_a_file_instead, more=("--html", "deep/r.html", "--strict-outputs"), codes=(1,), said=_STANDS,
    ),
    "reports to a full disk": Way(more=("--json", "/dev/full", "--junit", "/dev/full"), codes=(0, 2, 4)),
    "the working folder deleted": Way(during=shutil.rmtree, codes=(0, 3, 4, 5)),
    "no home": Way('HOME=/nonexistent XDG_CACHE_HOME=/nonexistent exec "$@"'),
    "no folder for temporary files": Way('TMPDIR=/nonexistent exec "$@"'),
    "no variables": Way('exec env -i PATH="$PATH" PYTHONPATH="$PYTHONPATH" "$@"'),
    "the letters of ASCII": Way('LC_ALL=C PYTHONUTF8=0 PYTHONIOENCODING=ascii exec "$@"'),
    "a terminal of one column": Way('COLUMNS=1 LINES=1 TERM=dumb exec "$@"'),
    "64 open files": Way('ulimit -n 64; exec "$@"', codes=_MAY_FAIL),
    "files of 64 kB at most": Way('ulimit -f 64; exec "$@"', codes=_MAY_FAIL),
    "a disk of 64 kB": Way(
        TMPFS % "64k", more=("--run-file", "small/run.db"), codes=_MAY_FAIL, root=True
    ),
    "a disk of 600 kB with reports": Way(
        TMPFS % "600k", more=("--run-file", "small/run.db", "--html", "small/r.html"), codes=_MAY_FAIL,
        root=True,
    ),
    "a disk that is read-only": Way(
        "exec unshare -m sh -c 'mkdir small && mount -t tmpfs -o ro none small && exec \"$@\"' x \"$@\"",
        more=("--run-file", "small/run.db"), codes=(2,), root=True,
    ),
}  # fmt: skip
NAMES: Final = (
    "a b.db", "ünï.db", "it's \"so\".db", "new\nline.db", "-dash.db", "\x1b[31mred.db", "::error::.db",
    "a" * 200 + ".db", "$(touch x).db", "%s%d.db",
)  # fmt: skip


def attack(folder: Path, beside: int) -> Iterator[Row]:
    """A row of ways, and one of names. Lost is a traceback, a hang, a code that is none of the verdict's."""
    ways = {name: way for name, way in WAYS.items() if not way.root or os.geteuid() == 0}
    yield _row(folder, f"outputs that break: {len(ways)} ways", ways, beside)
    names = {name: Way(more=("--run-file", f"./{name}")) for name in NAMES}
    yield _row(folder, f"odd names of run files: {len(names)}", names, beside)


def _row(folder: Path, kind: str, ways: dict[str, Way], beside: int) -> Row:
    row = Row(kind)
    places = {name: folder / f"{kind[:4]}-{number}" for number, name in enumerate(ways)}

    def run(name: str) -> list[str]:
        return [f"{name!r}: {text}" for text in _run(places[name], ways[name])]

    with ThreadPoolExecutor(beside) as pool:
        for lost in pool.map(run, ways):
            row.tried(*lost)
    return row


def _run(folder: Path, way: Way) -> Iterator[str]:
    (folder / "deep").mkdir(parents=True)
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    (folder / "pass.yaml").write_text(REQUIREMENTS % ("2s", "50%"))
    with StubServer() as stub:
        words = [sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", stub.url, "-u", "2",
                 "-t", "4s", "--requirements", "pass.yaml", *way.more]  # fmt: skip
        words += [] if "--run-file" in way.more else ["--run-file", "run.db"]
        process = subprocess.Popen(
            ["bash", "-c", way.shell, "x", *words], cwd=folder, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace", start_new_session=True,
        )  # fmt: skip
        if way.during is not _nothing:
            wait_until(lambda: stub.arrived.total() > 60 or process.poll() is not None, 60)
            way.during(folder)
        try:
            out, err = process.communicate(timeout=_LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            yield f"it still ran after {_LONGEST_S:.0f} s"
            return
    if "Traceback (most recent call last)" in out + err:
        yield f"traceback: {(out + err).rpartition('Traceback')[2][-700:]!r}"
    if process.returncode not in way.codes:
        yield f"exit code {process.returncode}: {(out + err)[-500:]!r}"
    if way.said not in out + err:
        yield f"not said: {way.said}; but {(out + err)[-300:]!r}"
    if "\x1b[31mred" in out + err or "\n::error::" in out + err:
        yield "control characters or an order in its output"
