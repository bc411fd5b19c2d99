"""The guard inside Locust's process: names and addresses, by whatever call of Python's they are asked for."""

from __future__ import annotations

import json
import subprocess
import sys

ASKS = {
    "gethostbyname": "socket.gethostbyname('LOCALHOST')",
    "gethostbyname_ex": "socket.gethostbyname_ex('localhost.')",
    "getaddrinfo": "socket.getaddrinfo(b'localhost', 80)",
    "gethostbyname, not gevent's": "_socket.gethostbyname('localhost')",
    "getaddrinfo, not gevent's": "_socket.getaddrinfo('localhost', 80)",
    "a name that C looks up": "_socket.socket().connect(('localhost', 1))",
    "a datagram to a name": "datagrams.sendto(b'x', ('localhost', 9))",
    "a datagram": "datagrams.sendto(b'x', ('127.0.0.2', 9))",
    "a message": "datagrams.sendmsg([b'x'], [], 0, ('127.0.0.2', 9))",
    "a connection": "socket.create_connection(('127.0.0.2', 9))",
}
OPEN = {
    "another datagram": "datagrams.sendto(b'x', ('127.0.0.1', 9))",
    "an address": "socket.gethostbyname('127.0.0.1')",
    "any address": "socket.getaddrinfo(None, 80)",
}
PROGRAM = """
import gevent.monkey; gevent.monkey.patch_all()
import _socket, json, socket, sys
from loadproof.engines.locust.inside import guard
from loadproof.model import Policy

reasons = guard.install(Policy(production=("localhost",), production_networks=("127.0.0.2/32",)))
datagrams = socket.socket(type=socket.SOCK_DGRAM)
found = {}
for name, ask in json.loads(sys.argv[1]).items():
    try:
        eval(ask)
        found[name] = ""
    except guard.TargetRefusedError as error:
        found[name] = str(error)
print(json.dumps([found, reasons]))
"""


def test_every_way_to_ask_for_a_name_or_to_send_is_held() -> None:
    """What is refused is told once; what may be reached is."""
    argv = [sys.executable, "-c", PROGRAM, json.dumps(ASKS | OPEN)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    found, reasons = json.loads(done.stdout)
    assert [name for name in ASKS if "production" not in found[name]] == []
    assert [name for name in OPEN if found[name]] == []
    assert reasons == ["'localhost' is production", "'127.0.0.2' is an address of production"]
