"""What a proxy is asked for, by the clients of a locustfile: the target guard looks at that, too.

The shell's proxies are left out of a load. One that the scenario itself names has an address of its own,
behind which any host may lie: so the host is looked at before the proxy is asked.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import geventhttpclient.client
import requests.adapters
import requests.utils


def look_behind(refuse_host: Callable[[str], None]) -> None:
    """From now on `refuse_host` is called with each host that a proxy would be asked for.

    By python-requests, urllib or geventhttpclient; what it raises ends the request.
    """
    select = requests.utils.select_proxy

    def select_proxy(url: str, proxies: Any) -> Any:
        found = select(url, proxies)
        if found:
            refuse_host(urlsplit(url).hostname or "")
        return found

    for module in (requests.utils, requests.adapters):
        module.select_proxy = select_proxy  # type: ignore[attr-defined]

    handler: Any = urllib.request.ProxyHandler
    proxy_open = handler.proxy_open

    def open_by_proxy(self: Any, request: urllib.request.Request, *args: Any) -> Any:
        refuse_host(urlsplit(request.full_url).hostname or "")
        return proxy_open(self, request, *args)

    handler.proxy_open = open_by_proxy

    client: Any = geventhttpclient.client.HTTPClient
    begin = client.__init__

    def begin_client(self: Any, host: str, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("proxy_host"):
            refuse_host(host)
        begin(self, host, *args, **kwargs)

    client.__init__ = begin_client
