"""A script with its imports of URLs taken from the store: a copy in a folder of the run, not the user's file.

The copy stands in a mirror of its own folder and of those above, made of links: relative imports and `open()`
find what they find from the user's file, and lines keep their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from loadproof.engines.k6.modules import Module, Store, address_of, local_modules, specifiers
from loadproof.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Vendored:
    """What k6 is given, and how what it says of it is told of the user's files."""

    script: Path
    places: tuple[tuple[str, str], ...] = ()
    """Paths of the copy, and what they stand for."""

    def told(self, text: str) -> str:
        """A text of k6's with the user's paths in it."""
        for copy, own in self.places:
            text = text.replace(copy, own)
        return text

    def problem(self, problem: Problem) -> Problem:
        """The same of a problem."""
        return replace(
            problem, message=self.told(problem.message), where=self.told(problem.where),
            hint=self.told(problem.hint),
        )  # fmt: skip


def vendored(script: Path, folder: Path) -> Vendored:
    """The script itself where the store has none of its imports, else its copy below `folder`.

    Raises ConfigError: the store is damaged, or the copy cannot be made.
    """
    if script.suffix.lower() == ".tar":
        return Vendored(script)
    whole = script.parent.resolve() / script.name
    store = Store(script)
    modules = store.modules()
    if not modules:
        return Vendored(script)
    mirror, kept = folder / "mirror", folder / "modules"

    def in_store(url: str) -> str:
        module = modules.get(url)
        return "" if module is None else f"file://{kept}/{module.file}"

    try:
        own = {path: _rewritten(text, in_store) for path, text in local_modules(whole).items()}
        changed = {path: text for path, (text, used) in own.items() if used}
        if not changed:
            return Vendored(script)
        _write_modules(store, modules, kept, in_store)
        _mirror({whole: own[whole][0], **changed}, mirror)
    except OSError as error:
        raise ConfigError(Problem(f"cannot be copied for the run: {error.strerror}", str(script))) from error
    places = ((str(mirror), ""), (str(kept), str(store.folder.resolve())))
    return Vendored(_below(mirror, whole), places)


def _rewritten(text: str, in_store: Callable[[str], str], base: str = "") -> tuple[str, bool]:
    """The text with what the store has imported from there, and whether there was such an import."""
    parts, end = [], 0
    for begin, after, specifier in specifiers(text):
        url = address_of(specifier, base)
        # A file that a module imports from beside itself, and that the store lacks, is still on the network.
        place = (in_store(url) or (url if base else "")) if url else ""
        if place:
            parts += [text[end:begin], place]
            end = after
    return "".join([*parts, text[end:]]), bool(parts)


def _write_modules(
    store: Store, modules: Mapping[str, Module], kept: Path, in_store: Callable[[str], str]
) -> None:
    for module in modules.values():
        text = store.read(module).decode(errors="replace")
        path = kept.joinpath(*module.file.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rewritten(text, in_store, module.url)[0])


def _mirror(files: Mapping[Path, str], mirror: Path) -> None:
    """The folders of `files` up to the root, with a link for all else that is in them."""
    folders = {above for file in files for above in file.parents}
    for folder in sorted(folders):
        _below(mirror, folder).mkdir(parents=True, exist_ok=True)
        for path in _entries(folder):
            if path not in folders and path not in files:
                _below(mirror, path).symlink_to(path)
    for file, text in files.items():
        _below(mirror, file).write_text(text)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except PermissionError:
        return []  # a folder above may be closed to us: nobody could read what is in it by its name either


def _below(mirror: Path, path: Path) -> Path:
    return mirror / path.relative_to(path.anchor)
