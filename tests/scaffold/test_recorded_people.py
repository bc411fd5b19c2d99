"""Who logged in in a recording: admin, in forms of WordPress, Wagtail, DokuWiki and Jupyter."""

from __future__ import annotations

import ast
import re
from types import SimpleNamespace
from typing import Any

import pytest

from tests.scaffold.test_recorded_forms import HERE, page, posted
from tests.scaffold.test_recording import entry, made

COOKIE = {"Set-Cookie": "sid=77; Path=/; HttpOnly"}
WIKI = (
    page(0, "GET", f"{HERE}/doku.php?do=login",
         '<form action="/doku.php"><input name="q" type="text"></form><form id="dw__login" method="post">'
         '<input type="hidden" name="do" value="login"><input name="u" type="text"><input name="p"'
         ' type="password"></form>'),
    posted(5, f"{HERE}/doku.php", "do=login&u=ada&p=W1ki-word", status=302,
           response_headers={"Location": "/doku.php?id=start", **COOKIE}),
    page(5.1, "GET", f"{HERE}/doku.php?id=start", "<h1>Start</h1>"),
)  # fmt: skip


def admin(password: str, *after: dict[str, Any]) -> str:
    """The source of a log-in as admin below /admin/, as at Django and Wagtail."""
    source, _, _ = made(
        page(0, "GET", f"{HERE}/admin/login/",
             '<input name="username"><input type="password" name="password">'),
        posted(5, f"{HERE}/admin/login/", f"username=admin&password={password}", status=302,
               response_headers={"Location": "/admin/", **COOKIE}),
        page(5.1, "GET", f"{HERE}/admin/", "<h1>Site</h1>"),
        *after,
    )  # fmt: skip
    return source


@pytest.mark.parametrize("password", ["s3cret-W0rd", "admin"])
def test_admin_in_a_path_is_no_person(password: str) -> None:
    """Another user's pages are below /admin/, too; a password has never a place in an address."""
    source = admin(
        password,
        page(9, "GET", f"{HERE}/admin/pages/", "pages"),
        page(12, "GET", f"{HERE}/api/users/admin", "who"),
        entry(15, "POST", f"{HERE}/api/invite", sent={"role": "admin", "grant_type": "password"}),
    )
    assert '"/admin/pages/"' in source
    assert "[API_PASSWORD]" not in source
    assert 'data={"username": API_USER, "password": API_PASSWORD}' in source
    assert 'ends="/admin/"' in source
    assert '{"role": "admin", "grant_type": "password"}' in source
    assert '"/api/users/admin"' in source, "what was asked for before the log-in is a place, whatever follows"


def test_admin_behind_users_is_who_logged_in() -> None:
    source, _, _ = made(
        posted(0, f"{HERE}/login", "username=admin&password=s3cret-W0rd", response_headers=COOKIE),
        page(4, "GET", f"{HERE}/api/users/admin", "who"),
    )
    assert 'f"/api/users/{API_USER}"' in source


def test_the_fields_of_a_form_are_known_by_their_kind() -> None:
    """DokuWiki calls them u and p."""
    source, _, _ = made(*WIKI)
    assert '"u": API_USER' in source
    assert '"p": API_PASSWORD' in source
    assert "W1ki-word" not in source
    assert 'NEEDS = ["API_PASSWORD", "API_USER"]' in source


def test_a_form_that_leads_to_its_own_address_has_to_lead_there() -> None:
    """A wrong password shows the form again, at the same address and with 200."""
    source, _, _ = made(*WIKI)
    assert 'ends="/doku.php", moved=True)' in source
    checked = next(
        n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "checked"
    )
    known: dict[str, Any] = {"fnmatchcase": str.__eq__, "unquote": str,
                             "urlsplit": lambda _: SimpleNamespace(path="/doku.php")}  # fmt: skip
    exec(ast.unparse(checked), known)  # noqa: S102  # made a moment ago
    said: list[str] = []
    answer = SimpleNamespace(status_code=200, url=HERE, headers={}, history=[], failure=said.append)
    assert known["checked"](answer, 200, ends="/doku.php", moved=True) is None
    assert said == ["no redirect: the form came back"]
    answer.history = ["a redirect"]
    assert known["checked"](answer, 200, ends="/doku.php", moved=True) is True


def test_a_log_in_without_a_redirect_shows_no_form_again() -> None:
    """Success and failure are both 200 at one address; a recording whose own log-in failed says so."""
    form = '<form method="post"><input name="user"><input type="password" name="pw"></form>'
    tried = posted(5, f"{HERE}/", "user=ada&pw=s3cret-W0rd", response_headers=COOKIE)
    tried["response"]["content"]["text"] = "<h1>Hello</h1>"
    source, _, notes = made(page(0, "GET", f"{HERE}/", form), tried)
    assert "checked(answer, 200, logs_in=True)" in source
    assert notes == []
    checked = next(
        n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "checked"
    )
    known: dict[str, Any] = {"re": re}
    exec(ast.unparse(checked), known)  # noqa: S102  # made a moment ago
    said: list[str] = []
    for text, good in ((form, None), ("<h1>Hello</h1>", True)):
        answer = SimpleNamespace(status_code=200, url=HERE, headers={}, text=text, failure=said.append)
        assert known["checked"](answer, 200, logs_in=True) is good
    assert said == ["the log-in form came back"]
    tried["response"]["content"]["text"] = form
    source, _, notes = made(page(0, "GET", f"{HERE}/", form), tried)
    assert notes == ["POST / logged nobody in: its form came back"]
    assert "logs_in" not in source


