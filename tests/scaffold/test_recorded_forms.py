"""Forms of frameworks in a recording: their tokens come from the page before, whoever gave them out."""

from __future__ import annotations

import ast
import html
import re
from types import SimpleNamespace
from typing import Any

import pytest

from tests.scaffold.test_recording import SHOP, entry, made


def page(at_s: float, method: str, url: str, text: str = "", **more: Any) -> dict[str, Any]:
    """One exchange whose answer is a page."""
    found = entry(at_s, method, url, **{"mime": "text/html; charset=utf-8", **more})
    found["response"]["content"]["text"] = text
    return found


def posted(at_s: float, url: str, body: str, **more: Any) -> dict[str, Any]:
    """A form as a browser sends it."""
    found = page(at_s, "POST", url, **more)
    found["request"]["postData"] = {"mimeType": "application/x-www-form-urlencoded", "text": body}
    return found


HERE = "http://127.0.0.1:8000"
DJANGO_TOKEN, DJANGO_LATER = (
    "p9Kd72LmQxV0bTzN4cYhR1sWg8JfUoEa5iD3rMnC6vXlBtPuGyHkSjZq7wFeAo2I",
    "m" + "4Tq8" * 15 + "Zy1",
)
DJANGO = (
    page(0, "GET", f"{HERE}/accounts/login/?next=/books/",
         f'<form method=post><input value="{DJANGO_TOKEN}" name="csrfmiddlewaretoken" type=hidden>'
         '<input name=username><input type=password name=password></form>',
         response_headers={"Set-Cookie": "csrftoken=c00kie4Django1234567890abcdefgh; Path=/; SameSite=Lax"}),
    posted(6, f"{HERE}/accounts/login/?next=/books/",
           f"csrfmiddlewaretoken={DJANGO_TOKEN}&username=reader&password=book-W0rm-77&next=%2Fbooks%2F",
           status=302, response_headers={"Location": "/books/", "Set-Cookie": "sessionid=s3ss10nvalue0001"}),
    page(6.1, "GET", f"{HERE}/books/",
         '<a href="/books/42/">42</a>'
         f'<input type="hidden" name="csrfmiddlewaretoken" value="{DJANGO_LATER}">'),
    posted(12, f"{HERE}/books/add/", f"csrfmiddlewaretoken={DJANGO_LATER}&title=Emma&tag=old&tag=english",
           status=302, response_headers={"Location": "/books/117/"}),
    page(12.1, "GET", f"{HERE}/books/117/", "<h1>Emma</h1>"),
    entry(16, "POST", f"{HERE}/books/api/like/", sent={"book": "emma"},
          headers={"X-CSRFToken": "c00kie4Django1234567890abcdefgh"}),
)  # fmt: skip
RAILS_META = "h3Yb+Kq2/Zr8mN0pWvLx5cTtUjEo7QaGsDfIyBk1M4=="
RAILS_FORM = "Vw7n2kPz9Lq0Rj4Xy8Tb6Mc1Hd5Gs3Fa+Ue/Oi=="
RAILS = (
    page(0, "GET", f"{HERE}/session/new",
         '<meta name="csrf-param" content="authenticity_token">'
         f'<meta content="{RAILS_META}" name="csrf-token">'
         f'<form action="/session"><input type="hidden" name="authenticity_token" value="{RAILS_FORM}"'
         ' autocomplete="off"><input name="session[email]"></form>'),
    posted(5, f"{HERE}/session",
           "authenticity_token=Vw7n2kPz9Lq0Rj4Xy8Tb6Mc1Hd5Gs3Fa%2BUe%2FOi%3D%3D&session%5Bemail%5D=jo%40x.example"
           "&session%5Bpassword%5D=rail-W4y&session%5Bremember_me%5D=0&session%5Bremember_me%5D=1&commit=Log+in",
           status=302, response_headers={"Location": f"{HERE}/dashboard"}),
    page(5.1, "GET", f"{HERE}/dashboard", f'<meta name="csrf-token" content="{RAILS_META}">'),
    entry(9, "PATCH", f"{HERE}/settings.json", sent={"theme": "dark"}, headers={"X-CSRF-Token": RAILS_META}),
)  # fmt: skip
LARAVEL_TOKEN = "a8Zk3LqP0wXt7RnV5yBm2CdGh9JsUeF1oTiQ4vWr"
LARAVEL = (
    page(0, "GET", f"{HERE}/login",
         f'<meta name="csrf-token" content="{LARAVEL_TOKEN}"><input type="hidden" name="_token"'
         f' value="{LARAVEL_TOKEN}"><script>window.Laravel = {{"csrfToken":"{LARAVEL_TOKEN}"}}</script>',
         response_headers={"Set-Cookie": "XSRF-TOKEN=eyJpdiI6Ik1hMnZ4%3D%3D; path=/"}),
    posted(4, f"{HERE}/login", f"_token={LARAVEL_TOKEN}&email=jo%40x.example&password=lara-V3l&remember=on",
           status=302, response_headers={"Location": f"{HERE}/home"}),
    page(4.1, "GET", f"{HERE}/home", "<h1>Home</h1>"),
    entry(8, "POST", f"{HERE}/orders", sent={"lines": 2}, headers={"X-XSRF-TOKEN": "eyJpdiI6Ik1hMnZ4=="}),
)  # fmt: skip
WORDPRESS = (
    page(0, "GET", f"{HERE}/wp-login.php",
         f'<input name="log"><input type="hidden" name="redirect_to" value="{HERE}/wp-admin/">'
         '<input type="hidden" name="testcookie" value="1"></form>'),
    posted(5, f"{HERE}/wp-login.php",
           "log=editor&pwd=pr3ss&wp-submit=Log+In&testcookie=1"
           "&redirect_to=http%3A%2F%2F127.0.0.1%3A8000%2Fwp-admin%2F",
           status=302, response_headers={"Location": f"{HERE}/wp-admin/"}),
    page(5.1, "GET", f"{HERE}/wp-admin/",
         '<script>var heartbeatSettings = {"nonce":"1a2b3c4d5e"};\n'
         'var wpApiSettings = {"root":"http:\\/\\/127.0.0.1:8000\\/","nonce":"9f8e7d6c5b"};</script>'
         '<a href="/wp-login.php?action=logout&amp;_wpnonce=0a9b8c7d6e">out</a>'),
    posted(8, f"{HERE}/wp-admin/admin-ajax.php", "action=heartbeat&_nonce=1a2b3c4d5e&interval=60",
           mime="application/json"),
    entry(9.2, "GET", f"{HERE}/wp-json/wp/v2/posts?per_page=5&_=1735725600123",
          headers={"X-WP-Nonce": "9f8e7d6c5b"}, answer=[{"id": 31}]),
    page(12, "GET", f"{HERE}/?s=tea", "<h1>tea</h1>"),
    page(15, "GET", f"{HERE}/wp-login.php?action=logout&_wpnonce=0a9b8c7d6e", status=200),
)  # fmt: skip


