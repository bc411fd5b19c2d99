"""The fast HTTP sessions that stand in for Locust's under unmodified locustfiles."""

from loadproof.engines.locust.session.install import install
from loadproof.engines.locust.session.ledger import LEDGER, Ledger

__all__ = ["LEDGER", "Ledger", "install"]
