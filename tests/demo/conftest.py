"""One demo for the whole session; every test leaves it without faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from loadproof.demo import DemoOptions, RunningDemo, running

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 20_000


@pytest.fixture(scope="session")
def session_demo() -> Iterator[RunningDemo]:
    with running(DemoOptions(port=0, rows=ROWS, admin=True)) as running_demo:
        yield running_demo


@pytest.fixture
def demo(session_demo: RunningDemo) -> Iterator[RunningDemo]:
    yield session_demo
    session_demo.switch_all_off()


@pytest.fixture(scope="session")
def session_client(session_demo: RunningDemo) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=session_demo.base_url, timeout=60, trust_env=False) as http_client:
        yield http_client


@pytest.fixture
def client(demo: RunningDemo, session_client: httpx.Client) -> httpx.Client:
    """A client without cookies, which are an anonymous caller's cart."""
    session_client.cookies.clear()
    return session_client


@pytest.fixture
def spare_url(demo: RunningDemo) -> Iterator[str]:
    """A database of its own on the session's server: quicker than another server."""
    assert demo.ready.database_url is not None
    with psycopg.connect(demo.ready.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE spare")
        yield demo.ready.database_url.replace("/postgres?", "/spare?")
        connection.execute("DROP DATABASE spare WITH (FORCE)")


@pytest.fixture
def database(demo: RunningDemo) -> Iterator[psycopg.Connection]:
    assert demo.ready.database_url is not None
    with psycopg.connect(demo.ready.database_url, autocommit=True) as connection:
        connection.execute("SET search_path TO loadproof_demo")
        yield connection
