"""Columns that are filled part by part: hours of a run are never in memory twice while they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class GrowingColumns:
    """Columns by name. A large one grows where it is: the system moves its pages, and copies nothing."""

    def __init__(self) -> None:
        self.columns: dict[str, NDArray[Any]] = {}
        """To be taken once, when nothing more is added."""

    def add(self, name: str, part: NDArray[Any]) -> None:
        """The values of `part` behind those that the column has, in a type that holds both."""
        column = self.columns.get(name)
        if column is None:
            self.columns[name] = part.copy()
            return
        kind = np.result_type(column, part)
        if kind != column.dtype:
            column = self.columns[name] = column.astype(kind)
        before = column.size
        column.resize(before + part.size, refcheck=False)
        column[before:] = part
