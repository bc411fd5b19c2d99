"""docs/monitors.md and docs/consistency.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.monitors import MONITORS
from loadproof.plan.config import load_config
from loadproof.plan.requirements import parse_requirements
from loadproof.plan.watching import CheckConfig, MonitorsConfig

if TYPE_CHECKING:
    from pydantic import BaseModel

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("file", "model"), [("monitors.md", MonitorsConfig), ("consistency.md", CheckConfig)]
)
def test_every_key_has_a_row(file: str, model: type[BaseModel]) -> None:
    """And no key that is not there has one."""
    text = (DOCS / file).read_text()
    (table,) = re.findall(r"\| key \| default \| what it is \|\n\|[-|]+\n((?:\|.*\n)+)", text)
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(model.model_fields)


def test_every_source_of_series_is_described() -> None:
    """A monitor whose series nobody knows cannot be required of."""
    text = (DOCS / "monitors.md").read_text()
    names = {"prometheus": "metrics", "node_exporter": "host"}
    for kind in MONITORS:
        assert f"| `{names.get(kind, kind)}` |" in text


@pytest.mark.parametrize("file", ["monitors.md", "consistency.md"])
def test_the_examples_are_read_without_a_complaint(file: str, tmp_path: Path) -> None:
    """What is in the docs can be copied."""
    examples = re.findall(r"```yaml\n(.*?)```", (DOCS / file).read_text(), re.DOTALL)
    assert examples
    for number, example in enumerate(examples):
        if example.startswith("resources:"):
            assert parse_requirements(example, "docs")
            continue
        path = tmp_path / f"{number}.yaml"
        path.write_text(example)
        load_config(path)
