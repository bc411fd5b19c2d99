"""The pipes that programs write to: nothing is lost, and a program that stalls when nobody reads does not."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from loadproof.engines.pipe import Pipe

if TYPE_CHECKING:
    from pathlib import Path

_MANY_BYTES = 16 << 20
"""Sixteen times what the kernel keeps in the widest pipe of a user."""


class _Stopped:
    """Takes nothing until it is let go, as a conductor that got SIGSTOP."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.taken = bytearray()
        self.closed = False

    def feed(self, data: bytes) -> None:
        assert self.go.wait(60)
        self.taken += data

    def close(self) -> None:
        self.closed = True


def _write(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as pipe:
        for start in range(0, len(data), 65_536):
            pipe.write(data[start : start + 65_536])


def test_a_paused_conductor_does_not_stall_the_program(tmp_path: Path) -> None:
    """JMeter would make no sample as long as its results are not read; all of them come afterwards."""
    reader = _Stopped()
    data = os.urandom(1 << 10) * (_MANY_BYTES >> 10)
    with Pipe(tmp_path / "samples", reader, gathers=True):
        writer = threading.Thread(target=_write, args=(tmp_path / "samples", data), daemon=True)
        writer.start()
        writer.join(60)
        assert not writer.is_alive()
        assert not reader.taken
        reader.go.set()
    assert bytes(reader.taken) == data
    assert reader.closed


@pytest.mark.parametrize("gathers", [False, True])
def test_what_was_written_last_is_read(tmp_path: Path, gathers: bool) -> None:
    """Also when the program is gone before anything was read."""
    reader = _Stopped()
    reader.go.set()
    with Pipe(tmp_path / "samples", reader, gathers=gathers):
        _write(tmp_path / "samples", b"one row\n")
    assert bytes(reader.taken) == b"one row\n"
    assert reader.closed


def test_a_closed_pipe_holds_who_opens_it_for_writing(tmp_path: Path) -> None:
    """So JMeter has all ready and no user yet; nothing is lost of what it writes then."""
    reader = _Stopped()
    reader.go.set()
    with Pipe(tmp_path / "samples", reader, closed=True) as pipe:
        with pytest.raises(OSError, match="No such device"):
            os.open(tmp_path / "samples", os.O_WRONLY | os.O_NONBLOCK)
        writer = threading.Thread(target=_write, args=(tmp_path / "samples", b"rows"), daemon=True)
        writer.start()
        pipe.open()
        writer.join(60)
    assert (bytes(reader.taken), reader.closed) == (b"rows", True)


def test_a_pipe_that_was_never_opened_ends(tmp_path: Path) -> None:
    """Of a load that was stopped before its moment."""
    reader = _Stopped()
    Pipe(tmp_path / "samples", reader, closed=True).finish()
    assert not reader.taken
