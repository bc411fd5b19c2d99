"""Where a command prints: what becomes of it decides nothing."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.cli.streams import _Lasting, _stream
from tests.demo.concurrency import wait_until

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

RUN = ("run", "locustfile.py", "-u", "4", "-r", "100", "-t", "2s", "--requirements", "pass.yaml")


def test_a_reader_that_had_enough_costs_nothing() -> None:
    """All that comes after its end is lost, without an error."""
    reading, writing = os.pipe()
    raw = _Lasting(writing)
    assert raw.write(b"heard") == 5
    os.close(reading)
    assert raw.write(b"lost") == 4
    assert raw.write(b"lost, too") == 9
    assert raw.lost is not None
    assert raw.lost.errno == errno.EPIPE
    os.close(writing)


def test_a_full_disk_costs_nothing() -> None:
    """Of the text layer neither, whose buffer is flushed at the end."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    stream = _stream(descriptor, None)
    stream.write("x" * 100_000)
    stream.flush()
    assert stream.buffer.raw.lost.errno == errno.ENOSPC  # type: ignore[attr-defined]
    os.close(descriptor)


def test_a_terminal_without_the_letters_gets_others_that_mean_the_same(tmp_path: Path) -> None:
    """The mark of a pass was a ?, that of what is not known, and 256 microseconds were 256?s."""
    file = tmp_path / "printed"
    with file.open("wb") as printed, io.TextIOWrapper(io.BytesIO(), "ascii") as before:
        stream = _stream(printed.fileno(), before)
        stream.write("✓ p95 256µs · ✗ — ? Zoë\n")
        stream.flush()
    assert file.read_text("ascii") == "+ p95 256us . x - ? Zo?\n"


def test_a_reader_that_does_not_read_is_not_waited_for() -> None:
    """The live view drops what a full pipe does not take, and goes on when there is room again."""
    reading, writing = os.pipe()
    stream = _stream(writing, None, patience_s=0.01)
    for _ in range(200):
        stream.write("x" * 4000)
        stream.flush()
    held = len(os.read(reading, 1 << 20))
    assert 0 < held < 200 * 4000
    stream.write("after")
    stream.flush()
    assert os.read(reading, 100) == b"after"
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("kind", ["closed pipe", "full", "closed"])
def test_a_broken_output_never_costs_the_verdict(kind: str, shell: Shell) -> None:
    """The exit code is the verdict's, and the report is written."""
    command = [shell.python, "-m", "loadproof", *RUN, "--target", shell.stub.url, "--json", "out/report.json"]
    with ExitStack() as opened:
        if kind == "full":
            output = opened.enter_context(Path("/dev/full").open("wb")).fileno()
        else:
            reading, output = os.pipe()
            os.close(reading)
            opened.callback(os.close, output)
        if kind == "closed":
            command = ["sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh", *command]
        done = subprocess.run(
            command,
            cwd=shell.folder,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert ("standard output could not be written" in done.stderr) == (kind == "full")
    assert '"verdict": "PASS"' in (shell.folder / "out" / "report.json").read_text()


def test_export_ends_quietly_when_its_reader_does(shell: Shell) -> None:
    """As `loadproof export ... | head` has it."""
    shell.load()  # what its verdict is, is no matter here
    command = f"{shell.python} -m loadproof export run.db --format csv | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=shell.folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("second,")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_place_that_takes_no_report_is_told_before_the_load(shell: Shell) -> None:
    """All of them at once; nothing was sent."""
    shell.write("a-file", "")
    done = shell.load("--junit", "a-file/junit.xml", "--html", ".", "--csv", "/proc/nowhere/x")
    assert done.code == 2
    assert {line.split(":")[0] for line in done.errors()} == {"a-file/junit.xml", "."}
    assert shell.stub.arrived.total() == 0


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--strict-outputs",), 1)])
def test_a_report_that_cannot_be_written_leaves_the_verdict(
    more: tuple[str, ...], code: int, shell: Shell
) -> None:
    """It is told; `--strict-outputs` makes it an exit code of its own."""
    process = shell.start(*RUN, "--target", shell.stub.url, "--junit", "out/junit.xml", *more)
    wait_until(lambda: shell.stub.arrived.total() > 10, 60)
    (shell.folder / "out").rmdir()
    shell.write("out", "no folder any more")
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, out + err
    assert "PASS" in out
    assert "out/junit.xml" in err
    assert "the verdict stands" in err


def test_a_signal_before_the_load_is_one_word(shell: Shell) -> None:
    """Exit code 130, no traceback, nothing sent, no process left."""
    shell.write("locustfile.py", "import time\nopen('importing', 'w').close()\ntime.sleep(600)\n")
    process = shell.start(*RUN, "--target", shell.stub.url)
    wait_until((shell.folder / "importing").exists, 60)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out + err == "interrupted by SIGTERM before it was done\n"


def test_an_interrupt_while_a_data_class_is_made_is_130_as_well(tmp_path: Path) -> None:
    """`python -m` would die of SIGINT at its end: Python remembers one that came in what `exec` ran."""
    (tmp_path / "interrupted.py").write_text(
        "import loadproof.cli as cli\ncli._run = lambda: exec('raise KeyboardInterrupt')\ncli.main()\n"
    )
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 130
