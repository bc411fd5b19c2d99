"""A description becomes a locustfile: what its oddities become."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from loadproof.errors import ConfigError
from loadproof.scaffold.openapi.description import Description
from loadproof.scaffold.openapi.locustfile import locustfile_of
from loadproof.scaffold.openapi.values import SchemaValues

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"


def described(paths: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths, **more}


def post(schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"requestBody": {"content": {kind: {"schema": schema}}}, "responses": {"201": {}}}


def source_of(document: dict[str, Any]) -> str:
    source, _, _ = locustfile_of(document, "api.json")
    return source


@pytest.mark.parametrize(
    ("schema", "expression"),
    [
        ({"const": "x"}, '"x"'),
        ({"enum": ["a", "b", None]}, 'random.choice(["a", "b"])'),
        ({"type": "string", "examples": ["one"]}, '"one"'),
        ({"type": "string", "example": 'it\'s "x"'}, repr('it\'s "x"')),
        ({"type": ["integer", "null"], "minimum": 3, "maximum": 9}, "random.randint(3, 9)"),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": 5}, "random.randint(1, 5)"),
        ({"type": "integer", "exclusiveMaximum": 10}, "random.randint(1, 9)"),
        ({"type": "integer", "maximum": -5}, "random.randint(-1005, -5)"),
        ({"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, "random.randint(1, 1000)"),
        ({"type": "integer", "multipleOf": 5, "minimum": 7, "maximum": 20}, "random.randrange(10, 21, 5)"),
        ({"type": "number", "minimum": -1e6, "maximum": 1e6}, "round(random.uniform(1, 1000), 2)"),
        ({"type": "boolean"}, "random.choice([True, False])"),
        ({"type": "string", "format": "uuid"}, "str(uuid.uuid4())"),
        ({"type": "string", "format": "date"}, "date.today().isoformat()"),
        ({"type": "string", "maxLength": 3}, '"abc"'),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2},
         "[random.choice([True, False]) for _ in range(2)]"),
        ({"oneOf": [{"type": "null"}, {"type": "integer", "maximum": 1, "minimum": 1}]}, "1"),
        ({"allOf": [{"$ref": "#/components/schemas/Base"},
                    {"properties": {"b": {"const": 2}}, "required": ["b"]}]},
         '{"a": 1, "b": 2}'),
        ({"type": "object", "properties": {"x": {"type": "integer"}, "id": {"readOnly": True}}}, "{}"),
        ({}, 'f"text {random.randint(100, 9999)}"'),
    ],
)  # fmt: skip
def test_a_schema_becomes_a_value(schema: dict[str, Any], expression: str) -> None:
    """What the description offers comes first, then type, format and bounds."""
    base = {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}}
    values = SchemaValues(Description(described({}, components={"schemas": {"Base": base}})))
    assert values.expression(schema) == expression
    ast.parse(expression)


LOANS = {
    "/loans": {"get": {"responses": {"200": {}}}, "post": post({"type": "object"})},
    "/loans/{loanId}": {"get": {"responses": {"200": {}}}, "delete": {"responses": {"204": {}}}},
}


def test_ids_come_from_lists_and_changes_touch_only_what_the_user_made() -> None:
    """A detail is asked for by an id of the list; what is deleted was created by the same user."""
    source = source_of(described(LOANS))
    assert "loan_id = self.some(self.loan_ids, self.get_loans)" in source
    assert "loan_id = self.some(self.own_loan_ids, self.post_loans)" in source
    assert "self.own_loan_ids.remove(loan_id)" in source
    assert 'name="/loans/[loanId]"' in source


def test_what_would_change_things_of_others_is_left_out() -> None:
    """Without a POST that makes one, no PUT, no DELETE and no action on one."""
    paths = {**LOANS, "/users/{id}": {"delete": {}}, "/users/{id}/block": {"post": {}}, "/users": {"get": {}}}
    source, _, notes = locustfile_of(described(paths), "api.json")
    assert [note for note in notes if "did not make: left out" in note] == [
        "DELETE /users/{id} would change what this test did not make: left out",
        "POST /users/{id}/block would change what this test did not make: left out",
    ]
    assert "# NOTE: DELETE /users/{id}" in source
    assert "/users/{" not in source.replace("# NOTE", "").split("class ApiUser")[1]


ALL = [
    ("delete", "/loans", "a collection of everybody's"),
    ("patch", "/loans", "all of a collection"),
    ("put", "/settings", "what the service is set to"),
    ("delete", "/cache", "what others wait for"),
    ("delete", "/users/me", "the user that goes on loading"),
    ("post", "/admin/reset", "all that others made"),
    ("post", "/loans/purge", "the same"),
    ("post", "/loans:bulkDelete", "the same, as Google writes it"),
    ("post", "/deleteAll", "the same, in one word"),
    ("post", "/reset-password", "who can log in"),
]


@pytest.mark.parametrize(("method", "path", "why"), ALL, ids=[f"{row[0]} {row[1]}" for row in ALL])
def test_what_touches_everything_is_left_out(method: str, path: str, why: str) -> None:
    """Without an id it changes what the test did not make, in each of its rounds."""
    listed = {"get": {"responses": {"200": {}}}, "post": post({"type": "object"})}
    paths = {"/loans": listed, path: {**(listed if path == "/loans" else {}), method: {"responses": {}}}}
    source, _, notes = locustfile_of(described(paths), "api.json")
    assert f"{method.upper()} {path} would change what this test did not make: left out" in notes, why
    assert f"self.client.{method}({path!r}".replace("'", '"') not in source


@pytest.mark.parametrize(
    ("method", "path"),
    [("put", "/users/me/profile"), ("patch", "/me"), ("post", "/resets"), ("post", "/orders")],
)
def test_what_is_the_users_own_is_kept(method: str, path: str) -> None:
    """Nobody else needs it; and a POST that makes something takes nothing away."""
    source, _, notes = locustfile_of(described({path: {method: {"responses": {}}}}), "api.json")
    assert f'self.client.{method}("{path}"' in source
    assert not notes


@pytest.mark.parametrize(
    ("where", "odd"),
    [("properties", ["x"]), ("properties", 1.5), ("required", [{"a": None}]), ("required", "a"),
     ("format", {"a": None}), ("enum", "x"), ("allOf", {}), ("pattern", 5)],
)  # fmt: skip
def test_a_keyword_of_another_type_is_as_if_it_were_not_there(where: str, odd: object) -> None:
    """Tools write the oddest descriptions: no traceback, and a request all the same."""
    body = {"type": "object", "properties": {"a": {"type": "string"}}, where: odd}
    paths = {"/a": {"post": post(body)}, "/b/{ }/{'x'}": {"get": {}}}
    document = described(paths, servers=[{"url": "http://[::1"}])
    document["info"] = {"title": "\x00\ud800", "version": "1"}
    assert 'self.client.post("/a"' in source_of(document)


def test_an_operation_in_another_file_is_left_out() -> None:
    """Nobody knows what it takes."""
    paths = {"/a": {"get": {}}, "/orders": {"post": {"$ref": "orders_create.yml"}}}
    source, _, notes = locustfile_of(described(paths), "api.json")
    assert "POST /orders is described elsewhere: left out" in notes
    assert "/orders" not in source.split("class ApiUser")[1]


def test_a_field_that_is_an_id_is_taken_from_its_list() -> None:
    """product_id in a body is one of GET /products."""
    body = {"type": "object", "required": ["product_id"], "properties": {"product_id": {"type": "integer"}}}
    source = source_of(described({"/products": {"get": {}}, "/orders": {"post": post(body)}}))
    assert "product_id = self.some(self.product_ids, self.get_products)" in source
    assert 'json={"product_id": product_id}' in source


def login(password: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    fields = {"email": {"type": "string", "examples": ["a@b.c"]}, "password": {"type": "string", **password}}
    operation = post({"type": "object", "required": ["email", "password"], "properties": fields})
    operation["responses"] = {"200": {"content": {"application/json": {"schema": answer}}}}
    return described({"/auth/login": {"post": operation}, "/me": {"get": {"operationId": "whoAmI"}}})


def test_the_token_of_the_login_goes_with_every_request() -> None:
    """Each user logs in first; the login is no task of its own."""
    source = source_of(login({"example": "pw"}, {"properties": {"accessToken": {"type": "string"}}}))
    assert 'os.environ.get("API_USERS", "a@b.c")' in source
    assert 'os.environ.get("API_PASSWORD", "pw")' in source
    assert 'token = found.get("accessToken")' in source
    assert source.count("@task") == 1
    assert "def who_am_i(self):" in source


def test_a_real_secret_in_an_example_is_not_copied() -> None:
    """A token that somebody left in the description does not get into the file."""
    source = source_of(login({"example": TOKEN}, {"properties": {"token": {}}}))
    assert TOKEN not in source
    assert 'os.environ.get("API_PASSWORD", "")' in source


@pytest.mark.parametrize(
    ("scheme", "line"),
    [
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, 'self.client.headers["X-Key"] = KEY'),
        (
            {"type": "apiKey", "in": "query", "name": "key"},
            'self.client.get("/a", name="/a", params={"key": KEY}, catch_response=True)',
        ),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, 'self.client.cookies.set("sid", KEY)'),
        ({"type": "http", "scheme": "bearer"}, 'self.client.headers["Authorization"] = f"Bearer {KEY}"'),
        ({"type": "http", "scheme": "basic"}, "self.client.auth = (random.choice(USERS), PASSWORD)"),
    ],
)
def test_without_a_login_a_key_comes_from_the_environment(scheme: dict[str, Any], line: str) -> None:
    """As the first security scheme wants it."""
    source = source_of(described({"/a": {"get": {}}}, components={"securitySchemes": {"s": scheme}}))
    assert line in source


def test_odd_descriptions_are_read_and_what_is_not_is_said() -> None:
    """Recursion, references out of the file and into nothing, forms, files, patterns, logout, deprecation."""
    node = {
        "type": "object",
        "required": ["next"],
        "properties": {"next": {"$ref": "#/components/schemas/Node"}},
    }
    upload = {
        "type": "object",
        "properties": {"doc": {"type": "string", "format": "binary"}, "note": {"example": "n"}},
    }
    plate = {
        "type": "object",
        "required": ["p"],
        "properties": {"p": {"type": "string", "pattern": "^[A-Z]{3}$"}},
    }
    paths = {
        "/nodes": {"post": post({"$ref": "#/components/schemas/Node"})},
        "/far": {"post": post({"$ref": "other.yaml#/X"})},
        "/nowhere": {"post": post({"$ref": "#/components/schemas/None"})},
        "/files": {"post": post(upload, "multipart/form-data")},
        "/form": {"post": post({"properties": {"a": {"example": 1}}}, "application/x-www-form-urlencoded")},
        "/xml": {"post": post({}, "application/xml")},
        "/plates": {"post": post(plate)},
        "/logout": {"post": {}},
        "/old": {"get": {"deprecated": True}},
        "/api/v1/class": {"get": {}},
        "/x/{year}": {"get": {"parameters": [{"name": "year", "in": "path", "schema": {"type": "integer"}}]}},
    }
    document = described(
        paths, components={"schemas": {"Node": node}}, servers=[{"url": "https://h.example/base"}]
    )
    source, target, notes = locustfile_of(document, "api.json")
    assert target == "https://h.example"
    for part in (
        '"/base/form"',
        'files={"doc": ("doc.bin", b"loadproof")}',
        'data={"note": "n"}',
        "def get_base_class(",
    ):
        assert part in source
    for part in ("other.yaml", "leads nowhere", "application/xml", "must match ^[A-Z]{3}$", "logout",
                 "is deprecated",
                 "nested deeper", "9 bytes", "no list gives a 'year'"):  # fmt: skip
        assert any(part in note for note in notes), part
    assert "/old" not in source.split("class ApiUser")[1]
    assert locustfile_of(document, "api.json")[0] == source


HOSTILE = """x" + __import__("os").system("id") + '{}\\n\n\"""\u2028"""