def test_a_log_in_of_django() -> None:
    """The token is that of the form shown before, the header is the cookie, a redirect ends at its page."""
    source, _, notes = made(*DJANGO)
    for secret in (DJANGO_TOKEN, DJANGO_LATER, "c00kie4Django", "reader", "book-W0rm-77", "s3ss10n"):
        assert secret not in source
    assert '"csrfmiddlewaretoken": self.csrfmiddlewaretoken,' in source
    assert '"username": API_USER,\n' in source
    assert '"password": API_PASSWORD,\n' in source
    assert 'NEEDS = ["API_PASSWORD", "API_USER"]' in source
    assert 'checked(answer, 200, ends="/books/")' in source
    assert 'checked(answer, 200, ends="/books/*/", never="/books/add/")' in source
    assert '("tag", "old"),' in source
    assert '("tag", "english"),' in source
    assert '"x-csrftoken": str(self.client.cookies.get("csrftoken"))' in source
    assert '"next": "/books/"' in source
    assert notes == []


def test_a_log_in_of_rails() -> None:
    """The form's token for the form, the page's for the header; a checkbox and its hidden field are sent."""
    source, _, notes = made(*RAILS)
    for secret in (RAILS_META, RAILS_FORM, "jo@x.example", "rail-W4y"):
        assert secret not in source
    assert '("authenticity_token", self.authenticity_token)' in source
    assert '("session[email]", API_USER)' in source
    assert '("session[password]", API_PASSWORD)' in source
    assert '("session[remember_me]", "0")' in source
    assert '("session[remember_me]", "1")' in source
    assert '"x-csrf-token": str(self.csrf_token)' in source
    assert 'ends="/dashboard"' in source
    assert notes == []


