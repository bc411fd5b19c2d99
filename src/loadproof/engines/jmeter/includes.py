"""A plan with the fragments that it includes, and the files that must be there before any load.

JMeter goes on without an included file, and ends with code 0 without a data file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadproof.engines.jmeter.elements import SCRIPT_KINDS
from loadproof.engines.jmeter.plan_file import Element, PlanFile, read_plan_file
from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.engines.jmeter.values import Values

_DEEPEST: Final = 10
_DATA_SETS: Final = ("CSVDataSet", "RandomCSVDataSetConfig")
_WRITERS: Final = SCRIPT_KINDS | {"ResultSaver"}
_WHERE: Final = "paths are relative to the current folder, or else to the folder of the plan"


def file_of(path: str, plan: PlanFile) -> Path | None:
    """The file that JMeter reads for a path: in the current folder, or else in the plan's."""
    here = Path(path)
    found = here if here.exists() else plan.path.parent / path
    return found if found.is_file() else None


def include_fragments(plan: PlanFile, values: Values) -> list[Problem]:
    """Put included fragments below their Include Controllers; what cannot be read is a problem."""
    problems: list[Problem] = []
    _include(plan, plan, values, problems, 0)
    return problems


def _include(part: PlanFile, plan: PlanFile, values: Values, problems: list[Problem], depth: int) -> None:
    for element in part.of("IncludeController"):
        written = element.text("IncludeController.includepath")
        where = f"{element.file}:{element.line_of('IncludeController.includepath')}"
        if "${" in written:
            hint = "write the path itself; what changes of it can be -Jincludecontroller.prefix=FOLDER/"
            said = f"JMeter takes '{written}' as it is written, and includes nothing"
            problems.append(Problem(said, where, hint))
            continue
        path = values.properties.get("includecontroller.prefix", "") + written
        if not path:
            continue
        file = file_of(path.strip(), plan)
        if file is None:
            hint = f"{_WHERE}; JMeter itself would go on without it"
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
        _include(fragment, plan, values, problems, depth + 1)
        for child in fragment.root.below:
            child.parent = element
        element.below += fragment.root.below
        element.off += fragment.root.off


def place_modules(plan: PlanFile) -> list[Problem]:
    """Put what Module Controllers name below them, as JMeter does, also what is switched off where it stands.

    JMeter itself ends before its load where a module is not there.
    """
    problems: list[Problem] = []
    for element in plan.of("ModuleController"):
        problem = _place_module(element, plan)
        if problem is not None:
            problems.append(problem)
    return problems


def _place_module(element: Element, plan: PlanFile) -> Problem | None:
    path = element.property("ModuleController.node_path")
    names = [child.text for child in path.children] if path is not None else []
    target = _named(plan.root, names[1:]) if len(names) > 1 else None
    if target is None:
        hint = "choose it anew in JMeter's window: an element on the way to it was renamed or is gone"
        return Problem(
            f"'{element.label}' names no module: {' > '.join(names) or 'nothing'}", element.where, hint
        )
    if any(above.node is target.node for above in element.above()):
        return Problem(f"the module '{target.label}' contains itself", element.where)
    copy = target.copied(element)
    element.below.append(copy)
    inner = [child for child in copy.walk() if child.simple_kind == "ModuleController" and not child.below]
    problems = [_place_module(child, plan) for child in inner]
    return next((problem for problem in problems if problem is not None), None)


def _named(element: Element, names: list[str]) -> Element | None:
    """What is reached by these names; of several the last, which JMeter takes."""
    found = None
    for child in (*element.below, *element.off):
        if child.label == names[0] and child.simple_kind != "ModuleController":
            found = (_named(child, names[1:]) if len(names) > 1 else child) or found
    return found


def data_file_problems(plan: PlanFile, values: Values) -> list[Problem]:
    """Data files that the plan reads and that are not there."""
    problems: list[Problem] = []
    if any(e.simple_kind in _WRITERS for group in plan.of("SetupThreadGroup") for e in group.walk()):
        return problems  # a set-up group may be there to write it
    for element, name, written in _data_files(plan):
        path = values.resolve(written)
        if path and file_of(path, plan) is None:
            where = f"{element.file}:{element.line_of(name)}"
            hint = _WHERE
            problems.append(Problem(f"the data file '{written}' is not there", where, hint))
    return problems


def data_files(plan: PlanFile, values: Values) -> list[str]:
    """The data files' names, in order, each once."""
    return list(dict.fromkeys(values.resolve(written) or written for _, _, written in _data_files(plan)))


def _data_files(plan: PlanFile) -> Iterator[tuple[Element, str, str]]:
    for element in plan.played():
        written = element.text("filename") if element.simple_kind in _DATA_SETS else ""
        if written:
            yield element, "filename", written
