"""Sleeping until an exact moment inside gevent's loop.

libev rounds a timer up to whole milliseconds of epoll_wait: measured here, `gevent.sleep` to a deadline wakes
0.6 ms late at the median, which would be half of a fast service's response time in the open model. A Linux
timerfd wakes the loop as any other file descriptor does, about 0.1 ms late.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

import gevent
from gevent.hub import get_hub

_CLOCK_MONOTONIC = 1  # the clock of time.monotonic on Linux
_TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1
_NANOSECONDS = 1_000_000_000


class _ItimerSpec(ctypes.Structure):
    """struct itimerspec: the interval (0: once), then the moment."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class Alarm(Protocol):
    """One greenlet's alarm clock."""

    def sleep_until(self, deadline_s: float, /) -> None:
        """Let others run until `deadline_s` of time.monotonic is over; may wake a little early."""

    def close(self) -> None:
        """Give back what it holds."""


class TimerAlarm:
    """gevent's own timer: everywhere, late by up to a millisecond."""

    def sleep_until(self, deadline_s: float) -> None:
        gevent.sleep(max(0.0, deadline_s - time.monotonic()))

    def close(self) -> None:
        """Holds nothing."""


class TimerFdAlarm:
    """Linux: a timerfd in the loop."""

    def __init__(self, fd: int, settime: Callable[..., int]) -> None:
        self._fd = fd
        self._settime = settime
        self._hub = get_hub()
        self._watcher = self._hub.loop.io(fd, 1)

    def sleep_until(self, deadline_s: float) -> None:
        # A value of zero would disarm it.
        moment_ns = max(1, int(deadline_s * _NANOSECONDS))
        spec = _ItimerSpec(0, 0, moment_ns // _NANOSECONDS, moment_ns % _NANOSECONDS)
        if self._settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._hub.wait(self._watcher)
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # woken without being due

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        os.close(self._fd)


def make_alarm() -> Alarm:
    """The most exact alarm that this platform has."""
    if sys.platform != "linux":
        return TimerAlarm()
    library = ctypes.CDLL(None, use_errno=True)
    try:
        fd: int = library.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
    except AttributeError:
        return TimerAlarm()  # a C library without it
    return TimerFdAlarm(fd, library.timerfd_settime) if fd >= 0 else TimerAlarm()
