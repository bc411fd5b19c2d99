"""A server on loopback whose connections each have a thread; what it says to them is its users' business."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Self


class SocketServer:
    """Serves while it is entered. Subclasses have `serve`."""

    scheme = "http"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # it is closed already
            self._listener.shutdown(socket.SHUT_RDWR)  # a thread that waits in accept() would go on
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:  # the client went away
            self.serve(connection)

    def serve(self, connection: Any) -> None:
        """Speak with one client, until it or this returns; an OSError ends it, too."""
        raise NotImplementedError
