"""An attribute that is made when somebody looks at it, and costs nothing before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def with_response(response: Any) -> dict[str, Any]:
    """The facts of a response's request, with the response itself.

    A dictionary that names its response is a cycle, which only the garbage collector can free: so the two
    meet when somebody asks.
    """
    facts: dict[str, Any] = response.meta
    facts["response"] = response
    return facts


class Lazy:
    """Calls `make(instance)` on the first look and leaves the result in the instance.

    Python then finds it there without asking again. `__getattr__` would do the same, but a class that has one
    loses the interpreter's quick path for all its other attributes.
    """

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._make(instance)
        return value
