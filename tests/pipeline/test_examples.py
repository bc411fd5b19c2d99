"""The examples in the documents run as they are written, against the demo."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.demo import DemoOptions, running
from loadproof.runfile.reader import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
_LIMIT_S = 120.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The demo with a small database."""
    with running(DemoOptions(port=0, rows=2_000)) as demo:
        yield demo.base_url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the demo's own scenario in it."""
    shutil.copy(str(files("loadproof.demo") / "scenario" / "locustfile.py"), tmp_path / "locustfile.py")
    return tmp_path


def examples(document: str, word: str, url: str) -> list[str]:
    """The Python blocks of a document that hold `word`, for `url` and a few seconds, else unchanged."""
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if word in block]
    assert blocks, f"{document} has no example with {word}"
    return [block.replace("http://127.0.0.1:8000", url).replace('"30s"', '"20s"') for block in blocks]


def _python(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args], cwd=folder, text=True, capture_output=True, timeout=_LIMIT_S, check=False
    )


def test_the_example_for_python_runs(folder: Path, url: str) -> None:
    """It prints the verdict and a line for each finding, and ends with 0."""
    (example,) = examples("docs/python.md", "run_test(", url)
    done = _python(folder, "-c", example)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.startswith("PASS both requirements hold\n")
    (file,) = (folder / ".loadproof" / "runs").glob("*.db")
    assert read_run(file).facts["verdict"] == "PASS"


def test_the_example_for_pytest_runs(folder: Path, url: str) -> None:
    """As a test that passes, with an HTML report beside the run file; the README and docs/ have the same."""
    (example,) = examples("README.md", "loadproof.run(", url)
    (other,) = examples("docs/python.md", "loadproof.run(", url)
    assert ast.dump(ast.parse(example)) == ast.dump(ast.parse(other))
    (folder / "test_checkout.py").write_text(example, encoding="utf-8")
    done = _python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    (file,) = (folder / ".loadproof" / "runs").glob("*.db")
    assert "Plotly" in file.with_suffix(".html").read_text(encoding="utf-8")