def test_a_log_in_of_laravel() -> None:
    """The header is the cookie, decoded."""
    source, _, notes = made(*LARAVEL)
    for secret in (LARAVEL_TOKEN, "eyJpdiI6", "jo@x.example", "lara-V3l"):
        assert secret not in source
    assert re.search(r'"_token": self\.\w+', source)
    assert '"x-xsrf-token": unquote(self.client.cookies.get("XSRF-TOKEN") or "")' in source
    assert "from urllib.parse import unquote" in source
    assert 'ends="/home"' in source
    assert notes == []


def test_a_log_in_of_wordpress() -> None:
    """Each nonce is of its own object, the recorded host is the one that is loaded, no time in addresses."""
    source, _, notes = made(*WORDPRESS)
    for secret in ("1a2b3c4d5e", "9f8e7d6c5b", "0a9b8c7d6e", "editor", "pr3ss", "127.0.0.1", "1735725600123"):
        assert secret not in source
    assert '"log": API_USER' in source
    assert '"pwd": API_PASSWORD' in source
    assert '"redirect_to": f"{self.client.base_url}/wp-admin/"' in source
    assert 'ends="/wp-admin/"' in source
    assert re.search(r"heartbeatSettings", source)
    assert re.search(r"wpApiSettings", source)
    assert 'name="/wp-admin/admin-ajax.php?action=heartbeat"' in source
    assert 'name="/?s="' in source
    assert 'name="/wp-login.php?action=logout"' in source
    assert 'params={"per_page": "5"}' in source
    assert notes == []


@pytest.mark.parametrize(
    ("way", "tokens"),
    [
        (DJANGO, {"csrfmiddlewaretoken": DJANGO_TOKEN}),
        (RAILS, {"authenticity_token": RAILS_FORM, "csrf_token": RAILS_META}),
        (LARAVEL, {"token": LARAVEL_TOKEN}),
    ],
)
def test_the_patterns_find_what_was_recorded(way: tuple[dict[str, Any], ...], tokens: dict[str, str]) -> None:
    """On the page that the recording has, and nothing on one without it, which counts as failed."""
    source, _, _ = made(*way)
    made_by: dict[str, Any] = {}
    tree = ast.parse(source)
    body: list[ast.stmt] = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "from_page"
    ]
    known = {"re": re, "html": html, "ANY": object()}
    exec(compile(ast.Module(body, []), "from_page", "exec"), known, made_by)  # noqa: S102  # our own template
    shown = way[0]["response"]["content"]["text"]
    calls = [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "from_page"
    ]  # fmt: skip
    found = set()
    for call in calls:
        if isinstance(call.args[-1], ast.Name):
            continue  # a link's id: any of the page's
        arguments = [ast.literal_eval(argument) for argument in call.args[1:]]
        found.add(made_by["from_page"](Answer(shown), *arguments))
        empty = Answer("<html></html>")
        assert made_by["from_page"](empty, *arguments) is None
        assert empty.failed == [f"no {arguments[0]} on the page"]
    assert set(tokens.values()) <= found


