"""`loadproof check` proposes a name where an address has a value in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadproof.engines.k6.names import names_to_give as of_k6
from loadproof.engines.locust.names import names_to_give as of_locust

_USER = """from locust import HttpUser, task
class U(HttpUser):
    @task
    def t(self):
        {}
"""


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ('self.client.get(f"/loans/{loan_id}")', "/loans/{loan_id}"),
        (
            "self.client.post(f\"/loans/{loan['key']}/pay?by={self.who}\", json={})",
            "/loans/{key}/pay?by={who}",
        ),
        ('self.client.get(f"/loans/{random.randint(1, 9)}")', "/loans/{id}"),
        ('self.client.get(f"/loans/{loan_id}", name="/loans/{loan_id}")', None),
        ('self.client.get(f"{BASE}/loans")', None),
        ('self.client.get("/loans/17")', None),
        ('self.client.get(f"/loans/{loan_id}", **more)', None),
        ('self.client.request_name = "loan"; self.client.get(f"/loans/{loan_id}")', None),
    ],
)
def test_of_a_locustfile(call: str, name: str | None) -> None:
    """Only where the request has none, in any of Locust's ways."""
    found = of_locust(_USER.replace("{}", call, 1), Path("a.py"))
    if name is None:
        assert found == ()
    else:
        method = call.partition("(")[0].rpartition(".")[2].upper()
        assert found == (f'names         a.py:5: {method} has a value in its address: say name="{name}"',)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("http.get(`${BASE}/loans/${id}`);", "/loans/{id}"),
        ("http.get(`http://127.0.0.1:8000/loans/${loan.key}?q=${pick()}`);", "/loans/{key}?q={id}"),
        ("http.get(`${BASE}/loans/${id}`, { tags: { name: '/loans/{id}' } });", None),
        ("http.get(`${BASE}/loans`);", None),
        ("// http.get(`${BASE}/loans/${id}`);", None),
        ("http.get(http.url`${BASE}/loans/${id}`);", None),
    ],
)
def test_of_a_script(call: str, name: str | None) -> None:
    """The same for k6, whose names are tags."""
    found = of_k6(call, Path("a.js"))
    said = f"names         a.js:1: GET has a value in its address: say {{ tags: {{ name: '{name}' }} }}"
    assert found == (() if name is None else (said,))
