"""Arguments of a call in the form in which requests of one kind are recognised as equal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from requests.auth import HTTPBasicAuth
from requests.utils import get_environ_proxies, get_netrc_auth

from loadproof.engines.locust.session.jar import SessionHeaders


def header_key(headers: Any) -> tuple[tuple[Any, Any], ...]:
    """Return headers as a hashable tuple; TypeError for what is none (python-requests complains then)."""
    if headers is None:
        return ()
    if type(headers) is dict:
        return tuple(headers.items())
    if type(headers) is SessionHeaders:
        return headers.key or headers.items_key()
    if isinstance(headers, Mapping):
        return tuple(headers.items())
    raise TypeError("headers are no mapping")


def basic_auth(auth: Any) -> tuple[Any, Any] | None:
    """Return (user, password) of basic authentication, None for none; TypeError for any other kind."""
    if auth is None:
        return None
    if type(auth) is HTTPBasicAuth:
        return auth.username, auth.password
    if type(auth) is tuple and len(auth) == 2 and all(isinstance(part, str | bytes) for part in auth):
        return auth
    raise TypeError("not basic authentication")


def timeouts(timeout: Any) -> tuple[float | None, float | None]:
    """Return the connect and read timeouts in seconds; ValueError for what urllib3 has to judge."""
    connect, read = timeout if type(timeout) is tuple else (timeout, timeout)
    for seconds in (connect, read):
        if seconds is not None and (type(seconds) not in (int, float) or seconds <= 0):
            raise ValueError("not a plain timeout")
    return connect, read


def environment_free(url: str) -> bool:
    """Tell whether a session that trusts its environment finds nothing there for `url`."""
    if os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"):
        return False
    if get_environ_proxies(url, no_proxy=None):
        return False
    files = [os.environ["NETRC"]] if "NETRC" in os.environ else ["~/.netrc", "~/_netrc"]
    return not any(Path(file).expanduser().exists() for file in files) or get_netrc_auth(url) is None
