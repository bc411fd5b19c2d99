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
        readable, writable, _ = select.select(more, [sink] if kept else [], [])
        if writable:
            sent = os.write(sink, kept[0])
            size -= sent
            kept[0] = kept[0][sent:]
            if not kept[0]:
                kept.popleft()
        if not readable:
            continue
        block = os.read(source, _BLOCK_BYTES)
        ended = not block
        if block:
            kept.append(block)
            size += len(block)
            if pause_s and len(kept) == 1 and len(block) < _BLOCK_BYTES // 4:
                time.sleep(pause_s)


if __name__ == "__main__":
    try:
        relay(0, 1, float(sys.argv[1]))
    except BrokenPipeError:
        sys.exit(1)  # the conductor is gone; whoever writes is ended by its supervisor
