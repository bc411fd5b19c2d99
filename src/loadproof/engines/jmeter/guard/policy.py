"""The target guard's policy as the agent in JMeter's JVM reads it, and the option that brings it there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from loadproof.errors import EngineError, Problem
from loadproof.model import Policy
from loadproof.safety.hosts import LOCAL

JAR: Final = Path(__file__).with_name("guard.jar")
QUICK_ROWS: Final = JAR.parents[1] / "quick/quick.jar"
"""For JMeter's own loader: classes by which the agent lets JMeter write its rows, in less time."""
NOT_HELD: Final = 97
"""Exit code of a JVM in which the guard could not be set up: it loads nothing."""


def policy_lines(policy: Policy) -> list[str]:
    """One rule a line: production, target, allowed (names); closed, open, typed (networks)."""
    named = {
        "production": policy.production,
        "target": policy.targets,
        "allowed": (policy.allowed_production,) if policy.allowed_production else (),
        "closed": policy.production_networks,
        "open": (*map(str, LOCAL), *policy.target_networks),
        "typed": policy.allowed_networks,
    }
    return [f"{word} {value}" for word, values in named.items() for value in values]


def agent_option(policy: Policy, home: Path, folder: Path) -> str:
    """`-javaagent:...` for a JMeter home; the policy goes into `folder`. Raises EngineError."""
    asm = sorted((home / "lib").glob("asm-[0-9]*.jar"))
    if not asm:
        hint = "take a JMeter as its project publishes it"
        raise EngineError(Problem("the target guard needs the asm jar that JMeter brings", str(home), hint))
    file = folder / "policy"
    file.write_text("".join(f"{line}\n" for line in policy_lines(policy)), encoding="ascii")
    return f"-javaagent:{JAR}={file}|{asm[-1]}"
