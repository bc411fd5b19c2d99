"""The session as a part of a program: its seam, its counts, its connections."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "installed",
            "ledger_balances",
            "stopped_user_leaves_no_answer_behind",
            "greenlets_share_a_session",
            "early_hints_are_no_answer",
            "common_answers_stay_on_the_fast_path",
            "redirects_and_own_auth_use_no_other_client",
        ),
        *("idle_connection_closed_by_the_server", "no_cycle_per_request", "session_frees_its_connection"),
        *("statistics_are_locusts", "fallbacks_are_told_once", "plans_are_kept_after_a_fallback"),
        *("current_percentiles_are_locusts", "new_times_are_kept_twice"),
        *("charts_show_all_of_a_long_run", "many_errors_are_counted_by_their_shape"),
        "errors_with_a_page_in_them_are_looked_at_in_part",
        *("a_master_takes_each_report_once", "an_entry_of_ones_own_takes_others"),
        *("rare_ways_to_send_are_told", "bombs_are_bounded", "interim_answers_end"),
        "an_endless_head_is_one_failed_request",
        *("a_loop_that_counts_no_turns_asks_again", "raw_bodies_are_measured"),
        *("streams_are_told_when_nobody_holds_them", "an_abandoned_stream_is_told"),
        *("events_are_told_as_fired", "tls_goes_on_with_its_session", "strangers_keep_their_descriptor"),
        *("connections_fail_as_with_the_other_clients", "what_opens_connections_may_be_replaced"),
    ],
)
def test_the_check_holds(name: str) -> None:
    """Each check of `checks.py`, in a process of its own, holds."""
    argv = [sys.executable, "-m", "tests.engines.locust.session.checks", name]
    done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_locust_module_stands_in_for_locusts() -> None:
    """`loadproof.locust` gives Locust's names, its users over our sessions, without our command line."""
    program = (
        "from loadproof.locust import HttpUser, FastHttpUser, task, between, events, SequentialTaskSet\n"
        "import locust, locust.clients\n"
        "assert HttpUser is locust.HttpUser\n"
        "assert locust.clients.HttpSession.__module__.startswith('loadproof.')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
