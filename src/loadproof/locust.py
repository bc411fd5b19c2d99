"""Loadproof's fast users for locustfiles that are run by Locust's own command line.

``from loadproof.locust import HttpUser, FastHttpUser`` gives Locust's classes over the fast sessions;
whatever else people import from `locust` is here, too. (Under ``loadproof run`` no import has to be changed.)
"""

from __future__ import annotations

import locust as _locust  # before anything else, because it patches the standard library
from locust import *  # noqa: F403  # the module stands in for `locust`
from locust import FastHttpUser as FastHttpUser  # noqa: PLC0414  # re-exported by name, for type checkers
from locust import HttpUser as HttpUser  # noqa: PLC0414  # re-exported by name, for type checkers

from loadproof.engines.locust.session import install, install_http2

install()
install_http2(everybody=False)

__all__ = [*_locust.__all__]  # noqa: PLE0604  # Locust's own list of names
