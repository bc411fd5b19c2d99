"""The fast HTTP sessions that stand in for Locust's under unmodified locustfiles."""

from loadproof.engines.locust.session.counts import COUNTS, RequestCounts
from loadproof.engines.locust.session.install import install, install_http2

__all__ = ["COUNTS", "RequestCounts", "install", "install_http2"]
