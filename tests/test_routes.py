"""Names that differ only by an id are one route; everything else stays."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter

import pytest

from loadproof.routes import FEW, MOST_NAMES, KeptNames, grouped, is_of, shape_of_text


def _routes(*names: str) -> Counter[str]:
    found = grouped(("GET", name) for name in names)
    return Counter(found.get(("GET", name), name) for name in dict.fromkeys(names))


@pytest.mark.parametrize(
    ("names", "route"),
    [
        ([f"/api/loans/{n}" for n in range(100)], "/api/loans/{id}"),
        ([f"/users/{uuid.UUID(int=n)}/cart" for n in range(9)], "/users/{uuid}/cart"),
        ([f"/o/{hashlib.sha256(str(n).encode()).hexdigest()}" for n in range(9)], "/o/{hash}"),
        # One of 43 hashes of eight digits has figures only, and is a hash like the others.
        ([f"/c/{n:07x}a" for n in range(3000, 3010)] + ["/c/00003001"], "/c/{hash}"),
        ([f"/days/2026-01-{n:02}" for n in range(1, 10)], "/days/{date}"),
        ([f"/orders/order-{n}.json?page={n}" for n in range(10)], "/orders/order-{id}.json?page={id}"),
        ([f"http://127.0.0.1:8000/loans/{n}" for n in range(9)], "http://127.0.0.1:8000/loans/{id}"),
        ([f"/numbers/{n}" for n in range(1990, 2150)], "/numbers/{id}"),
        (
            [f"/near?lat={n / 7:.4f}&lon=-{n / 3:.2f}" for n in range(1, 30)],
            "/near?lat={number}&lon={number}",
        ),
        ([f"/since?t=2026-01-{n:02}T10%3A00%3A00Z" for n in range(1, 10)], "/since?t={date}"),
        ([f"/months/2025-{n:02}" for n in range(1, 12)], "/months/{date}"),
        ([f"/loans?ids={n},{n + 1}%2C{n + 5}" for n in range(9)], "/loans?ids={ids}"),
        ([f"/cart;jsessionid={n:02}{'8E' * 15}/lines" for n in range(9)], "/cart;jsessionid={hash}/lines"),
        ([f"/v1/jobs/{n}:cancel" for n in range(9)], "/v1/jobs/{id}:cancel"),
        ([f"/Orders({n})/Lines" for n in range(9)], "/Orders({id})/Lines"),
        ([f"/static/app-{n:07x}a.min.js" for n in range(9)], "/static/app-{hash}.min.js"),
        ([f"/o/ck{n:05}x{'qz7' * 6}" for n in range(9)], "/o/{token}"),
        # One of eight random tokens has less than two figures, and is one like the others.
        ([f"/t/V1StGXR8Z5jdHiB{n}myT" for n in range(9)] + ["/t/VaStGXRbZcjdHiBcmyTx"], "/t/{token}"),
    ],
)
def test_names_that_differ_by_an_id_are_one_route(names: list[str], route: str) -> None:
    assert _routes(*names) == {route: len(names)}


@pytest.mark.parametrize(
    "names",
    [
        [f"/api/v{n}/loans" for n in range(1, 12)],
        [f"/blog/{year}/review" for year in range(2010, 2026)],
        [f"/posts/about-{word}" for word in ("ants", "bees", "cats", "dogs", "eels", "foxes", "goats")],
        ["/facade", "/decade", "/accede", "/defaced", "/effaced", "/beaded", "/deeded"],
        [f"/loans/{n}" for n in range(FEW)],
        [f"Transaction {n}" for n in range(20)],
        [f"/{n}/a{n * 'b'}" for n in range(1, 20)],
    ],
)
def test_what_is_no_id_stays(names: list[str]) -> None:
    assert _routes(*names) == dict.fromkeys(names, 1)


def test_a_place_with_few_values_is_a_part_of_the_name() -> None:
    names = [f"/tenants/{tenant}/loans/{n}" for tenant in (7, 8) for n in range(20)]
    assert _routes(*names) == {"/tenants/7/loans/{id}": 20, "/tenants/8/loans/{id}": 20}


def test_methods_are_never_merged() -> None:
    names = [(method, f"/loans/{n}") for method in ("GET", "PUT") for n in range(FEW)]
    assert grouped(names) == {}


def test_a_route_among_the_names_takes_them() -> None:
    assert _routes("/loans/{id}", "/loans/1") == {"/loans/{id}": 2}


def test_texts_of_errors() -> None:
    texts = [f"<Loan object at 0x7f{n:08x}> 404 loan {n} from port={50000 + n}" for n in range(1000, 1020)]
    found = grouped((("", text) for text in [*texts, "HTTP 500 oops", "HTTP 502 oops"]), texts=True)
    assert set(found.values()) == {"<Loan object at {address}> 404 loan {id} from port={id}"}


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("too slow: {} > 0.5", "too slow: {number} > {number}"),
        ("took {} s", "took {number}"),
        ("took {}ms from 127.0.0.1", "took {number} from 127.0.0.1"),
        ("too slow: 0:00:0{}", "too slow: {id}:{id}:{number}"),
    ],
)
def test_measured_times_are_no_part_of_an_error(text: str, shape: str) -> None:
    """`response.failure(f"too slow: {elapsed}")` is one error, whatever was measured."""
    texts = [text.format(f"{n}.{n * 7919}") for n in range(1, 9)]
    assert {shape_of_text(one) for one in texts} == {shape}
    assert len(set(grouped([("", one) for one in texts], texts=True).values())) == 1


def test_a_requirement_on_a_route_finds_its_names() -> None:
    assert is_of("GET /loans/{id}", "GET /loans/17")
    assert is_of("GET /near?lat={number}", "GET /near?lat=-1.5")
    assert is_of("GET /Orders({id})/Lines", "GET /Orders(17)/Lines")
    assert is_of("GET /t/{token}", "GET /t/VaStGXRbZcjdHiBcmyTx")
    assert not is_of("GET /loans/{id}", "GET /loans/new")
    assert not is_of("GET /loans/{id}", "PUT /loans/17")
    assert not is_of("GET /loans/17", "GET /loans/17")


def test_a_run_keeps_a_bounded_number_of_names() -> None:
    kept = KeptNames({"GET /loans/40000"})
    found = Counter(kept.name("GET", f"/loans/{n}") for n in range(41_000))
    assert found["/loans/{id}"] == 41_000 - MOST_NAMES - 1
    assert found["/loans/40000"] == 1
    again = KeptNames()  # what another process has folded
    words = Counter(again.name("GET", f"/{n:x}z") for n in range(MOST_NAMES + 5))
    assert words[None] == 5
    assert again.name("GET", "/loans/{id}") == "/loans/{id}"
    assert KeptNames(most=10, routes=False).name("GET", "/loans/1") == "/loans/1"


@pytest.mark.parametrize(
    "text",
    [
        "HTTPError('{} Server Error: Gone wrong for url: /api/loans')",
        "got status {}",
        "Status code: {}",
        "HTTP {}",
        "expected 200, got {}",
    ],
)
def test_statuses_are_never_one_error(text: str) -> None:
    """However many there are: 500 and 503 have other causes."""
    texts = [text.format(status) for status in range(500, 512)]
    assert grouped([("GET /api/loans", text) for text in texts], texts=True) == {}


def test_ids_that_look_like_statuses_among_others_are_ids() -> None:
    """Of 1 to 999 those from 100 to 599 are no other error than the rest."""
    texts = [("GET /api/loans", f"no loan {number} here") for number in range(1, 1000, 7)]
    assert set(grouped(texts, texts=True).values()) == {"no loan {id} here"}


def test_the_shape_of_a_text_keeps_its_status() -> None:
    """What is bounded by its shape alone says what failed."""
    assert shape_of_text("HTTPError('503 Server Error for /loans/4711')") == (
        "HTTPError('503 Server Error for /loans/{id}')"
    )
