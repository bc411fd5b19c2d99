"""Every locustfile of the seed runs as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadproof.model import EventKind, Outcome

if TYPE_CHECKING:
    from tests.engines.locust.conftest import Lab

SEED = Path(__file__).parents[4] / "shared" / "seed"
NAMES = (
    "locustfile.py",
    "locustfile_database.py",
    "locustfile_monitoring.py",
    "locustfile_realistic.py",
    "locustfile_user_types.py",
)
pytestmark = pytest.mark.beside


def test_no_locustfile_of_the_seed_is_forgotten() -> None:
    """A new one in the folder needs a row here."""
    assert {file.name for file in SEED.glob("*.py")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_unmodified(name: str, lab: Lab) -> None:
    """It completes, without an exception in a task, and every request is accounted for."""
    outcome, sink = lab.run(SEED / name, "--users", "6", "--spawn-rate", "100", "--run-time", "1", "-s", "2")
    assert outcome is Outcome.COMPLETED
    assert sink.requests.total() >= 6
    assert lab.unaccounted(sink) == 0
    assert not sink.of(EventKind.SCENARIO_ERROR)
    assert not sink.of(EventKind.RECORDER_MISMATCH)
