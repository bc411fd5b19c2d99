"""Condition: the load went where it was aimed."""

from __future__ import annotations

from collections import Counter
from typing import Final

from loadproof.analysis.validity.condition import IMPORTED, OLDER, JudgedRun, Ruling, broken
from loadproof.model import EventKind
from loadproof.model.values import mapping, whole
from loadproof.safety.urls import host_and_port
from loadproof.units import format_count, format_percent

LEAST_AIMED: Final = 0.1
"""Of the requests: a scenario may well ask other hosts too, for a token or an image, but not nearly only."""


def judge_aimed(judged: JudgedRun) -> Ruling:
    """Broken when hardly anything went to the target that was given and is watched."""
    hosts: Counter[str] = Counter()
    for event in judged.run.events_of(EventKind.AIMED):
        for host, count in mapping(event.data.get("hosts")).items():
            hosts[host] += whole(count)
    if not hosts and judged.telling and not len(judged.run.slices):
        return Ruling(None, "no request went anywhere")
    if not hosts:
        return Ruling(None, f"{IMPORTED} where its load went" if judged.imported else OLDER)
    named = ", ".join(host for host, _ in hosts.most_common(3))
    target = judged.run.plan.target
    if target is None:
        return Ruling(True, f"it went to {named}")
    wanted = _split(target)
    total = sum(hosts.values())
    # Of users that speak another protocol nobody knows where their requests went: it may be the target.
    untold = max(0, sum(part.requests for part in judged.run.slices) - total)
    aimed = sum(count for host, count in hosts.items() if _is_same(_split(host), wanted))
    if not aimed and untold > LEAST_AIMED * total:
        return Ruling(
            None, f"{format_count(untold)} requests do not tell where they went; HTTP went to {named}"
        )
    if aimed + untold < LEAST_AIMED * (total + untold):
        shown = f"{wanted[0]}:{wanted[1]}"
        amount = f"only {format_percent(aimed / total)}" if aimed else "nothing"
        sentence = f"the load went to {named}, and {amount} to the target {shown}"
        advice = "give the variable that the scenario reads its address from: --env NAME=URL"
        rows = [{"host": host, "requests": count} for host, count in hosts.most_common(10)]
        return broken("aimed", sentence, advice, {"rows": rows})
    share = "" if aimed == total else f"{format_percent(aimed / total)} of "
    return Ruling(True, f"{share}it went to the target")


def _split(written: str) -> tuple[str, int]:
    name, port = host_and_port(written if "://" in written else f"//{written}")
    return name, port or 80


def _is_same(went: tuple[str, int], wanted: tuple[str, int]) -> bool:
    if went == wanted:
        return True
    # A name may stand for any address: where one of the two is a name, the port decides.
    is_address = went[0].replace(".", "").isdigit() or ":" in went[0]
    wanted_address = wanted[0].replace(".", "").isdigit() or ":" in wanted[0]
    return is_address != wanted_address and went[1] == wanted[1]