def test_a_description_cannot_put_code_into_the_file() -> None:
    """Whatever names, paths, titles and notes are: they stay text, and the file compiles."""
    field = {"type": "string", "minLength": 1}
    body = {
        "type": "object",
        "required": [HOSTILE],
        "properties": {HOSTILE: field, "p": {"pattern": HOSTILE}},
    }
    operation = {
        "operationId": HOSTILE, "summary": HOSTILE, **post(body, HOSTILE + "json"),
        "parameters": [{"in": "header", "name": HOSTILE, "required": True}],
    }  # fmt: skip
    key = {"type": "apiKey", "in": "query", "name": HOSTILE}
    paths = {f"/{HOSTILE}/{{{HOSTILE}}}": {"get": operation}, f"/{HOSTILE}": {"post": operation}}
    document = described(paths, components={"securitySchemes": {"k": key}})
    document["info"]["title"] = HOSTILE
    tree = ast.parse(locustfile_of(document, f"{HOSTILE}.json")[0])
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert "__import__" not in names
    assert "os" in names  # the variable is read: the check above sees names


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"swagger": "2.0", "paths": {"/a": {}}}, "Swagger 2.0"),
        ([], "no OpenAPI"),
        ({"paths": {"/a": {}}}, "`openapi: 3.x` is missing"),
        ({"openapi": "3.0.0"}, "no paths"),
        ({"openapi": "3.0.0", "paths": {"/a": {"trace": {}}}}, "no operation"),
    ],
)
def test_what_is_no_description_is_refused(document: object, message: str) -> None:
    """In one sentence."""
    with pytest.raises(ConfigError, match=message):
        locustfile_of(document, "api.json")
