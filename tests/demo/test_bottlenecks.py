"""The demo's faults under a short stress profile: the resource that was made scarce is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.bottlenecks import INJECTIONS, named

if TYPE_CHECKING:
    from pathlib import Path

BY_NAME = {injection.name: injection for injection in INJECTIONS}


@pytest.mark.parametrize("name", ["pool", "lock"])
def test_the_injected_bottleneck_is_named_first(name: str, tmp_path: Path) -> None:
    """A pool of two connections, and one row that all writes share."""
    names, sentence = named(BY_NAME[name], tmp_path)
    assert names[:1] == list(BY_NAME[name].truths[:1]), sentence
