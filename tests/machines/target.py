"""A counting server in another network namespace: prints its URL, and its counts when its input ends."""

from __future__ import annotations

import json
import sys

from tests.servers import StubServer

with StubServer(address=sys.argv[1]) as server:
    print(server.url, flush=True)
    sys.stdin.read()
    print("counts", json.dumps({path: count for (_, path), count in server.counts.items()}), flush=True)
