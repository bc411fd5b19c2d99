"""The demo's faults that damage data, found by a run's own checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadproof.analysis.judge import judge
from loadproof.demo import DemoOptions, running
from loadproof.demo.schema import SCHEMA
from loadproof.model import Verdict
from tests.monitors.runs import Loadproof
from tests.runs import loose

if TYPE_CHECKING:
    from pathlib import Path

CHECKS = f"""
consistency:
  balances:
    sql: >-
      SELECT count(*) FROM (SELECT a.user_id FROM {SCHEMA}.accounts a LEFT JOIN {SCHEMA}.transactions t
      USING (user_id) GROUP BY a.user_id, a.balance_cents
      HAVING a.balance_cents <> coalesce(sum(t.amount_cents), 0)) diverged
    equals: 0
  transactions:
    rows: SELECT count(*) FROM {SCHEMA}.transactions
    acknowledged: POST /api/transactions
    duplicates: SELECT count(*) - count(DISTINCT id) FROM {SCHEMA}.transactions
  product:
    http: /api/products/1
"""  # noqa: S608  # nothing but the schema's name is put in


@pytest.mark.parametrize(
    ("faults", "wrong"),
    [((), set()), (("lost-writes",), {"transactions"}), (("broken-balance",), {"balances"})],
    ids=["sound", "lost-writes", "broken-balance"],
)
def test_faults_that_damage_data_are_found(tmp_path: Path, faults: tuple[str, ...], wrong: set[str]) -> None:
    """Each fault fails the check that is about it and no other; a sound service passes all."""
    with (
        running(DemoOptions(port=0, rows=2_000, faults=faults)) as demo,
        Loadproof(tmp_path, demo.base_url, "", CHECKS, users=30, seconds=6) as loadproof,
    ):
        run = loadproof.finish()
        effects = demo.value("fault_effects_total", fault="lost-writes")
    told = [f for f in judge(run).findings if f.id.startswith("consistency.")]
    findings = {f.id.removeprefix("consistency."): f for f in told}
    assert findings.keys() == {"balances", "transactions", "product"}, loadproof.screen
    assert {name for name, f in findings.items() if f.verdict is Verdict.FAIL} == wrong
    assert {name for name, f in findings.items() if f.verdict is Verdict.INCONCLUSIVE} == set()
    evidence = loose(findings["transactions"].evidence)
    # A write that was lost and not waited for is one that nobody was promised.
    assert effects - evidence["in_flight"] <= evidence["lost"] <= effects
    assert (evidence["duplicate"], evidence["phantom"]) == (0, 0)
