"""What MkDocs does not know: files beside docs/ are pages too, and no page loads anything from elsewhere."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
BESIDE = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *(f"examples/{path.name}" for path in (ROOT / "examples").iterdir()),
]
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")
INCLUDED = re.compile(r"^ *--8<-- \"[^\"]+\"$")
log = logging.getLogger("mkdocs.hooks.site")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what the pages link to outside of docs/; the scripts that draw its pictures are no pages."""
    for file in list(files):
        if file.src_uri.endswith(".py"):
            files.remove(file)
    for name in BESIDE:
        if (ROOT / name).is_file():
            files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """In the site the files beside docs/ stand in it, and docs/ is its root.

    A file that is shown in a page is named in the one way that is understood: a formatter of Python once
    took such a line for code, and the page showed the line.
    """
    for line in markdown.splitlines():
        if re.search(r"--8 *<", line) and not INCLUDED.match(line):
            log.warning("%s includes no file by: %s", page.file.src_uri, line)
    if page.file.src_uri in BESIDE:
        return markdown.replace("](docs/", "](")
    return markdown.replace("](../", "](")


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Warns, which ends a strict build, of what a browser would fetch from elsewhere."""
    for address in LOADED.findall(output):
        log.warning("%s loads %s", page.file.src_uri, address)
    return output
