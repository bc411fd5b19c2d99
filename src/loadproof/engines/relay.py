"""Passes on what a program writes, standard input to standard output, and keeps what cannot be passed on yet.

Started by `pipe.py` as `python -I -S relay.py PAUSE_S`. It is a program of its own because JMeter stalls
when nobody reads its results, and nobody does in a conductor that was paused (SIGSTOP, a debugger, Ctrl-Z):
its load would stop with it, and no elapsed time would show that.

It ends with its input, or when nobody can take what it has. Imports the standard library only.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections import deque

_BLOCK_BYTES = 1 << 18
_MOST_BYTES = 1 << 29
"""Ten minutes of 5,000 rows a second; then the program waits after all."""


def relay(source: int, sink: int, pause_s: float) -> None:
    """Until the source has ended and all is passed on. `pause_s`: between two reads of little."""
    os.set_blocking(sink, False)
    kept: deque[bytes] = deque()
    size, ended = 0, False
    while kept or not ended:
        more = [source] if not ended and size < _MOST_BYTES else []
        readable, _, _ = select.select(more, [sink] if kept else [], [])
        block = b""
        if readable:
            block = os.read(source, _BLOCK_BYTES)
            ended = not block
            if block:
                kept.append(block)
                size += len(block)
        size -= _pass_on(kept, sink)
        # What was read is passed on before the pause: a row waits for one pause at most.
        if block and not kept and len(block) < _BLOCK_BYTES // 4:
            time.sleep(pause_s)


def _pass_on(kept: deque[bytes], sink: int) -> int:
    """As much as the sink takes now; returns how many bytes."""
    passed = 0
    while kept:
        try:
            sent = os.write(sink, kept[0])
        except BlockingIOError:
            break
        passed += sent
        if sent == len(kept[0]):
            kept.popleft()
        else:
            kept[0] = kept[0][sent:]
    return passed


if __name__ == "__main__":
    try:
        relay(0, 1, float(sys.argv[1]))
    except BrokenPipeError:
        sys.exit(1)  # the conductor is gone; whoever writes is ended by its supervisor
