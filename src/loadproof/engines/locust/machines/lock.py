"""The lock between a master and its workers: only who knows the run's token is heard, nobody else can read.

It is ZeroMQ's own (CurveZMQ, RFC 26). Both sides make the master's key pair of the token. Its public half
never travels, so that to know it is to know the token: a worker without it gets no connection, and a master
without the other half cannot answer a worker.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable
from typing import Any, Final

import zmq
from locust.exception import RPCError
from locust.rpc import zmqrpc
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

from loadproof.engines.locust import seams
from loadproof.engines.locust.seams import Feature

_SALT: Final = b"loadproof: a master and its workers"
_FAILED: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
)


def install(token: str) -> None:
    """Lock every socket that this process opens to its master or its workers; "" leaves them open.

    Raises SystemExit when this Locust or this ZeroMQ cannot: an open socket is never the second choice.
    """
    if not token:
        return
    if not seams.known(Feature.LOCK):
        sys.exit(seams.switched_off()[Feature.LOCK.name])
    if not zmq.has("curve"):
        sys.exit("this ZeroMQ was built without encryption (libsodium): install pyzmq's own wheel")
    socket_of: Any = zmqrpc.BaseSocket.__init__
    if hasattr(socket_of, "locks"):
        return  # a worker, which was locked before it knew its master's settings

    def locked(self: Any, sock_type: int, *args: Any, **kwargs: Any) -> None:
        socket_of(self, sock_type, *args, **kwargs)
        public, secret = _key_pair(token)
        if sock_type == zmq.ROUTER:
            self.socket.curve_server = True
            self.socket.curve_secretkey = secret
        else:
            self.socket.curve_serverkey = public
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.curve_keypair()

    locked.locks = True  # type: ignore[attr-defined]
    zmqrpc.BaseSocket.__init__ = locked  # type: ignore[method-assign]


@functools.cache
def _key_pair(token: str) -> tuple[bytes, bytes]:
    # scrypt, because somebody who listens could try tokens: each try costs 50 ms and 16 MiB. Here once is
    # enough: Locust opens its socket anew where a connection broke, in the middle of a load.
    secret = z85.encode(hashlib.scrypt(token.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=32))
    return zmq.curve_public(secret), secret


def watch_refusals(socket: Any, refused: Callable[[], None]) -> None:
    """Call `refused` for each connection that did not have the key. Never returns; run it in a greenlet."""
    monitor = socket.get_monitor_socket(_FAILED)
    try:
        while True:
            recv_monitor_message(monitor)
            refused()
    finally:
        socket.disable_monitor()
        monitor.close(linger=0)


def only_sound(receive: Callable[[], Any], dropped: Callable[[], None]) -> Callable[[], Any]:
    """`receive`, Locust's own, which raises for what is no message of its protocol: that is dropped."""

    def received() -> Any:
        while True:
            try:
                return receive()
            except RPCError:
                raise  # the socket itself
            except Exception:  # noqa: BLE001  # whatever bytes can do to a decoder: they are nobody's message
                dropped()

    return received
