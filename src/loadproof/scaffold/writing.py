"""Write the files of a proposal: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loadproof.errors import ConfigError, Problem, writing


def existing(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Those that exist with another content: writing them would lose something."""
    return [name for name, text in files.items() if _differs(folder / name, text)]


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Raises ConfigError for what cannot be written, before anything is where that can be known."""
    blocked = [name for name in files if not _can_hold(folder, name)]
    if blocked:
        raise ConfigError(*(Problem("cannot be written: something else is in its place", n) for n in blocked))
    for name, text in files.items():
        file = folder / name
        with writing("it", file):
            file.write_text(text, encoding="utf-8")


def ignore_runs(folder: Path) -> bool:
    """Add the folder of runs to the .gitignore of a repository; whether it was missing there.

    Raises ConfigError when that file cannot be written.
    """
    file = folder / ".gitignore"
    in_repository = any((above / ".git").exists() for above in (folder.resolve(), *folder.resolve().parents))
    if not (file.is_file() or in_repository):
        return False
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if {line.strip().strip("/") for line in text.splitlines()} & {".loadproof", ".loadproof/*"}:
            return False
        before = "" if not text or text.endswith("\n") else "\n"
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"{before}.loadproof/\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(Problem(f"cannot be written: {reason}", str(file))) from None
    return True


def _differs(file: Path, text: str) -> bool:
    if not file.exists():
        return False
    try:
        return file.read_bytes() != text.encode()
    except OSError:
        return True


def _can_hold(folder: Path, name: str) -> bool:
    """Whether the way to the file is folders, and no folder has its name."""
    file = folder / name
    if file.is_dir():
        return False
    above = file.parent
    while not above.exists():
        above = above.parent
    return above.is_dir()