class Answer:
    """As Locust gives it."""

    def __init__(self, text: str) -> None:
        self.text, self.status_code, self.failed = text, 200, list[str]()

    def failure(self, said: str) -> None:
        """Kept."""
        self.failed.append(said)


def test_a_token_that_the_recording_does_not_show_is_read_from_the_page_before() -> None:
    """Browsers leave bodies out when a recording is saved without content."""
    source, _, _ = made(
        page(0, "GET", f"{HERE}/join"),
        posted(4, f"{HERE}/join", f"csrfmiddlewaretoken={DJANGO_TOKEN}&team=blue"),
    )
    assert DJANGO_TOKEN not in source
    assert re.search(r'from_page\(\s*answer,\s*"csrfmiddlewaretoken"', source)
    source, _, notes = made(posted(4, f"{HERE}/join", f"csrfmiddlewaretoken={DJANGO_TOKEN}&team=blue"))
    assert DJANGO_TOKEN not in source
    assert '"csrfmiddlewaretoken": ""' in source
    (note,) = notes
    assert "no answer of the recording gave csrfmiddlewaretoken" in note


def test_a_page_that_the_browser_had_already_comes_whole() -> None:
    """304 is for who has it: a user of the load has nothing."""
    source, _, _ = made(entry(0, "GET", f"{SHOP}/a", status=304))
    assert "checked(answer, 200)" in source


@pytest.mark.parametrize("busted", ["?_=1735725600123", "?t=1735725600", "?cb=0.7316254", "?_=17"])
def test_cache_busters_are_left_out(busted: str) -> None:
    """They make an address new for each request, and an endpoint of each."""
    source, _, _ = made(entry(0, "GET", f"{SHOP}/news{busted}"))
    assert 'self.client.get("/news", catch_response=True)' in source


def test_what_is_no_cache_buster_stays() -> None:
    """A page's number, a short time, a year."""
    source, _, _ = made(entry(0, "GET", f"{SHOP}/news?t=12&time=2025&page=3"))
    assert 'params={"t": "12", "time": "2025", "page": "3"}' in source


def test_a_browsers_list_of_a_forms_fields_is_encoded() -> None:
    """Chrome writes "Log+in" there; what was sent is right, and a button is no person."""
    sent = posted(5, f"{HERE}/session", "user=jo&password=rail-W4y&login_button=Log+in%21", status=200)
    sent["request"]["postData"]["params"] = [
        {"name": "user", "value": "jo"},
        {"name": "password", "value": "rail-W4y"},
        {"name": "login_button", "value": "Log+in%21"},
    ]
    source, _, _ = made(page(0, "GET", f"{HERE}/session/new"), sent)
    assert '"login_button": "Log in!"' in source
    assert 'NEEDS = ["API_PASSWORD", "API_USER"]' in source


def test_a_form_with_a_file_keeps_its_token_and_its_fields() -> None:
    """Chrome lists no parts of it: they are read from what was sent, the token from the page before."""
    parts = (
        f'name="csrfmiddlewaretoken"\r\n\r\n{DJANGO_LATER}\r\n', 'name="tag"\r\n\r\nold\r\n',
        'name="tag"\r\n\r\nenglish\r\n',
        'name="scan"; filename="q1.pdf"\r\nContent-Type: application/pdf\r\n\r\n\r\n',
    )  # fmt: skip
    text = "".join(f"------WebKit7\r\nContent-Disposition: form-data; {part}" for part in parts)
    upload = posted(5, f"{HERE}/upload/", f"{text}------WebKit7--\r\n", status=200)
    upload["request"]["postData"]["mimeType"] = "multipart/form-data; boundary=----WebKit7"
    form = f'<input type=hidden name=csrfmiddlewaretoken value="{DJANGO_LATER}">'
    source, _, notes = made(page(0, "GET", f"{HERE}/upload/", form), upload)
    files = ast.unparse(ast.parse(source))
    assert "('csrfmiddlewaretoken', (None, str(self.csrfmiddlewaretoken)))" in files
    assert "('tag', (None, 'old')), ('tag', (None, 'english')), ('scan', ('scan.pdf', b'loadproof'))" in files
    assert "'Referer': f'{self.client.base_url}/'" in files
    assert "put in yours" in notes[0]


