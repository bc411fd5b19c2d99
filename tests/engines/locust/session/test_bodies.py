"""Bodies that are decoded and parsed on the short way are what the other client makes of them."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

import orjson
import pytest
import urllib3.response
from hypothesis import example, given
from hypothesis import strategies as st

from loadproof.engines.locust.session.body import DECODERS, REQUESTS_DECODERS, NotDecoded, decoded
from loadproof.engines.locust.session.quick_json import NOT_QUICK, quick_json

_JSONS_OWN = re.compile(rb"[0-9]{18}|-0(?![.0-9])").search


@given(st.binary(max_size=40) | st.from_regex(rb"[\[\]0-9.,-]{1,60}", fullmatch=True))
@example(b"[-0]")
@example(b"[-0.0]")
@example(b"[-01]")
@example(b"[12345678901234567]")
@example(b"[123456789012345678]")
@example(b'{"at": "2026-05-01", "n": -0}')
def test_json_decides_about_long_integers_and_minus_zero(body: bytes) -> None:
    value = quick_json(body)
    if not body or _JSONS_OWN(body):
        assert value is NOT_QUICK
    elif value is not NOT_QUICK:
        assert orjson.dumps(value) == orjson.dumps(json.loads(body))


@pytest.mark.skipif(
    not hasattr(urllib3.response, "ZstdDecoder"), reason="neither Python 3.14 nor backports.zstd is here"
)
def test_zstd_is_decoded_where_python_requests_knows_it() -> None:
    zstd: Any = importlib.import_module(vars(urllib3.response)["zstd"].__name__)
    body = zstd.compress(b"squeezed " * 1000)
    assert decoded(b"zstd", body, REQUESTS_DECODERS) == b"squeezed " * 1000
    assert decoded(b"zstd", body + body, REQUESTS_DECODERS) == b"squeezed " * 2000
    for wrong in (body[:-3], body + b"rubbish", b"plain", zstd.compress(bytes(10_000_000)), b""):
        with pytest.raises(NotDecoded):
            decoded(b"zstd", wrong, REQUESTS_DECODERS)
    assert b"zstd" not in DECODERS, "geventhttpclient refuses it"
