"""What a plan is, read without running it: why it cannot run, where it goes, what it plans."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loadproof.engines.jmeter.arguments import UserArguments, jars_in, sort_arguments
from loadproof.engines.jmeter.elements import plugin_of
from loadproof.engines.jmeter.hosts import no_hosts, retarget, targets_of
from loadproof.engines.jmeter.includes import data_file_problems, include_fragments, place_modules
from loadproof.engines.jmeter.plan_file import Element, PlanFile, read_plan_file
from loadproof.engines.jmeter.threads import properties_for
from loadproof.engines.jmeter.values import Values, Variable, variables_of
from loadproof.errors import ConfigError, Problem
from loadproof.model import Plan, ProfileKind

if TYPE_CHECKING:
    from loadproof.engines.jmeter.installation import Installation


@dataclass(slots=True)
class ResolvedPlan:
    """A plan with all that this run changes."""

    file: PlanFile
    values: Values
    user: UserArguments
    changes: dict[str, str] = field(default_factory=dict)
    """Properties that make it follow the target and the profile."""
    environment: dict[str, str] = field(default_factory=dict)
    """Properties from `--env`."""
    problems: list[Problem] = field(default_factory=list)


def resolve(plan: Plan, installation: Installation) -> ResolvedPlan:
    """Read the plan's file and find what to change. Raises ConfigError when it is no plan."""
    user = sort_arguments(plan.engine_args)
    file = read_plan_file(plan.scenario)
    environment = dict(plan.env)
    values = Values(user.properties(installation, environment), {})
    values.variables = variables_of(file)
    problems = [*user.problems, *include_fragments(file, values)]
    problems += place_modules(file)
    values.variables = variables_of(file)
    problems += _replace_variables(values, user, file)
    found = ResolvedPlan(file, values, user, environment=environment, problems=problems)
    problems += data_file_problems(file, values)
    problems += no_hosts(file, values)
    problems += missing_classes(file, installation, user)
    bare = dict.fromkeys(
        element.where
        for element in file.root.whole()
        if element.parent is not None and "guiclass" not in element.node.attributes
    )
    problems += [Problem("JMeter reads no element without a guiclass", where) for where in bare]
    if plan.target is not None:
        changes, wrong = retarget(file, values, plan.target)
        found.changes |= changes
        problems += wrong
    if plan.profile.kind is not ProfileKind.SCENARIO and plan.profile.stages:
        changes, wrong = properties_for(file, values, plan.played_profile)
        found.changes |= changes
        problems += wrong
    elif plan.rehearsal:
        hint = "give the duration by its property, or a profile such as --users 5 --run-time 30s"
        problems.append(Problem("a plan's own load cannot be played faster", "--time-scale", hint))
    values.properties |= found.changes
    return found


def own_targets(found: ResolvedPlan, target: str | None) -> tuple[str, ...]:
    """Base URLs that the load will go to."""
    targets = targets_of(found.file, found.values)
    return tuple(targets) or ((target,) if target else ())


def missing_classes(file: PlanFile, installation: Installation, user: UserArguments) -> list[Problem]:
    """Classes of the plan that no jar has: plug-ins that must be installed first. JMeter names only one."""
    wanted: dict[str, Element] = {}
    for element in file.root.whole():
        if element.parent is not None:
            wanted.setdefault(element.kind, element)
    absent = {kind: installation.aliases.get(kind, kind) for kind in wanted}
    absent = {kind: name for kind, name in absent.items() if "." in name}
    jars = [*installation.libraries, *(jar for place in user.plugins for jar in jars_in(Path(place)))]
    jars += [jar for place in _search_paths(user) for jar in jars_in(place)]
    for jar in jars:
        if not absent:
            break
        try:
            with zipfile.ZipFile(jar) as archive:
                names = set(archive.namelist())
        except (OSError, zipfile.BadZipFile):
            continue
        absent = {
            kind: name for kind, name in absent.items() if f"{name.replace('.', '/')}.class" not in names
        }
    if absent:
        # JMeter reads classes of old plans under their newer names.
        renamed = "\n" + (installation.setting_file("upgrade.properties") or b"").decode("latin-1")
        absent = {kind: name for kind, name in absent.items() if f"\n{name}=" not in renamed}
    return [
        Problem(f"JMeter has no {name}", wanted[kind].where, _way_to(name, installation))
        for kind, name in absent.items()
    ]


def _way_to(name: str, installation: Installation) -> str:
    """How to get a class that no jar has."""
    if name.startswith("org.apache.jmeter."):
        came = f"JMeter {installation.version} ({installation.source}) came without it"
        return f"this {came}: set JMETER_HOME to one that is whole"
    jar = plugin_of(name)
    needs = f"it is in {jar}" if jar else "it is in a plug-in"
    return f"{needs}: put the jar into JMeter's lib/ext, or into a folder and give --jmeter-plugins FOLDER"


def _search_paths(user: UserArguments) -> list[Path]:
    found = []
    for option, value in user.ordered:
        name, _, text = value.partition("=")
        if option == "-J" and name in ("search_paths", "user.classpath", "plugin_dependency_paths"):
            found += [
                Path(part) for part in text.replace(":", ";").split(";") if part and Path(part).exists()
            ]
    return found


def _replace_variables(values: Values, user: UserArguments, file: PlanFile) -> list[Problem]:
    """Let `--var` decide; one that the plan does not define is a problem."""
    problems = []
    for name, text in user.variables.items():
        known = values.variables.get(name)
        if known is None:
            names = ", ".join(sorted(values.variables)[:8]) or "none"
            hint = f"User Defined Variables of the plan are: {names}; properties are set by -J{name}=..."
            problems.append(Problem(f"the plan defines no variable '{name}'", "--var", hint))
        elif known.node is None or not known.where.startswith(f"{file.path}:"):
            problems.append(Problem(f"'{name}' is defined in an included file", known.where, "edit it there"))
        else:
            values.variables[name] = Variable(name, text, known.node, known.where)
    return problems


def read_or_problems(plan: Plan, installation: Installation) -> ResolvedPlan | tuple[Problem, ...]:
    """`resolve`, with its errors as values."""
    try:
        return resolve(plan, installation)
    except ConfigError as error:
        return error.problems