def test_each_round_logs_in_as_the_recording_did() -> None:
    """Who is logged in still is led past the form; who could not log in does not go on."""
    lines = [line.strip() for line in admin("s3cret-W0rd").splitlines()]
    begins = lines.index('"""GET /admin/login/"""')
    assert lines[begins + 1].startswith("self.client.cookies.clear()")
    ends = lines.index('found = checked(answer, 200, ends="/admin/")')
    assert lines[ends + 1] == "if found is None:"
    assert lines[ends + 2].startswith("self.interrupt(reschedule=False)")
    anonymous, _, _ = made(page(0, "GET", f"{HERE}/books/", "books", response_headers=COOKIE))
    assert "cookies.clear" not in anonymous, "a basket is kept"


def test_a_number_is_from_the_field_of_its_name() -> None:
    """WordPress' testcookie is 1, as the first user's number is."""
    source, _, _ = made(
        page(0, "GET", f"{HERE}/wp-login.php",
             '<form><input type="text" name="log"><input type="password" name="pwd">'
             '<input type="hidden" name="testcookie" value="1"></form>'),
        posted(5, f"{HERE}/wp-login.php", "log=ada&pwd=s3cret-W0rd&testcookie=1", status=302,
               response_headers={"Location": "/wp-admin/", **COOKIE}),
        page(5.1, "GET", f"{HERE}/wp-admin/", "<h1>Dashboard</h1>"),
        page(9, "GET", f"{HERE}/wp-admin/profile.php", '<input type="hidden" name="user_id" value="1">'),
        posted(14, f"{HERE}/wp-admin/profile.php", "first_name=Ada&pass1=&pass2=&user_id=1"),
    )  # fmt: skip
    assert '"first_name": "Ada", "pass1": "", "pass2": "", "user_id": self.user_id' in " ".join(
        source.split()
    )


def test_an_address_that_nobody_changed_is_the_users_own() -> None:
    """A profile that is saved with the address of who recorded it is refused, or worse."""
    form = '<input type="email" name="email" value="ada@example.org">'
    source, _, _ = made(
        page(0, "GET", f"{HERE}/profile", form),
        posted(5, f"{HERE}/profile", "city=Rome&email=ada%40example.org"),
        page(9, "GET", f"{HERE}/profile", form),
        posted(15, f"{HERE}/profile", "city=Oslo&email=new%40example.org"),
    )
    assert '"city": "Rome", "email": self.email' in source
    assert "ada@" not in source
    assert '"email": "new@example.org"' in source, "it was typed"


def test_a_route_in_the_query_is_the_name() -> None:
    """WordPress without pretty addresses, where each of its API's requests had one name."""
    source, _, _ = made(
        entry(0, "GET", f"{HERE}/index.php?rest_route=%2Fwp%2Fv2%2Fposts%2F37&_locale=user"),
        entry(3, "GET", f"{HERE}/index.php?rest_route=/"),
    )
    assert 'name="/index.php?rest_route=/wp/v2/posts/[id]"' in source
    assert 'name="/index.php?rest_route=/"' in source


def test_a_time_of_day_without_a_key_is_left_out() -> None:
    """Jupyter's; a short number, or one with a value, is the service's own."""
    source, _, _ = made(
        entry(0, "GET", f"{HERE}/api/me?1795961651846"),
        entry(3, "GET", f"{HERE}/api/contents?content=1&1795961651847"),
        entry(6, "GET", f"{HERE}/api/items?42&4200000001=x"),
    )
    assert "17959616518" not in source
    assert 'params={"content": "1"}' in source
    assert '{"42": "", "4200000001": "x"}' in source


def test_what_the_service_called_it_is_read_by_that_name() -> None:
    """Jupyter's second notebook is Untitled1.ipynb; what was sent as a name stays what it is."""
    source, _, _ = made(
        entry(0, "POST", f"{HERE}/api/contents", sent={"type": "notebook"}, status=201,
              answer={"name": "Untitled.ipynb", "type": "notebook"}),
        entry(3, "GET", f"{HERE}/api/contents/Untitled.ipynb"),
        entry(6, "POST", f"{HERE}/api/labels", sent={"name": "red"}, status=201, answer={"name": "red"}),
        entry(9, "GET", f"{HERE}/api/labels/red"),
        entry(12, "GET", f"{HERE}/api/notebook"),
    )  # fmt: skip
    assert 'f"/api/contents/{self.name}"' in source
    assert 'name="/api/contents/[name]"' in source
    assert '"/api/labels/red"' in source
    assert '"/api/notebook"' in source


def test_the_name_of_a_setting_is_no_secret() -> None:
    """phpMyAdmin asks for its settings by key; a key that is no word stays out of the file."""
    source, _, _ = made(
        posted(0, f"{HERE}/index.php?route=/config/get&_nocache=1795963544086102495", "key=NavigationWidth"),
        posted(3, f"{HERE}/index.php?route=/config/get", "key=k-123456789abc"),
    )
    assert '"key": "NavigationWidth"' in source
    assert '"key": API_KEY' in source
    assert "k-123456789abc" not in source
    assert "_nocache" not in source
