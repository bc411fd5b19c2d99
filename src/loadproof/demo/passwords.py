"""Salted password hashes."""

from __future__ import annotations

import hashlib
import hmac

#: Far below what real passwords need: a login costs about 0.1 ms, so that a spike of logins measures the
#: service and not the hash. The users are seeded, their password is public.
_ITERATIONS = 100


def hash_password(password: str, salt: bytes) -> bytes:
    """PBKDF2-SHA256 of `password`, 32 bytes."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)


def password_matches(password: str, salt: bytes, expected: bytes) -> bool:
    """Whether `password` hashes to `expected`; takes the same time either way."""
    return hmac.compare_digest(hash_password(password, salt), expected)