def test_a_log_in_of_keycloak() -> None:
    """What the form's own address has and what a redirect's has are good once, whatever they are called."""
    action = (
        f"{HERE}/auth/go?session_code=S3ss10nC0deXyZ123456"
        "&amp;execution=7f1c2a34-1111-4222-8333-444455556666&amp;tab_id=aBcDeF12"
    )
    code = "c0de.aaaa-bbbb-cccc-dddd.1234567890"
    source, _, _ = made(
        page(0, "GET", f"{HERE}/auth?client_id=web", f'<form id=f action="{action}" method=post></form>'),
        posted(5, html.unescape(action), "username=erin&password=p4ssw0rd!!", status=302,
               response_headers={"Location": f"{HERE}/app?state=5t4te-9f8e7d6c&code={code}"}),
        page(5.1, "GET", f"{HERE}/app?state=5t4te-9f8e7d6c&code={code}", "<h1>app</h1>"),
        posted(6, f"{HERE}/token", f"grant_type=authorization_code&code={code}", mime="application/json"),
    )  # fmt: skip
    for constant in ("7f1c2a34", "aBcDeF12", "S3ss10n", "c0de."):
        assert constant not in source
    assert 'self.code = from_address(answer, "code") if found else None' in source
    assert '"execution": self.execution' in source
    assert 'NEEDS = ["API_PASSWORD", "API_USER"]' in source


def test_a_redirect_ends_at_its_page_however_it_is_written() -> None:
    """As in `/caf%C3%A9/`: the recording and the answer are read in the same way."""
    source, _, _ = made(
        posted(0, f"{HERE}/go", "to=1", status=302, response_headers={"Location": "/caf%C3%A9/"}),
        page(0.1, "GET", f"{HERE}/caf%c3%a9/", "<h1>Here</h1>"),
    )
    said: list[str] = []
    known: dict[str, Any] = {}
    head, _, _ = source.partition("\nclass Journey")
    exec(head.replace("from locust import", "from tests.scaffold import __name__  #"), known)  # noqa: S102
    for url in ("/caf%C3%A9/", "/login"):
        answer = SimpleNamespace(status_code=200, url=f"{HERE}{url}", headers={}, failure=said.append)
        known["checked"](answer, 200, ends="/café/")
    assert 'ends="/café/"' in source
    assert said == ["ended at /login, not at /café/"]


def test_only_what_a_redirect_led_to_is_left_out() -> None:
    """The next page is another click where the redirect's own page is not in the recording."""
    source, _, _ = made(
        posted(0, f"{HERE}/comments", "comment=Nice", status=302, response_headers={"Location": "/post/#7"}),
        page(4, "GET", f"{HERE}/about", "<h1>About</h1>"),
    )
    assert 'ends="/post/"' in source
    assert 'self.client.get("/about"' in source


def test_what_a_client_makes_anew_is_made_anew() -> None:
    """A key that is the same in each request would make one order of all."""
    key = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    source, _, _ = made(
        entry(
            0, "POST", f"{HERE}/orders", sent={"sku": "x", "requestId": key}, headers={"Idempotency-Key": key}
        )
    )
    assert key not in source
    assert '"idempotency-key": str(uuid.uuid4())' in source
    assert '"requestId": str(uuid.uuid4())' in source
    assert "NEEDS" not in source


