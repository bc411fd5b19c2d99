"""Loadproof proves, or disproves, that a service carries its load.

From Python: ``loadproof.run_test("locustfile.py", target=..., users=20, run_time="30s", requirements={...})``
gives a `Report`; `judge_file`, `compare` and `write_report` do what the commands of these names do.
"""

from loadproof.version import __version__

TYPE_CHECKING = False  # as `typing` has it: importing that would cost more than all the rest here
if TYPE_CHECKING:
    from loadproof.errors import LoadproofError
    from loadproof.model import Report, Verdict
    from loadproof.pipeline.comparing import compare
    from loadproof.pipeline.judging import judge_file
    from loadproof.pipeline.outputs import write_report
    from loadproof.pipeline.running import run_test

__all__ = [
    "LoadproofError",
    "Report",
    "Verdict",
    "__version__",
    "compare",
    "judge_file",
    "run_test",
    "write_report",
]

_WHERE = {
    "LoadproofError": "loadproof.errors",
    "Report": "loadproof.model",
    "Verdict": "loadproof.model",
    "compare": "loadproof.pipeline.comparing",
    "judge_file": "loadproof.pipeline.judging",
    "run_test": "loadproof.pipeline.running",
    "write_report": "loadproof.pipeline.outputs",
}
"""Imported when asked for: `import loadproof` costs nothing, and so does `loadproof --version`."""


def __getattr__(name: str) -> object:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'loadproof' has no attribute '{name}'")
