"""The seam: put the sessions of this package where Locust makes its own."""

from __future__ import annotations


def install() -> None:
    """Make Locust's users create the fast sessions; call it before the locustfile is imported.

    It replaces `locust.clients.HttpSession`, `locust.user.users.HttpSession` and
    `locust.contrib.fasthttp.FastHttpSession`, so that subclasses written in a locustfile inherit the fast
    sessions, too. Locust's statistics get a quicker `log_request`. Calling it again changes nothing.
    """
    import locust.clients  # importing Locust patches the process: only when asked to
    import locust.contrib.fasthttp  # importing Locust patches the process: only when asked to
    import locust.user.users  # importing Locust patches the process: only when asked to

    from loadproof.engines.locust.session.fast_session import (
        FastHttpSession,  # importing Locust patches the process: only when asked to
    )
    from loadproof.engines.locust.session.http_session import (
        HttpSession,  # importing Locust patches the process: only when asked to
    )
    from loadproof.engines.locust.session.statistics import (
        install_statistics,  # importing Locust patches the process: only when asked to
    )

    install_statistics()
    locust.clients.HttpSession = HttpSession  # type: ignore[misc]  # that is the seam
    locust.user.users.HttpSession = HttpSession  # type: ignore[attr-defined]  # that is the seam
    locust.contrib.fasthttp.FastHttpSession = FastHttpSession  # type: ignore[misc]  # that is the seam
