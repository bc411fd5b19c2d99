"""Asks the consistency checks' questions before and after the load; judged by analysis/verdict/."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from loadproof.model import ConsistencyCheck, Event, EventKind, Plan, Watch
from loadproof.model.values import known_text, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadproof.engines import Sink

_TIMEOUT_S: Final = 30
"""Of one question: a sum over a large table takes its time."""
_ASK_AGAIN_S: Final = 0.5
_SHOWN = 200
"""Characters of an answer that are kept; its digest stands for the rest."""
_MOST_ROWS = 10_000


class _AskError(Exception):
    """A question that got no answer: why, without a secret."""


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    digest: str


class Consistency:
    """The checks of one run."""

    def __init__(self, plan: Plan, watches: Sequence[Watch], sink: Sink) -> None:
        self._checks = plan.consistency
        self._sink = sink
        self._target = plan.target or plan.options.first_target
        urls = [w.settings.get("url") for w in watches if w.kind in {"postgres", "mysql"}]
        self._database = known_text(urls[0]) if urls else None
        self._before: dict[str, dict[str, Any]] = {}

    async def ask(self, when: str) -> None:
        """Every check's question, "before" or "after"; each answer, or why there is none, is an event."""
        for check in self._checks:
            settle_s = number(check.settings["settle"]) if when == "after" else 0.0
            data = await self._answer(check, settle_s)
            if when == "before":
                self._before[check.name] = data
            data = {"check": check.name, "when": when, **data}
            said = data["error"] or f"answers {data.get('answer', '')}"
            message = f"{check.name}, {when} the load: {said}"
            self._sink.event(Event(self._sink.now(), EventKind.CONSISTENCY, message, data))

    async def _answer(self, check: ConsistencyCheck, settle_s: float) -> dict[str, Any]:
        """The answer; within `settle_s` it is asked for again until it is right."""
        deadline_s = self._sink.now() + settle_s
        while True:
            data = await asyncio.to_thread(self._ask_once, check)
            if self._sink.now() >= deadline_s or self._is_right(check, data):
                return data
            await asyncio.sleep(_ASK_AGAIN_S)

    def _is_right(self, check: ConsistencyCheck, data: dict[str, Any]) -> bool:
        if check.settings["rows"] is not None or data["error"]:
            return False  # how many rows are right is known only when all requests are counted
        if check.settings["equals"] is not None:
            return is_answer(str(data["answer"]), check.settings["equals"])
        return bool(data["digest"] == self._before.get(check.name, {}).get("digest"))

    def _ask_once(self, check: ConsistencyCheck) -> dict[str, Any]:
        settings = check.settings
        try:
            if settings["http"] is not None:
                answer = self._ask_http(settings)
            else:
                answer = self._ask_sql(settings, str(settings["sql"] or settings["rows"]))
            data: dict[str, Any] = {"answer": answer.text, "digest": answer.digest, "error": ""}
            if settings["duplicates"] is not None:
                data["duplicates"] = self._ask_sql(settings, str(settings["duplicates"])).text
        except _AskError as error:
            return {"answer": "", "digest": "", "error": str(error)}
        return data

    def _ask_http(self, settings: Mapping[str, object]) -> _Answer:
        import httpx

        url = urljoin(f"{self._target or ''}/", str(settings["http"]))
        try:
            with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
                answer = client.get(url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _AskError(f"{settings['http']} does not answer: {error or type(error).__name__}") from None
        if answer.status_code != settings["status"]:
            raise _AskError(f"{settings['http']} answers {answer.status_code}, not {settings['status']}")
        return _answer(answer.text)

    def _ask_sql(self, settings: Mapping[str, object], query: str) -> _Answer:
        variable = known_text(settings["database"])
        url = os.environ.get(variable) if variable else self._database
        if not url:
            missing = f"the variable {variable} is not set" if variable else "no database is watched"
            raise _AskError(f"{missing}: name its URL's variable with database:")
        rows = _mysql_rows(url, query) if url.startswith("mysql") else _postgres_rows(url, query)
        return _answer("\n".join(", ".join(str(value) for value in row) for row in rows))


def is_answer(text: str, expected: object) -> bool:
    """Whether an answer is the one that was written: numbers by value, all else by text."""
    if isinstance(expected, bool):
        return text.strip().lower() == str(expected).lower()
    try:
        return float(text) == float(str(expected))
    except ValueError:
        return text.strip() == str(expected)


def _answer(text: str) -> _Answer:
    return _Answer(text[:_SHOWN], hashlib.sha256(text.encode()).hexdigest())


def _postgres_rows(url: str, query: str) -> list[tuple[Any, ...]]:
    import psycopg

    options = f"-c statement_timeout={_TIMEOUT_S}s -c default_transaction_read_only=on"
    try:
        with psycopg.connect(url, connect_timeout=5, options=options, autocommit=True) as db:
            return db.execute(query.encode()).fetchmany(_MOST_ROWS)
    except psycopg.Error as error:
        # Without an SQLSTATE it may be about the URL, and quote it.
        said = str(error).strip().splitlines()
        raise _AskError(said[0] if error.sqlstate and said else "the database cannot be reached") from None


def _mysql_rows(url: str, query: str) -> list[tuple[Any, ...]]:
    import pymysql

    from loadproof.monitors.databases.mysql import connect

    try:
        with connect(url) as db, db.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute(query)
            return list(cursor.fetchmany(_MOST_ROWS))
    except (pymysql.Error, OSError, ValueError) as error:
        raise _AskError(str(error.args[-1] if error.args else "the database cannot be reached")) from None
