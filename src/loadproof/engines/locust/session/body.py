"""Bodies: what a request's becomes on the wire, and what a response's decodes to."""

from __future__ import annotations

import json as stdlib_json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import brotli  # type: ignore[import-untyped]  # it has no types
import urllib3.response
from requests import PreparedRequest, compat
from urllib3.exceptions import DecodeError

Decoders = Mapping[bytes, Callable[[bytes], bytes]]

# kinds of body: none, without a content type of its own, form, JSON
NO_BODY, RAW_BODY, FORM_BODY, JSON_BODY = range(4)

# simplejson, where that is installed.
_requests_json: Any = getattr(compat, "json", None)

# Beyond this, urllib3 decodes in pieces and SessionAdapter bounds the sum.
_QUICK_LIMIT = 8 * 2**20


def json_encoder(*, allow_nan: bool) -> Callable[[Any], str]:
    """Return `json.dumps` without its costs per call: it makes an encoder object and a C encoder each time.

    What json.dumps refuses raises ValueError, TypeError or RecursionError here (a circular object the last).
    """
    pattern = stdlib_json.JSONEncoder(allow_nan=allow_nan)
    make: Any = getattr(stdlib_json.encoder, "c_make_encoder", None)
    if make is None:  # no C accelerator in this Python
        return pattern.encode
    escape: Any = getattr(stdlib_json.encoder, "encode_basestring_ascii", None)
    encode = make(None, pattern.default, escape, None, ": ", ", ", False, False, allow_nan)
    return lambda value: "".join(encode(value, 0))


_encode_strictly = json_encoder(allow_nan=False)


class NotDecoded(Exception):  # noqa: N818  # a decision, not an error: urllib3 decodes it then
    """The coding is none that is decoded here, or the body does not hold what it says."""


class NotEncoded(Exception):  # noqa: N818  # a decision, not an error: python-requests encodes it then
    """The request's body is none that is encoded here."""


def encoded(data: Any, json: Any) -> tuple[int, Any, bytes | None]:
    """Return the kind of body, the body as `response.request.body` shows it, and its bytes (None: no body).

    Raises `NotEncoded` for what python-requests has to look at: streams, generators, objects it refuses.
    """
    if not data:
        if json is None:
            return NO_BODY, None, None
        if _requests_json is not stdlib_json:
            raise NotEncoded
        try:
            body = _encode_strictly(json).encode("ascii")
        except (ValueError, TypeError, RecursionError) as error:
            raise NotEncoded from error
        return JSON_BODY, body, body
    kind = type(data)
    if kind is str:
        return RAW_BODY, data, _utf8(data)
    if kind is bytes:
        return RAW_BODY, data, data
    if kind in (dict, list, tuple) or isinstance(data, Mapping):
        try:
            form = PreparedRequest._encode_params(data)
        except (ValueError, TypeError, AttributeError) as error:
            raise NotEncoded from error
        if not isinstance(form, str) or not form:
            raise NotEncoded
        return FORM_BODY, form, _utf8(form)
    raise NotEncoded


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotEncoded from error


def decoded(coding: bytes, body: bytes, decoders: Decoders) -> bytes:
    """Return the decoded body of a response with this coding; raise `NotDecoded` for the client's cases.

    Those are codings without a decoder, what is broken or goes on behind its end, and what decodes to more
    than 8 MB.
    """
    if coding == b"identity":
        return body
    decode = decoders.get(coding)
    if decode is None or not body:
        raise NotDecoded
    try:
        return decode(body)
    except _BROKEN as error:
        raise NotDecoded from error


def _gunzipped(body: bytes) -> bytes:
    return _inflated(body, 16 + zlib.MAX_WBITS)


def _deflated(body: bytes) -> bytes:
    """The coding is zlib's format by its definition, and bare deflate by some servers."""
    try:
        return _inflated(body, zlib.MAX_WBITS)
    except zlib.error:
        return _inflated(body, -zlib.MAX_WBITS)


def _inflated(body: bytes, wbits: int) -> bytes:
    unzip = zlib.decompressobj(wbits)
    content = unzip.decompress(body, _QUICK_LIMIT)
    if not unzip.eof or unzip.unused_data or unzip.unconsumed_tail:
        raise NotDecoded
    return content


def _unbrotlied(body: bytes) -> bytes:
    decoder = brotli.Decompressor()
    content: bytes = decoder.process(body, output_buffer_limit=_QUICK_LIMIT)
    if not decoder.is_finished():
        raise NotDecoded
    return content


def _unzstd(body: bytes) -> bytes:
    decoder: Any = _ZstdDecoder()
    content: bytes = decoder.decompress(body, max_length=_QUICK_LIMIT)
    if decoder.has_unconsumed_tail:
        raise NotDecoded
    decoder.flush()  # which refuses half a frame
    return content


DECODERS: Decoders = {b"gzip": _gunzipped, b"deflate": _deflated, b"br": _unbrotlied}
"""Of the codings that geventhttpclient knows."""
# urllib3 has it where Python does (3.14) or backports.zstd is installed, and asks for it then.
_ZstdDecoder: Any = getattr(urllib3.response, "ZstdDecoder", None)
_BROKEN = (*urllib3.HTTPResponse.DECODER_ERROR_CLASSES, brotli.error, DecodeError)
REQUESTS_DECODERS: Decoders = DECODERS if _ZstdDecoder is None else {**DECODERS, b"zstd": _unzstd}
"""Of those that python-requests knows here."""
