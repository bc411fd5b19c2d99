"""One page of metrics in Prometheus's text format: fetched within bounds, and parsed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from loadproof.monitors import MonitorError
from loadproof.plan.redact import redact_url

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

TIMEOUT_S: Final = 2.0
"""For everything together. A page that takes longer is no help in a run that is sampled once a second."""
MOST_BYTES: Final = 8 << 20
"""A page of a hundred thousand series. More would take seconds to parse."""


class Page:
    """Fetches one URL, over one connection that is kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.shown = redact_url(url)
        # No environment: a proxy set there is not for the service under test.
        self._client = httpx.Client(
            timeout=TIMEOUT_S,
            trust_env=False,
            follow_redirects=True,
            event_hooks={"request": [self._stay]},
        )

    def text(self) -> str:
        """The page. Raises MonitorError: no answer, not 200, too long, too slow."""
        deadline_s = time.monotonic() + TIMEOUT_S
        parts: list[bytes] = []
        size = 0
        headers = {"Accept": "text/plain;version=0.0.4"}
        try:
            with self._client.stream("GET", self._url, headers=headers) as answer:
                if answer.status_code != 200:
                    raise MonitorError(f"{self.shown} answers {answer.status_code}")
                for part in answer.iter_bytes(1 << 16):
                    parts.append(part)
                    size += len(part)
                    if size > MOST_BYTES:
                        raise MonitorError(f"{self.shown} is longer than {MOST_BYTES >> 20} MiB")
                    if time.monotonic() > deadline_s:
                        raise MonitorError(f"{self.shown} takes longer than {TIMEOUT_S:g}s")
        except httpx.TimeoutException:
            raise MonitorError(f"{self.shown} takes longer than {TIMEOUT_S:g}s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MonitorError(f"{self.shown} does not answer: {error or type(error).__name__}") from None
        return b"".join(parts).decode(errors="replace")

    def _stay(self, request: httpx.Request) -> None:
        """To `/metrics/` a redirect may lead, to another host not: nobody said that it may be asked."""
        if request.url.host != httpx.URL(self._url).host:
            raise MonitorError(f"{self.shown} sends its readers to {request.url.host}")

    def close(self) -> None:
        """End the connection."""
        self._client.close()


def parse_page(text: str, shown: str) -> list[Metric]:
    """The metric families of a page. Raises MonitorError when it is not one."""
    try:
        families = list(text_string_to_metric_families(text))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, UnboundLocalError) as error:
        # The parser was written for pages that are right, and says in many ways that one is not.
        raise MonitorError(f"{shown} is no page of Prometheus metrics: {str(error)[:100]}") from None
    if not any(family.samples for family in families):
        raise MonitorError(f"{shown} holds no metric")
    return families
