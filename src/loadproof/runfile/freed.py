"""Memory that is free goes back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """After work that took much for a moment: glibc else keeps what lies below what is still in use.

    A run of days would then have taken the most that each of its moments took; with other C libraries nothing
    is done.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
