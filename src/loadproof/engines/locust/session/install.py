"""The seam: put the sessions of this package where Locust makes its own."""

from __future__ import annotations

import functools
from typing import Any

from loadproof.engines.locust.seams import Feature, known


def install() -> None:
    """Make Locust's users create the fast sessions; call it before the locustfile is imported.

    It replaces `locust.clients.HttpSession`, `locust.user.users.HttpSession` and
    `locust.contrib.fasthttp.FastHttpSession`, so that subclasses written in a locustfile inherit the fast
    sessions, too. Locust's statistics get a quicker `log_request`, waits of no time a quicker way (turns.py).
    What the installed Locust has not as known (see seams.py) stays Locust's own. Calling it again changes
    nothing.
    """
    # Importing Locust patches the process: only when asked to.
    from loadproof.engines.locust.session import collected

    collected.install()
    if known(Feature.STATISTICS):
        from loadproof.engines.locust.session.statistics import install_statistics

        install_statistics()
    if known(Feature.SHORT_WAY):
        from loadproof.engines.locust.session import turns

        turns.install()
    if known(Feature.HTTP_SESSION):
        import locust.clients
        import locust.user.users

        from loadproof.engines.locust.session.http_session import HttpSession

        locust.clients.HttpSession = HttpSession  # type: ignore[misc]  # that is the seam
        locust.user.users.HttpSession = HttpSession  # type: ignore[attr-defined]  # that is the seam
    if known(Feature.FAST_HTTP_SESSION):
        import locust.contrib.fasthttp

        from loadproof.engines.locust.session.fast_session import FastHttpSession

        locust.contrib.fasthttp.FastHttpSession = FastHttpSession  # type: ignore[misc]  # that is the seam


def install_http2(*, everybody: bool) -> None:
    """Give each `HttpUser` with `http2 = True`, or `everybody`, a client for HTTP/2 (see http2.py)."""
    from locust import HttpUser

    begin: Any = HttpUser.__init__

    @functools.wraps(begin)
    def with_http2(user: Any, *args: Any, **kwargs: Any) -> None:
        begin(user, *args, **kwargs)
        if getattr(user, "http2", everybody):
            from loadproof.engines.locust.session.connections import Connections
            from loadproof.engines.locust.session.http2 import Http2Adapter  # h2 takes time to import

            adapter = Http2Adapter(user.client if isinstance(user.client, Connections) else None)
            user.client.mount("https://", adapter)
            user.client.mount("http://", adapter)

    HttpUser.__init__ = with_http2  # type: ignore[assignment,method-assign]  # that is the seam
