"""PocketBase: a Go program with SQLite inside, built by its name from the Go proxy."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, Any

from benchmarks.services.installing import once
from benchmarks.services.started import Started, free_port, installed, program, running

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

_MODULE = "github.com/pocketbase/pocketbase/examples/base@v0.36.8"
_VISIT = "/api/collections/posts/records"
_ADMIN = ("admin@example.org", "not-a-secret")
_LOG_EVERY_S = 3
"""It writes what it logs in batches, each so late at most."""


def pocketbase(stack: ExitStack, folder: Path, **environment: str) -> Started:
    """A public collection of fifty records, of which a page is read."""
    path = once("pocketbase", _built) / "pocketbase"
    data, port = folder / "pb_data", free_port()
    installed(str(path), "superuser", "create", *_ADMIN, "--dir", str(data), cwd=folder)
    pid = stack.enter_context(
        running([str(path), "serve", "--http", f"127.0.0.1:{port}", "--dir", str(data)], folder, port,
                **environment)
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    _fill(url)
    return Started(url, [pid], lambda: _logged(data), visit=_VISIT)


def _built(folder: Path) -> None:
    # `go install` takes the place from its environment only.
    installed(program("env"), f"GOBIN={folder}", program("go"), "install", _MODULE, cwd=folder)
    os.rename(folder / "base", folder / "pocketbase")  # noqa: PTH104


def _fill(url: str) -> None:
    login = {"identity": _ADMIN[0], "password": _ADMIN[1]}
    token = _post(f"{url}/api/collections/_superusers/auth-with-password", login)["token"]
    fields = [{"name": "title", "type": "text"}, {"name": "body", "type": "text"}]
    posts = {"name": "posts", "type": "base", "listRule": "", "fields": fields}
    _post(f"{url}/api/collections", posts, token)
    for number in range(50):
        _post(f"{url}{_VISIT}", {"title": f"Post {number}", "body": "words " * 50}, token)


def _post(url: str, content: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Authorization": token}
    request = urllib.request.Request(url, json.dumps(content).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
    return found


def _logged(data: Path) -> int:
    """In its own table of logs, once that no longer grows."""
    count = -1
    while True:
        with closing(sqlite3.connect(data / "auxiliary.db")) as db:
            (now,) = db.execute("SELECT count(*) FROM _logs WHERE message = ?", (f"GET {_VISIT}",)).fetchone()
        if now == count:
            return int(now)
        count = now
        time.sleep(2 * _LOG_EVERY_S)
