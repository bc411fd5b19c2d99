"""Where the redirects of a recording have to end: the same for whoever plays it."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.scaffold.test_recorded_forms import HERE, page, posted
from tests.scaffold.test_recording import entry, made


@pytest.mark.parametrize(
    ("user", "location", "ends"),
    [
        ("alice.smith", "/people/alice.smith", "/people/*"),
        ("alice.smith", "/people/alice.smith/inbox", "/people/*/inbox"),
        ("Alice+Smith", "/people/alice-smith", "/people/*"),
        ("alice%40x.example", "/~alice/", "/*/"),
        ("alice%40x.example", "/home/alice%40x.example", "/home/*"),
        ("alice.smith", "/u/@alice.smith", "/u/*"),
        ("alice.smith", "/people/all", "/people/all"),
        ("li", "/clients/list", "/clients/list"),
    ],
)
def test_where_a_log_in_ends_is_no_matter_of_who_logs_in(user: str, location: str, ends: str) -> None:
    """Whoever else is given in API_USER ends at a page of their own."""
    log_in = posted(1, f"{HERE}/login", f"user={user}&password=s3cret-W0rd", status=302,
                    response_headers={"Location": location})  # fmt: skip
    source, _, _ = made(log_in, page(1.1, "GET", f"{HERE}{location}", "<h1>Hello</h1>"))
    assert f'ends="{ends}"' in source
    assert "alice" not in source.casefold()


def test_a_log_in_that_leads_back_to_its_form_has_failed() -> None:
    """Where whoever logs in is all of the path, any path would do."""
    log_in = posted(1, f"{HERE}/login", "user=alice.smith&password=s3cret-W0rd", status=302,
                    response_headers={"Location": "/alice.smith"})  # fmt: skip
    source, _, _ = made(log_in, page(1.1, "GET", f"{HERE}/alice.smith", "<h1>Hello</h1>"))
    assert 'ends="/*", never="/login"' in source
    known: dict[str, Any] = {"fnmatchcase": fnmatchcase, "unquote": unquote, "urlsplit": urlsplit}
    checked = next(
        n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "checked"
    )
    exec(ast.unparse(checked), known)  # noqa: S102  # made a moment ago
    for path, good in (("/bob", True), ("/login", None)):
        answer = SimpleNamespace(status_code=200, url=HERE + path, headers={}, failure=lambda _: None)
        assert known["checked"](answer, 200, ends="/*", never="/login") is good, path
    edited = posted(
        1, f"{HERE}/books/7/", "title=Emma", status=302, response_headers={"Location": "/books/7/"}
    )
    source, _, _ = made(edited, page(1.1, "GET", f"{HERE}/books/7/", "<h1>Emma</h1>"))
    assert 'ends="/books/*/", moved=True)' in source


def test_where_a_form_ends_is_no_matter_of_what_an_answer_gave() -> None:
    """A name that the service made up for it, told by the answer itself or by one before it."""
    offer = entry(0, "GET", f"{HERE}/api/next", answer={"slug": "blue-whale"})
    team = posted(
        1, f"{HERE}/teams", "size=3", status=302, response_headers={"Location": "/teams/blue-whale"}
    )
    source, _, _ = made(offer, team, page(1.1, "GET", f"{HERE}/teams/blue-whale", "<h1>Team</h1>"))
    assert 'ends="/teams/*"' in source
    source, _, _ = made(team, page(1.1, "GET", f"{HERE}/teams/blue-whale", "<h1>Team</h1>"))
    assert 'ends="/teams/blue-whale"' in source
