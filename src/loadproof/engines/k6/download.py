"""The download of modules that a script imports by URL: over https, bounded, each with its hash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from loadproof.engines.k6.modules import Module, Store, addresses, local_modules
from loadproof.errors import ConfigError, Problem
from loadproof.safety.hosts import is_loopback
from loadproof.units import format_size

MOST_BYTES: Final = 5 << 20
"""Of one module: the largest of jslib is 0.3 MiB."""
MOST_MODULES: Final = 200
_MOST_REDIRECTS: Final = 5
_TIMEOUT_S: Final = 30.0


class Download:
    """What a script needs, and what of it is still to be downloaded.

    Raises ConfigError: the script cannot be read, or a module cannot be had.
    """

    def __init__(self, script: Path, *, again: bool = False) -> None:
        """`again`: also what the store has already."""
        self.store = Store(script)
        self.needed: dict[str, None] = {}
        """The URLs, in the order in which they were found."""
        self._known = {} if again else self.store.modules()
        self._before = self.store.modules()
        self._done: set[str] = set()
        try:
            for text in local_modules(script.parent.resolve() / script.name).values():
                self._need(addresses(text))
        except OSError as error:
            raise ConfigError(Problem(f"cannot be read: {error.strerror}", str(script))) from error

    def present(self) -> Iterator[tuple[str, Module]]:
        """What the store has, as it was downloaded; what these import is needed too."""
        while found := [url for url in self.needed if url in self._known and url not in self._done]:
            for url in found:
                self._done.add(url)
                content = self.store.read(self._known[url])
                self._need(addresses(content.decode(errors="replace"), url))
                yield url, self._known[url]

    def waiting(self) -> list[str]:
        """What is to be downloaded now; what that imports comes after it."""
        return [url for url in self.needed if url not in self._done]

    def fetch(self, url: str) -> tuple[Module, bool]:
        """Download one into the store; whether it differs from what was there."""
        content = _get(url)
        try:
            module = self.store.put(url, content)
        except OSError as error:
            raise ConfigError(
                Problem(f"cannot be written: {error.strerror}", str(self.store.folder))
            ) from error
        self._done.add(url)
        self._need(addresses(content.decode(errors="replace"), url))
        before = self._before.get(url)
        return module, before is not None and before.sha256 != module.sha256

    def _need(self, urls: list[str]) -> None:
        self.needed |= dict.fromkeys(urls)
        if len(self.needed) > MOST_MODULES:
            raise ConfigError(Problem(f"more than {MOST_MODULES} modules would be needed", urls[-1]))


def _get(url: str) -> bytes:
    """The content at an address, redirects followed where each is allowed."""
    place = url
    try:
        with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
            for _ in range(_MOST_REDIRECTS + 1):
                _check(place)
                with client.stream("GET", place) as answer:
                    if answer.is_redirect:
                        place = urljoin(place, answer.headers.get("location", ""))
                        continue
                    if answer.status_code != httpx.codes.OK:
                        raise ConfigError(Problem(f"answered {answer.status_code}", place))
                    return _bounded(answer, url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        hint = "download it where there is a way to it, and copy k6-modules here"
        raise ConfigError(Problem(f"cannot be reached from here: {error}", place, hint)) from error
    raise ConfigError(Problem(f"redirects more than {_MOST_REDIRECTS} times", url))


def _bounded(answer: httpx.Response, url: str) -> bytes:
    parts, length = [], 0
    for part in answer.iter_bytes():
        parts.append(part)
        length += len(part)
        if length > MOST_BYTES:
            raise ConfigError(Problem(f"is greater than {format_size(MOST_BYTES)}: no module", url))
    return b"".join(parts)


def _check(url: str) -> None:
    """Code that will run comes over https; from this machine itself http will do."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return
    raise ConfigError(Problem("is not downloaded: only https shows where code comes from", url))
