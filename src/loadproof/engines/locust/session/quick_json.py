"""Parsing JSON answers with orjson where its result is json's, in a third of the time."""

from __future__ import annotations

import re
from typing import Any

import orjson

# What `quick_json` returns when json has to decide.
NOT_QUICK = object()

# orjson reads integers beyond 64 bits as floats and json reads them exactly; the two differ on "-0", too.
# All digits made zeros and looked for as bytes: a pattern of digits takes six times as long as orjson.
_AS_ZEROS = bytes(0x30 if 0x30 <= code <= 0x39 else code for code in range(256))
_MANY_DIGITS = b"0" * 18
_MINUS_ZERO = re.compile(rb"-0(?![.0-9])").search


def is_utf8(encoding: str | None) -> bool:
    """Tell whether text in this encoding is what orjson expects."""
    return encoding is not None and (encoding == "utf-8" or encoding.lower() == "utf-8")


def quick_json(body: bytes | None) -> Any:
    """Return the parsed body, or NOT_QUICK for one that json must parse or refuse."""
    if not body or _MANY_DIGITS in body.translate(_AS_ZEROS) or (b"-" in body and _MINUS_ZERO(body)):
        return NOT_QUICK
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return NOT_QUICK  # NaN, lone surrogates, bad UTF-8, bad JSON: json decides, and words the error
