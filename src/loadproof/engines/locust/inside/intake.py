"""Takes each request of Locust's event: counted, timed, its failure kept, the slowest ones described.

Lives in the generator's hot path. What scenarios report by themselves may have any shape (see entry.py): it
never ends a listener, a report or a run, and what no row can be made of is counted as untold.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from locust.stats import StatsError

from loadproof.engines.exemplars import Exemplars, Row, described_response
from loadproof.engines.locust.entry import (
    LONGEST_MS,
    failure_of,
    length_bytes,
    milliseconds,
    status_of,
    text,
)
from loadproof.engines.locust.inside.failures import classify
from loadproof.engines.locust.inside.recorder import USUAL, Recorder, Tally

_TEXT_LIMIT: Final = 500


class Intake:
    """One process's."""

    def __init__(self, clock: Callable[[], float], recorder: Recorder, exemplars: Exemplars) -> None:
        self._clock = clock
        self._recorder = recorder
        self._exemplars = exemplars
        self.untold = 0
        """Requests that no row could be made of."""
        self._why: dict[str, int] = {}
        recorder.on_slow = self._describe

    def take_untold(self) -> dict[str, int]:
        """Those since the last call, by why."""
        taken, self._why = self._why, {}
        return taken

    def request(
        self,
        request_type: Any = None,
        name: Any = None,
        response_time: Any = None,
        response_length: Any = None,
        exception: Any = None,
        response: Any = None,
        **_: Any,
    ) -> None:
        """A listener of Locust's event, for every request."""
        try:
            self._take(request_type, name, response_time, response_length, failure_of(exception), response)
        except Exception as error:  # noqa: BLE001  # counted, and told: no count may depend on odd input
            self.untold += 1
            why = f"its values raised {type(error).__name__}: {text(error)}"[:_TEXT_LIMIT]
            self._why[why] = self._why.get(why, 0) + 1

    def _describe(
        self, tally: Tally, time_ms: float, length: int | None, response: Any, exception: Any = None
    ) -> None:
        described = partial(_described, tally.key, self._clock(), time_ms, length, response, exception)
        tally.floor_ms = self._exemplars.keep(tally.key, time_ms, described)

    def _take(
        self, method: Any, name: Any, time: Any, response_length: Any, exception: Any, response: Any
    ) -> None:
        time_ms = time if type(time) is float else milliseconds(time)
        length = length_bytes(response_length)
        tally = self._recorder.request(method, name, time_ms, length)
        status = status_of(response) if response is not None else 0
        if status != USUAL:
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
        if exception is not None:
            timed = time_ms is not None and 0 <= time_ms < LONGEST_MS
            self._recorder.failure(
                tally, classify(exception, max(status, 0)), _failure_text(exception), timed=timed
            )
        if time_ms is not None and time_ms >= tally.floor_ms:
            self._describe(tally, time_ms, length, response, exception)


def _failure_text(exception: Any) -> str:
    try:
        said = StatsError.parse_error(exception)
    except Exception:  # noqa: BLE001  # an exception of the scenario's own, whose words raise
        said = text(exception)
    return said[:_TEXT_LIMIT]


def _described(
    key: tuple[str, str], time_s: float, time_ms: float, length: int | None, response: Any, exception: Any
) -> Row:
    """A slow request; without its response's own facts where that is an object of the scenario's own."""
    failure = None if exception is None else _failure_text(exception)
    try:
        return described_response(key, time_s, time_ms, length, response, failure)
    except Exception:  # noqa: BLE001  # its headers and body are whatever somebody made of them
        return described_response(key, time_s, time_ms, length, None, failure)