def test_a_text_has_one_set_of_headers() -> None:
    soap = posted(0, f"{HERE}/soap", "<Envelope/>", headers={"SOAPAction": "urn:Get"})
    soap["request"]["postData"]["mimeType"] = "text/xml; charset=utf-8"
    source, _, _ = made(soap)
    assert 'headers={"soapaction": "urn:Get", "Content-Type": "text/xml"}' in source
    ast.parse(source)


@pytest.mark.parametrize(
    "sent",
    [
        {"operationName": "AddTodo", "query": "mutation AddTodo { add { id } }"},
        {"query": "  mutation AddTodo($t: String!) { add(text: $t) { id } }", "variables": {"t": "x"}},
        [{"operationName": "AddTodo", "query": "mutation AddTodo { add { id } }"}],
    ],
)
def test_a_request_to_graphql_is_named_by_what_it_does(sent: object) -> None:
    source, _, _ = made(entry(0, "POST", f"{HERE}/graphql", sent=sent))
    assert 'name="/graphql?operationName=AddTodo"' in source


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        # Drupal, Moodle, Joomla (a field's name is its token), a single sign-on, a word that is a path, too.
        ("form_build_id=form-9f8e7d6c5b4a3f2e1d0c&name=zoe&pass=Z0e!pass",
         "'form_build_id': self.form_build_id"),
        ("logintoken=Zx8Cv7Bn6Mq5Wl4Kj3Hg2Fd1Sa0PoIuY&username=zoe&password=Z0e!pass",
         "'logintoken': self.logintoken"),
        ("a1b2c3d4e5f60718293a4b5c6d7e8f90=1&username=zoe&passwd=Z0e!pass", "self.form_token: '1'"),
        ("RelayState=ss:mem:9f8e7d6c5b4a&username=zoe&password=Z0e!pass", "'RelayState': self.relay_state"),
        ("task=login&username=zoe&password=Z0e!pass", "self.client.post('/login'"),
    ],
)  # fmt: skip
def test_log_ins_of_others(fields: str, wanted: str) -> None:
    """What the form has hidden is read from it again, who logs in comes from the environment."""
    name, _, value = fields.partition("&")[0].partition("=")
    source, _, _ = made(
        page(0, "GET", f"{HERE}/login", f'<input type="hidden" name="{name}" value="{value}">'),
        posted(5, f"{HERE}/login", fields, status=302, response_headers={"Location": "/home"}),
        page(5.1, "GET", f"{HERE}/home", "<h1>Home</h1>"),
    )
    assert wanted in ast.unparse(ast.parse(source))
    assert 'NEEDS = ["API_PASSWORD", "API_USER"]' in source


def test_a_token_in_json_of_an_attribute() -> None:
    """As Inertia has it: `<div data-page="{&quot;csrf_token&quot;: ...}">`."""
    token, version = "abcDEF123456ghiJKL789012mnoPQR345678stuV", "6b16b94d7c51cbe5b1fa42aac98241d5"
    shown = f"{{&quot;csrf_token&quot;:&quot;{token}&quot;,&quot;version&quot;:&quot;{version}&quot;}}"
    source, _, _ = made(
        page(0, "GET", f"{HERE}/login", f'<div id="app" data-page="{shown}"></div>'),
        entry(5, "POST", f"{HERE}/login", headers={"X-Inertia-Version": version},
              sent={"email": "a@b.example", "password": "s3cr3t-9", "_token": token}),
    )  # fmt: skip
    assert '"_token": self.csrf_token' in source
    assert '"x-inertia-version": str(self.version)' in source
    (pattern,) = re.findall(r"""'(\\\\bcsrf_token.*)',$""", source, re.MULTILINE)
    assert re.findall(ast.literal_eval(f"'{pattern}'"), f'data-page="{shown}"') == [token]
    assert 'NEEDS = ["API_PASSWORD", "API_USER"]' in source
