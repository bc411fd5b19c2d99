"""A plan with the fragments that it includes, and the files that must be there before any load.

JMeter goes on without an included file, and ends with code 0 without a data file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from loadproof.engines.jmeter.plan_file import PlanFile, read_plan_file
from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadproof.engines.jmeter.plan_file import Element
    from loadproof.engines.jmeter.values import Values

_DEEPEST: Final = 10


def include_fragments(plan: PlanFile, values: Values) -> list[Problem]:
    """Put included fragments below their Include Controllers; what cannot be read is a problem."""
    problems: list[Problem] = []
    _include(plan, plan.path.parent, values, problems, 0)
    return problems


def _include(plan: PlanFile, folder: Path, values: Values, problems: list[Problem], depth: int) -> None:
    for element in plan.of("IncludeController"):
        written = element.text("IncludeController.includepath")
        where = f"{element.file}:{element.line_of('IncludeController.includepath')}"
        path = values.resolve(values.properties.get("includecontroller.prefix", "") + written)
        if path is None or not path:
            continue
        file = folder / path
        if not file.is_file():
            hint = "paths are relative to the folder of the plan; JMeter itself would go on without it"
            problems.append(Problem(f"the included file '{written}' is not there", where, hint))
            continue
        if depth >= _DEEPEST:
            problems.append(Problem(f"'{written}' includes itself", where))
            continue
        try:
            fragment = read_plan_file(file)
        except ConfigError as error:
            problems += error.problems
            continue
        _include(fragment, folder, values, problems, depth + 1)
        for child in fragment.root.below:
            child.parent = element
        element.below += fragment.root.below


def data_file_problems(plan: PlanFile, values: Values) -> list[Problem]:
    """Data files that the plan reads and that are not there."""
    problems = []
    for element, name, written in _data_files(plan):
        path = values.resolve(written)
        if path and not (plan.path.parent / path).is_file():
            where = f"{element.file}:{element.line_of(name)}"
            hint = "paths are relative to the folder of the plan"
            problems.append(Problem(f"the data file '{written}' is not there", where, hint))
    return problems


def data_files(plan: PlanFile, values: Values) -> list[str]:
    """The data files' names, in order, each once."""
    return list(dict.fromkeys(values.resolve(written) or written for _, _, written in _data_files(plan)))


def _data_files(plan: PlanFile) -> Iterator[tuple[Element, str, str]]:
    for element in plan.of("CSVDataSet", "RandomCSVDataSetConfig"):
        for name in ("filename",):
            written = element.text(name)
            if written:
                yield element, name, written
