"""Ctrl-C, SIGTERM and a closed terminal, at any moment: one word, exit code 130, no traceback.

While a load runs its conductor has these signals, and ends it gently. Before and after it they are here.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[signal.Signals] = []


def raise_on_signals() -> None:
    """From now on each of them is a KeyboardInterrupt; one that `nohup` had ignored stays ignored."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN or number is not signal.SIGHUP:
            signal.signal(number, _interrupt)


def end_on_signals() -> None:
    """From now on each of them ends the process at once: only Python's own end is left to do."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(130))


def say_interrupted() -> None:
    """On standard error, what ended the command; nothing where the conductor had the signal, and said so."""
    if _received:
        sys.stderr.write(f"interrupted by {_received[0].name} before it was done\n")


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _received.append(signal.Signals(number))
    raise KeyboardInterrupt
