"""Several scenarios in one run: how endpoints are called, with their scenario and without it."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from loadproof.analysis.compare.gates import Gate
from loadproof.analysis.judge import judge
from loadproof.model import (
    TRANSACTION,
    Endpoint,
    EventKind,
    Verdict,
    is_beside,
    names_of,
)
from loadproof.reports.locust_csv import write_locust_csv
from tests.analysis.test_several import BROWSE, CHECKOUT, of_two, said_by
from tests.runs import measure_of, part, required


def test_an_endpoint_without_a_method_has_its_scenario_s_name_before_it() -> None:
    """JMeter's samplers have names alone; it is printed as it is told and as it is required."""
    login = Endpoint("", "Login").of("browse")
    assert (str(login), login.scenario, login.beside) == ("browse: Login", "browse", False)
    assert login.alone("browse") == Endpoint("", "Login")
    made = replace(
        of_two(required(0.5, endpoint="browse: Login")),
        slices=tuple(part(second, end, [0.1] * 10) for second in range(20) for end in (login, CHECKOUT)),
    )
    report = judge(made)
    assert report.verdict is Verdict.PASS, report.sentence
    assert [row.endpoint for row in report.endpoints] == ["browse: Login", str(CHECKOUT), "all requests"]


@pytest.mark.parametrize(
    ("printed", "beside"),
    [
        ("page: Login", True),
        ("browse: page: Login", True),
        ("browse: transaction: page: 2", True),
        ("GET search: page: 2", False),  # a request that is called so
        ("browse: GET search: page: 2", False),
        ("browse: Login", False),
    ],
)
def test_only_a_scenario_s_name_is_left_out_of_a_printed_one(printed: str, beside: bool) -> None:
    """Names of scenarios have no space, those of requests may have anything."""
    assert is_beside(printed) is beside


@pytest.mark.parametrize("endpoint", ["checkout: Pay", "Pay"])
def test_a_transaction_that_is_called_as_its_request_is_not_counted_with_it(endpoint: str) -> None:
    """Whether the scenario is named or not, as with one scenario."""
    pay, group = Endpoint("", "Pay").of("checkout"), Endpoint(TRANSACTION, "Pay").of("checkout")
    made = replace(
        of_two(required(0.5, endpoint=endpoint)),
        slices=tuple(part(second, pay, [0.1] * 10) for second in range(10, 20)),
        beside=tuple(part(second, group, [2.0] * 10) for second in range(10, 20)),
    )
    (finding,) = [one for one in judge(made).findings if one.endpoint == endpoint]
    assert (finding.verdict, measure_of(finding).samples) == (Verdict.PASS, 100)


def test_an_endpoint_may_be_called_without_its_scenario_and_without_its_method() -> None:
    """A gate means it by each of these names, as a requirement does."""
    names = ("browse: GET /loans", "browse: /loans", "GET /loans", "/loans")
    assert names_of("browse: GET /loans") == names
    assert all(Gate(name).means("browse: GET /loans", "p95") for name in names)
    assert not Gate("loans").means("browse: GET /loans", "p95")
    assert names_of("GET /loans") == ("GET /loans", "/loans")


def test_failures_have_the_method_of_their_endpoint_in_the_tables_for_locust(tmp_path: Path) -> None:
    """The scenario stands before it, as in the table of all requests."""
    sample = said_by("browse", 5, EventKind.ERROR_SAMPLE, endpoint=str(BROWSE), count=2)
    made = of_two()
    write_locust_csv(replace(made, events=(*made.events, sample)), str(tmp_path / "x"))
    _, row = csv.reader((tmp_path / "x_failures.csv").read_text().splitlines())
    assert row[:2] == [BROWSE.method, BROWSE.name]
