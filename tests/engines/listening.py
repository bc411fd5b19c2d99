"""A host that nobody may load: it takes what comes, by TCP and by UDP, and counts."""

from __future__ import annotations

import contextlib
import socket
import threading


class Listener:
    """TCP and UDP at one port of a loopback address; hangs up on each connection."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._tcp = socket.create_server((host, 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind((host, self.port))
        self._udp.setblocking(False)
        self._arrived = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, (peer, _) = self._tcp.accept()
            except OSError:
                return
            if peer == self._host:  # our own
                connection.close()
                return
            self._arrived += 1
            connection.close()

    def close(self) -> int:
        """How many connections and datagrams came, all of them: the queue is taken in order."""
        socket.create_connection((self._host, self.port), source_address=(self._host, 0)).close()
        self._thread.join()
        with contextlib.suppress(BlockingIOError):
            while self._udp.recv(100):
                self._arrived += 1
        self.forget()
        return self._arrived

    def forget(self) -> None:
        """Close it, whatever came; a second time does nothing."""
        self._tcp.close()
        self._udp.close()
