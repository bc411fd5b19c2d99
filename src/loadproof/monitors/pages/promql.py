"""A Prometheus server, asked in PromQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from loadproof.model import Reading, Unit, Watch
from loadproof.model.values import mapping
from loadproof.monitors import MonitorError
from loadproof.monitors.pages.prometheus import series_name
from loadproof.monitors.pages.scrape import TIMEOUT_S
from loadproof.monitors.source import Source
from loadproof.safety.redact import redact_url
from loadproof.units import format_duration, parse_duration

_MOST_ROWS = 50
"""Of one query's answer; a requirement that wants more should aggregate."""
_COARSE_S = 1.0


class PromqlMonitor(Source):
    """Each query's answer is a series of the query's name; with several rows, `name{labels}` each.

    Values are stamped with the moment that the server evaluated them for; they are as old as its scrapes.
    """

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        super().__init__(watch, now)
        self._url = str(watch.settings["url"]).rstrip("/")
        queries = mapping(watch.settings.get("queries"))
        self._queries = {name: str(query) for name, query in queries.items()}
        self._client = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
        self._interval_s: float | None = None

    def open(self) -> None:
        """Raises MonitorError when there is no Prometheus, or when it cannot read a query."""
        for query in self._queries.values():
            self._ask("query", query=query)
        targets = self._ask("targets", state="active").get("activeTargets", [])
        intervals = [parse_duration(t["scrapeInterval"]) for t in targets if t.get("scrapeInterval")]
        if not intervals:
            return
        self._interval_s = max(intervals)
        if self._interval_s > _COARSE_S:
            shown = format_duration(self._interval_s)
            self.remarks.append(f"Prometheus scrapes every {shown}: it cannot show what lasts less than that")

    def read(self) -> list[Reading]:
        """One answer for each query; a query without any row is missing, never 0."""
        readings = []
        for name, query in self._queries.items():
            time_s = self._now()
            rows = _rows(self._ask("query", query=query))
            if not rows:
                self._tell(f"the query {name} has no data")
            if len(rows) > _MOST_ROWS:
                self._tell(f"the query {name} has {len(rows)} rows: {_MOST_ROWS} are kept")
            for labels, value in rows[:_MOST_ROWS]:
                series = name if len(rows) == 1 else series_name(name, labels)
                readings.append(Reading(time_s, self._source, series, value, Unit.NONE))
        if self._interval_s is not None:
            readings.append(
                Reading(self._now(), self._source, "scrape.interval", self._interval_s, Unit.SECONDS)
            )
        return readings

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _ask(self, what: str, **parameters: str) -> Any:
        shown = redact_url(self._url)
        try:
            answer = self._client.get(f"{self._url}/api/v1/{what}", params=parameters)
            content = answer.json()
        except httpx.TimeoutException:
            raise MonitorError(f"{shown} takes longer than {TIMEOUT_S:g}s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MonitorError(f"{shown} does not answer: {error or type(error).__name__}") from None
        except ValueError:
            raise MonitorError(f"{shown} is no Prometheus server: it answers {answer.status_code}") from None
        if not isinstance(content, dict) or content.get("status") != "success":
            reason = (
                content.get("error", answer.status_code) if isinstance(content, dict) else "not an object"
            )
            raise MonitorError(f"{shown} refuses: {reason}", "is the query right?")
        return content.get("data", {})


def _rows(data: Any) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each row. Raises MonitorError for answers that hold more than one moment."""
    try:
        match data["resultType"]:
            case "scalar":
                return [({}, float(data["result"][1]))]
            case "vector":
                return [(row["metric"], float(row["value"][1])) for row in data["result"]]
        raise MonitorError(f"a query answers with a {data['resultType']}", "write one with one value now")
    except (KeyError, TypeError, ValueError, IndexError):
        raise MonitorError("a query's answer cannot be read") from None
