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
    """In the site the files beside docs/ stand in it, and docs/ is its root."""
    if page.file.src_uri in BESIDE:
        return markdown.replace("](docs/", "](")
    return markdown.replace("](../", "](")


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Warns, which ends a strict build, of what a browser would fetch from elsewhere."""
    for address in LOADED.findall(output):
        log.warning("%s loads %s", page.file.src_uri, address)
    return output
