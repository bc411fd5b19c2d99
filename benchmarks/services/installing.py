"""What services need from the registries: installed once, and used by all runs of a benchmark."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.services.started import installed, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FOLDER: list[Path] = []


def cache() -> Path:
    """Where it is kept for the next time: outside of the sources."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loadproof-services"


@contextmanager
def install_into(folder: Path | None) -> Iterator[None]:
    """While this lasts, everything goes there; None is a folder that is gone at the end."""
    kept = folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="loadproof-services-"))
    kept.mkdir(parents=True, exist_ok=True)
    kept.chmod(0o755)
    _FOLDER.append(kept)
    try:
        yield
    finally:
        _FOLDER.pop()
        if folder is None:
            shutil.rmtree(kept, ignore_errors=True)


def once(name: str, install: Callable[[Path], None]) -> Path:
    """The folder of that name, into which `install` has put something. Raises NotHereError."""
    ready = _FOLDER[-1] / name
    if not ready.exists():
        # Only what is complete gets the name: an interrupted one is installed again.
        making = _FOLDER[-1] / f"{name}.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        install(making)
        making.rename(ready)
    return ready


def python_packages(name: str, *packages: str) -> Path:
    """A folder with these packages from PyPI, for PYTHONPATH; their programs are in its `bin`."""
    return once(
        f"{name}-{_fingerprint(' '.join(packages))}",
        lambda folder: installed(
            sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
            "--target", str(folder / "site"), *packages, cwd=folder,
        ),
    ) / "site"  # fmt: skip


def node_packages(name: str, *packages: str) -> Path:
    """A folder with `node_modules`, for NODE_PATH."""
    return once(
        f"{name}-{_fingerprint(' '.join(packages))}",
        lambda folder: installed(
            program("npm"), "install", "--silent", "--no-audit", "--no-fund", *packages, cwd=folder
        ),
    ) / "node_modules"  # fmt: skip


def go_program(name: str, source: str, *modules: str) -> Path:
    """The program that this source is built to."""

    def build(folder: Path) -> None:
        (folder / "main.go").write_text(source)
        installed(program("go"), "mod", "init", name, cwd=folder)
        for module in modules:
            installed(program("go"), "get", module, cwd=folder)
        installed(program("go"), "build", "-o", name, ".", cwd=folder)

    return once(f"go-{name}-{_fingerprint(source)}", build) / name


def java_classes(name: str, source: str) -> Path:
    """The folder with the classes of `{name}.java`."""

    def build(folder: Path) -> None:
        (folder / f"{name}.java").write_text(source)
        installed(program("javac"), f"{name}.java", cwd=folder)

    return once(f"java-{name}-{_fingerprint(source)}", build)


def _fingerprint(source: str) -> str:
    """A source or a list of packages that has changed is built or installed again."""
    return f"{zlib.crc32(source.encode()):08x}"
