"""One page of metrics in Prometheus's text format: fetched within bounds, and parsed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin

import urllib3
from prometheus_client.parser import text_string_to_metric_families
from urllib3.exceptions import HTTPError, LocationValueError
from urllib3.util import make_headers, parse_url

from loadproof.monitors import MonitorError
from loadproof.safety.redact import redact_url

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

TIMEOUT_S: Final = 2.0
"""For everything together. A page that takes longer is no help in a run that is sampled once a second."""
MOST_BYTES: Final = 8 << 20
"""A page of a hundred thousand series. More would take seconds to parse."""
_MOST_REDIRECTS = 5
_CHUNK_BYTES = 1 << 16


class ScrapedPage:
    """Fetches one URL, over one connection that is kept.

    By urllib3, for half the time of httpx: a page is read each second, on the machine under load.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.shown = redact_url(url)
        # A pool manager asks no proxy of the environment: that is not for the service under test.
        self._pool = urllib3.PoolManager(num_pools=1, timeout=TIMEOUT_S, retries=False)

    def text(self) -> str:
        """The page. Raises MonitorError: no answer, not 200, too long, too slow, sent to another host."""
        try:
            return self._read().decode(errors="replace")
        except urllib3.exceptions.TimeoutError:
            raise self._too_slow() from None
        except LocationValueError:
            raise MonitorError(f"{self.shown} is no URL of a page") from None
        except HTTPError as error:
            raise MonitorError(f"{self.shown} does not answer: {error or type(error).__name__}") from None

    def _read(self) -> bytes:
        deadline_s = time.monotonic() + TIMEOUT_S
        answer = self._ask()
        try:
            if answer.status != 200:
                raise _answered(f"{self.shown} answers {answer.status}")
            page = bytearray()
            for part in answer.stream(_CHUNK_BYTES):
                page += part
                if len(page) > MOST_BYTES:
                    raise MonitorError(f"{self.shown} is longer than {MOST_BYTES >> 20} MiB")
                if time.monotonic() > deadline_s:
                    raise self._too_slow()
        except BaseException:
            answer.close()  # with its connection: what is left unread must not be the next answer
            raise
        answer.release_conn()
        return bytes(page)

    def _ask(self) -> urllib3.BaseHTTPResponse:
        """The answer, its body unread. To `/metrics/` a redirect may lead, to another host not: nobody
        said that it may be asked.
        """
        asked = parse_url(self._url)
        url = self._url
        for _ in range(_MOST_REDIRECTS + 1):
            there = parse_url(url)
            if there.host != asked.host:
                raise MonitorError(f"{self.shown} sends its readers to {there.host}")
            same = (there.scheme, there.netloc) == (asked.scheme, asked.netloc)
            headers = make_headers(basic_auth=unquote(asked.auth) if asked.auth and same else None)
            headers["Accept"] = "text/plain;version=0.0.4"
            answer = self._pool.request("GET", url, headers=headers, preload_content=False, redirect=False)
            location = answer.get_redirect_location()
            if not location:
                return answer
            answer.close()
            url = urljoin(url, location)
        raise MonitorError(f"{self.shown} sends its readers in a circle")

    def _too_slow(self) -> MonitorError:
        return MonitorError(f"{self.shown} takes longer than {TIMEOUT_S:g}s")

    def close(self) -> None:
        """End the connection."""
        self._pool.clear()


def parse_page(text: str, shown: str) -> list[Metric]:
    """The metric families of a page. Raises MonitorError when it is not one."""
    try:
        families = list(text_string_to_metric_families(text))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, UnboundLocalError) as error:
        # The parser was written for pages that are right, and says in many ways that one is not.
        raise _answered(f"{shown} is no page of Prometheus metrics: {str(error)[:100]}") from None
    if not any(family.samples for family in families):
        raise _answered(f"{shown} holds no metric")
    return families


def _answered(message: str) -> MonitorError:
    error = MonitorError(message)
    error.answered = True
    return error
