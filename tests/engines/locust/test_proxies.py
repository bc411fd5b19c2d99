"""A proxy that the scenario itself names: what it would be asked for is looked at by the target guard."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator

# In a process of its own: what the guard installs stays for ever.
CLIENTS = """
import gevent.monkey; gevent.monkey.patch_all()
import json, sys, urllib.request
from urllib.parse import urlsplit
import requests
from geventhttpclient import HTTPClient
from loadproof.engines.locust.inside import guard
from loadproof.model import Policy

guard.install(Policy(production=("prod.test",), production_networks=("127.0.0.2/32",)))
PROXY = sys.argv[1]

def by_requests(url):
    return requests.get(url, proxies={"http": PROXY}, timeout=60).status_code

def by_urllib(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": PROXY}))
    return opener.open(url, timeout=60).status

def by_fast(url):
    asked, proxy = urlsplit(url), urlsplit(PROXY)
    client = HTTPClient(asked.hostname, asked.port or 80, proxy_host=proxy.hostname, proxy_port=proxy.port)
    return client.get(asked.path).status_code

told = {}
for ask in (by_requests, by_urllib, by_fast):
    for url in sys.argv[2:]:
        try:
            told[f"{ask.__name__} {url}"] = ask(url)
        except guard.TargetRefusedError as error:
            told[f"{ask.__name__} {url}"] = str(error).removeprefix("refused by the target guard: ")
print(json.dumps(told))
"""
ASKED = {
    "http://prod.test/x": "'prod.test' is production",
    "http://2130706434/x": "'2130706434' (127.0.0.2) is an address of production",
    "http://nobody.test/x": "'nobody.test', which a proxy would be asked for, is not listed under targets",
    "http://203.0.113.7/x": "'203.0.113.7' is neither local nor listed under targets",
    "http://127.0.0.1:9/x": 200,
}


@pytest.fixture
def proxy() -> Iterator[StubServer]:
    """It answers whatever it is asked for."""
    with StubServer() as stub:
        yield stub


def test_what_a_proxy_is_asked_for_is_looked_at(proxy: StubServer) -> None:
    """By requests, urllib and the fast client: only what may be loaded reaches the proxy."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENTS, proxy.url, *ASKED],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = json.loads(done.stdout)
    clients = ("by_requests", "by_urllib", "by_fast")
    assert told == {f"{client} {url}": why for client in clients for url, why in ASKED.items()}
    assert proxy.arrived == {("GET", "http://127.0.0.1:9/x"): 3}
