"""docs/command-lines.md is of the Locust and the k6 that are installed, and every flag in it is tested."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.binaries import require_k6
from tests.test_command_lines import K6, LOCUST

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """docs/command_lines.py."""
    spec = importlib.util.spec_from_file_location("command_lines", ROOT / "docs" / "command_lines.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_of_today(script: ModuleType) -> None:
    """Each flag of `locust --help` and `k6 run --help` has its row, as the script writes it."""
    require_k6()
    assert script.PAGE.read_text(encoding="utf-8") == script.page(script.locust_flags(), script.k6_flags()), (
        "make flags"
    )


def test_a_flag_without_a_row_is_an_error(script: ModuleType) -> None:
    """So that a new one of Locust's or k6's is not passed over."""
    with pytest.raises(ValueError, match="Locust differ in: --new"):
        script.page({**{flag: [flag] for flag in script.LOCUST}, "--new": ["--new"]}, {})


@pytest.mark.parametrize("tested", ["LOCUST", "K6"])
def test_every_flag_is_tested(script: ModuleType, tested: str) -> None:
    """By what the plan becomes of it, in tests/test_command_lines.py."""
    rows = getattr(script, tested)
    typed = {word.partition("=")[0] for row in {"LOCUST": LOCUST, "K6": K6}[tested] for word in row[0]}
    assert [flag for flag in rows if flag not in typed] == []


def test_the_page_says_what_differs(script: ModuleType) -> None:
    """Nobody is told "differs" or "refused" without how or why."""
    rows = {**script.LOCUST, **script.K6}
    assert {word for word, _ in rows.values()} == {"the same", "differs", "refused"}
    assert [
        flag for flag, (word, why) in rows.items() if word != "the same" and not re.search(r"\w", why)
    ] == []
