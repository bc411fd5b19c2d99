"""Bearer tokens: signed, so that checking one costs microseconds and no query."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

#: The token that scenarios carry as a constant. It is user 1's and does not expire.
FIXED_TOKEN = "test-token"  # noqa: S105 - public, as the whole demo is
FIXED_TOKEN_USER = 1
#: A day: a soak test logs in once and runs for hours.
LIFETIME_S = 24 * 3600.0


class Tokens:
    """Issues and checks tokens of the form `user.expiry.signature`; its key lives as long as the process."""

    def __init__(self, clock: Callable[[], float] = time.time, key: bytes | None = None) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32) if key is None else key

    def issue(self, user_id: int) -> str:
        """A token for `user_id` that is good for LIFETIME_S seconds."""
        claim = f"{user_id}.{int(self._clock() + LIFETIME_S)}"
        return f"{claim}.{self._signature(claim)}"

    def user_of(self, token: str) -> int | None:
        """Whose token it is; None when it is forged, damaged or expired."""
        if token == FIXED_TOKEN:
            return FIXED_TOKEN_USER
        claim, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(claim).encode()):
            return None
        user_id, _, expiry = claim.partition(".")
        return int(user_id) if float(expiry) > self._clock() else None

    def _signature(self, claim: str) -> str:
        return hmac.new(self._key, claim.encode(), hashlib.sha256).hexdigest()
