"""The conductor's side of trials in one Locust: an order when it asks for one, a cut when that is due."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadproof.engines.locust.running import LocustChild
    from loadproof.engines.trials import Orders

_HOPELESS_EVERY_S: Final = 1.0
_Answer = TypeVar("_Answer")


class TrialDispatcher:
    """Gives one Locust child its orders."""

    def __init__(self, orders: Orders, child: LocustChild) -> None:
        self._orders = orders
        self._child = child
        self._playing = False
        self._problem: Exception | None = None

    def give(self) -> None:
        """The child asks for its next trial."""
        self._playing = False
        order = self._ask(self._orders.next)
        if order is None:
            self._child.send({"t": "finish"})
            return
        self._playing = True
        self._child.send({"t": "trial", **order.to_data()})

    async def cut_when_hopeless(self) -> None:
        """Look once a second whether the trial that is played has become hopeless; never returns."""
        while True:
            await asyncio.sleep(_HOPELESS_EVERY_S)
            if self._playing and self._ask(self._orders.hopeless):
                self._playing = False
                self._child.send({"t": "cut"})

    def raise_problem(self) -> None:
        """Raise what went wrong in deciding: the child was told to finish then."""
        if self._problem is not None:
            raise self._problem

    def _ask(self, question: Callable[[], _Answer]) -> _Answer | None:
        try:
            return question()
        except Exception as error:  # noqa: BLE001  # raised again by `raise_problem`, when the child has ended
            self._problem = self._problem or error
            return None
