"""The fast HTTP sessions that stand in for Locust's under unmodified locustfiles."""

from loadproof.engines.locust.session.counts import COUNTS, RequestCounts
from loadproof.engines.locust.session.install import install

__all__ = ["COUNTS", "RequestCounts", "install"]
