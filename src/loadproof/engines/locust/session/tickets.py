"""TLS session resumption: a user's new connection to a host goes on with the TLS session of its last one.

Neither urllib3 nor geventhttpclient resumes; browsers and services do. A handshake that is resumed costs both
sides a third of a full one, so a load test without it overstates what reconnecting costs the service.
Sessions are never shared between users: each of them is a client of its own.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from loadproof.engines.locust.session.bounded import Bounded

if TYPE_CHECKING:
    from loadproof.engines.locust.session.target import Origin

# A load test uses one or two; a locustfile that makes a certificate file for each call must not fill memory.
_contexts: Bounded[tuple[Any, ...], Any] = Bounded(64)


class Tickets:
    """The TLS sessions of one user's connections that have ended, by where they went."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Origin, tuple[Any, Any]] = {}

    def keep(self, origin: Origin, sock: Any) -> None:
        """Remember the TLS session of `sock`, about to be closed, if it is a TLS socket."""
        if hasattr(type(sock), "session_reused") and sock.session is not None:
            self._known[origin] = (_bare(sock.context), sock.session)

    def of(self, origin: Origin, context: Any) -> Any:
        """Return the TLS session to go on with, None for none: it must have been made in this context."""
        made_in, session = self._known.get(origin, (None, None))
        return session if made_in is context else None


class ResumingContext:
    """Stands for an SSLContext; its connections to one origin go on with their last one's TLS session."""

    def __init__(self, context: Any, tickets: Tickets, origin: Origin) -> None:
        self.__dict__.update(_context=context, _tickets=tickets, _origin=origin)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._context, name, value)

    def wrap_socket(self, sock: Any, **options: Any) -> Any:
        """Shake hands (called by the HTTP client)."""
        session = self._tickets.of(self._origin, self._context)
        return self._context.wrap_socket(sock, session=session, **options)


def _bare(context: Any) -> Any:
    return context.__dict__["_context"] if type(context) is ResumingContext else context


def shared_context(cert_reqs: Any, ca_certs: str | None, ca_cert_dir: str | None) -> Any:
    """Return urllib3's context for these rules, tickets allowed, the certificates loaded once for all users.

    None when the certificates cannot be read: urllib3 has its own words for that.
    """
    try:
        files = tuple((path, Path(path).stat().st_mtime_ns) for path in (ca_certs, ca_cert_dir) if path)
        key = (cert_reqs, ca_certs, ca_cert_dir, files, os.environ.get("SSLKEYLOGFILE"))
        context = _contexts.get(key)
        if context is None:
            made = create_urllib3_context(cert_reqs=resolve_cert_reqs(cert_reqs))
            made.options &= ~ssl.OP_NO_TICKET  # urllib3's, with which most servers resume nothing in TLS 1.2
            if ca_certs or ca_cert_dir:
                made.load_verify_locations(ca_certs, ca_cert_dir)
            context = _contexts.keep(key, made)
    except OSError:
        return None
    return context
