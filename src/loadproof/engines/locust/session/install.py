"""The seam: put the sessions of this package where Locust makes its own."""

from __future__ import annotations


def install() -> None:
    """Make Locust's users create the fast sessions; call it before the locustfile is imported.

    It replaces `locust.clients.HttpSession`, `locust.user.users.HttpSession` and
    `locust.contrib.fasthttp.FastHttpSession`, so that subclasses written in a locustfile inherit the fast
    sessions, too. Locust's statistics get a quicker `log_request`. Calling it again changes nothing.
    """
    import locust.clients  # noqa: PLC0415  # importing Locust patches the process: only when asked to
    import locust.contrib.fasthttp  # noqa: PLC0415  # importing Locust patches the process: only when asked to
    import locust.user.users  # noqa: PLC0415  # importing Locust patches the process: only when asked to

    from loadproof.engines.locust.session.fast_session import FastHttpSession  # noqa: PLC0415  # importing Locust patches the process: only when asked to
    from loadproof.engines.locust.session.http_session import HttpSession  # noqa: PLC0415  # importing Locust patches the process: only when asked to
    from loadproof.engines.locust.session.statistics import install_statistics  # noqa: PLC0415  # importing Locust patches the process: only when asked to

    install_statistics()
    locust.clients.HttpSession = HttpSession  # type: ignore[misc]  # that is the seam
    locust.user.users.HttpSession = HttpSession  # type: ignore[attr-defined]  # that is the seam
    locust.contrib.fasthttp.FastHttpSession = FastHttpSession  # type: ignore[misc]  # that is the seam
