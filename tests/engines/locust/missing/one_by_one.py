"""Prints what is switched off with no row of the wall missing, then with each alone, as JSON."""

from __future__ import annotations

import importlib
import inspect
import json
from contextlib import suppress
from typing import Any

from loadproof.engines.locust import seams

_BREAKER = importlib.import_module("sitecustomize")  # of this folder
_KNOWN = seams._difference
found = [seams.switched_off()]
for index, seam in enumerate(seams.SEAMS):
    owner: Any = seams._owner(seam.place)
    had = seam.name in vars(owner)
    value = inspect.getattr_static(owner, seam.name) if had else None
    _BREAKER._break(seams, index)
    seams.unknown.cache_clear()
    found.append(seams.switched_off())
    seams._difference = _KNOWN
    if had:
        setattr(owner, seam.name, value)
    else:
        with suppress(AttributeError):  # of a name that was only hidden nothing was set
            delattr(owner, seam.name)
print(json.dumps(found))
