"""Put on the Locust child's path by test_seams.py: some rows of the wall are not as known in this process.

A function is replaced by one that works as ever and takes other parameters. What is no function is hidden
from the wall's eyes only: Locust's own code needs it.
"""

from __future__ import annotations

import functools
import importlib.machinery
import inspect
import os
import sys
from typing import Any

_WALL = "loadproof.engines.locust.seams"


class _Breaker:
    """Finds the wall as ever, and breaks rows when it has been imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != _WALL:
            return None
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            for index in os.environ["MISSING_SEAM"].split(","):
                _break(module, int(index))

        spec.loader.exec_module = exec_module
        return spec


def _break(wall: Any, index: int) -> None:
    seam = wall.SEAMS[index]
    owner = wall._owner(seam.place)
    value = getattr(owner, seam.name, None)
    if seam.takes is not None and inspect.isfunction(value) and inspect.isclass(owner):
        static = isinstance(inspect.getattr_static(owner, seam.name), staticmethod)
        other = _with_other_parameters(value)
        setattr(owner, seam.name, staticmethod(other) if static else other)
        return
    difference = wall._difference
    wall._difference = lambda each: f"there is no {each}" if each is seam else difference(each)


def _with_other_parameters(function: Any) -> Any:
    @functools.wraps(function)
    def other(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    novel = inspect.Parameter("novel", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    other.__dict__["__signature__"] = inspect.Signature([novel])
    return other


if "MISSING_SEAM" in os.environ:
    sys.meta_path.insert(0, _Breaker())
