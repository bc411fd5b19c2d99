"""The seam: put the sessions of this package where Locust makes its own."""

from __future__ import annotations

from loadproof.engines.locust.seams import Feature, known


def install() -> None:
    """Make Locust's users create the fast sessions; call it before the locustfile is imported.

    It replaces `locust.clients.HttpSession`, `locust.user.users.HttpSession` and
    `locust.contrib.fasthttp.FastHttpSession`, so that subclasses written in a locustfile inherit the fast
    sessions, too. Locust's statistics get a quicker `log_request`. What the installed Locust has not as known
    (see seams.py) stays Locust's own. Calling it again changes nothing.
    """
    # Importing Locust patches the process: only when asked to.
    if known(Feature.STATISTICS):
        from loadproof.engines.locust.session.statistics import install_statistics

        install_statistics()
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
