"""The verdict on a run: every finding, and the report that reporters print."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from loadproof.analysis.bottleneck import find_bottleneck
from loadproof.analysis.bottleneck.agreement import told_once
from loadproof.analysis.charts import charts_of
from loadproof.analysis.headline import verdict_sentence
from loadproof.analysis.pictures import pictures_of
from loadproof.analysis.search.capacity import (
    SearchState,
    broken_window,
    capacity_window,
    find_capacity,
    narrowed,
)
from loadproof.analysis.several import in_its_time, scenario_named
from loadproof.analysis.shapes.soak_verdicts import judge_growth, judge_soak
from loadproof.analysis.shapes.spike_verdicts import judge_spike, judge_spike_requirement
from loadproof.analysis.shapes.stress import find_breaking_point, judge_held_load
from loadproof.analysis.validity.condition import JudgedRun
from loadproof.analysis.validity.conditions import Validity, judge_validity
from loadproof.analysis.validity.each import judged_of, named
from loadproof.analysis.validity.guard import REFUSED, guard_facts, guard_note, judge_guard
from loadproof.analysis.validity.promised import of_changed_load
from loadproof.analysis.verdict.breach import breach_note
from loadproof.analysis.verdict.by_route import route_notes
from loadproof.analysis.verdict.by_window import judge_by_window
from loadproof.analysis.verdict.consistency import judge_consistency
from loadproof.analysis.verdict.faster import judge_faster, told_of_trend
from loadproof.analysis.verdict.load import (
    AppliedLoad,
    applied_load,
    judge_omission,
    judge_under_load,
)
from loadproof.analysis.verdict.pages import partial_page_note
from loadproof.analysis.verdict.resources import judge_resource
from loadproof.analysis.verdict.right_answers import right_answers
from loadproof.analysis.verdict.scenario import checks_of, judge_scenario, statuses_of
from loadproof.analysis.verdict.service import killed_note, replaced_note, service_parts
from loadproof.analysis.verdict.thresholds import judge_thresholds, whole_load_note
from loadproof.analysis.verdict.watched import Watched
from loadproof.analysis.window.windows import Window, judge_steady, judged_window, load_span, sample, within
from loadproof.errors import ExitCode
from loadproof.model import (
    EndpointSummary,
    Event,
    EventKind,
    Finding,
    Outcome,
    ProfileKind,
    Report,
    Requirement,
    Slice,
    Subject,
    Verdict,
)
from loadproof.routes import grouped
from loadproof.runfile.schema import VERDICT_REQUIRED
from loadproof.runfile.slices import Slices
from loadproof.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadproof.runfile.reader import Run

ANALYSES: tuple[Callable[[Run, Window], list[Finding]], ...] = (
    judge_steady,
    judge_faster,
    right_answers,
    find_breaking_point,
    judge_spike,
    judge_soak,
    find_bottleneck,
    whole_load_note,
    replaced_note,
    killed_note,
    partial_page_note,
)
"""What is found in a run beside its requirements: each a pure function of the run and its judged window.

"rows" in the evidence of a finding, a list of flat objects, is printed as a table.
"""


def judge(
    run: Run,
    requirements: Sequence[Requirement] | None = None,
    further: Sequence[Finding] = (),
    *,
    draw: bool = False,
    must_decide: bool = False,
) -> Report:
    """Everything that can be said of a run; pure, and the same bytes each time.

    `requirements` replace those of the run's plan, if given. `further` findings, such as those against a
    baseline, join the verdict. `draw`: with the charts, which take a while. `must_decide`: a run of which
    nothing was required is INCONCLUSIVE instead of DONE, as it is where the run itself was to decide.
    """
    if requirements is not None:
        run = replace(run, plan=replace(run.plan, requirements=tuple(requirements)))
    course = SearchState(run) if run.plan.profile.kind is ProfileKind.CAPACITY else None
    asked_of = judged_of(run, capacity_window(course) if course else None)
    window, judged, load = asked_of.window, asked_of.slices, asked_of.load
    validity = _validity(run, asked_of, course)
    asked = told_of_trend(run, window, run.plan.requirements, validity.requirements)
    required = [*asked, *validity.thresholds, *judge_consistency(run), *further]
    if all(finding.is_note for finding in required):
        # No limits may be taken from a measurement that cannot be trusted.
        must_decide |= any(f.invalidates for f in validity.findings) or bool(run.facts.get(VERDICT_REQUIRED))
        required.append(nothing_required(must_decide, run.events_of(EventKind.LOAD_CHANGED)))
    all_found = [
        *judge_guard(run),
        *(finding for finding in validity.findings if not finding.is_note),
        *([] if course else judge_omission(load, judged)),
        *required,
        *(finding for finding in validity.findings if finding.is_note),
        *_found(run, window, course),
        *breach_note(run, window, _broken(run, asked)),
    ]
    findings = of_changed_load(run, all_found)
    verdict = overall_verdict(findings)
    span = load_span(run)
    charts = charts_of(run, window) if draw else None
    return Report(
        name=run.plan.name,
        run_file=str(run.path),
        verdict=verdict,
        outcome=run.outcome or Outcome.RUNNING,
        sentence=verdict_sentence(verdict, findings, run, judged),
        rehearsal=run.plan.rehearsal,
        started_at_s=run.facts["started_at_s"],
        duration_s=span[1] - span[0] if span else 0.0,
        window=window.description,
        findings=tuple(findings),
        endpoints=tuple(_endpoints(judged, run.beside, window)),
        errors=tuple(_errors(run)),
        notes=tuple(_notes(run)),
        facts=_facts(run),
        conditions=validity.conditions,
        checks=checks_of(run),
        statuses=statuses_of(run),
        charts=charts,
        pictures=pictures_of(run, window, charts, findings, course),
    )


def _validity(run: Run, asked_of: JudgedRun, course: SearchState | None) -> Validity:
    """What the measurement stands on, and the findings of the requirements as far as it bears them."""
    window, judged, load, watched = asked_of.window, asked_of.slices, asked_of.load, Watched(run)
    requirements = tuple(
        (requirement, _judge_requirement(requirement, run, judged, window, load, watched))
        for requirement in run.plan.requirements
    )
    thresholds = tuple(_thresholds(narrowed(run, course) if course else run, asked_of.several))
    return judge_validity(replace(asked_of, requirements=requirements, thresholds=thresholds))


def _found(run: Run, window: Window, course: SearchState | None) -> list[Finding]:
    """What is there beside the requirements."""
    # Trials of a search break on purpose, and are void by themselves where the generator spoilt them.
    if course:
        return [find_capacity(run, course), *find_bottleneck(run, broken_window(course), course)]
    return told_once(run, window, [finding for analysis in ANALYSES for finding in analysis(run, window)])


def _thresholds(run: Run, several: Mapping[str, Run]) -> list[Finding]:
    """Those of the engine's own; of several scenarios each with its name."""
    if not several:
        return judge_thresholds(run)
    return [named(name, finding) for name, own in several.items() for finding in judge_thresholds(own)]


def _broken(run: Run, findings: Sequence[Finding]) -> list[Requirement]:
    pairs = zip(run.plan.requirements, findings, strict=True)
    return [requirement for requirement, finding in pairs if finding.verdict is Verdict.FAIL]


def _judge_requirement(
    requirement: Requirement,
    run: Run,
    judged: Sequence[Slice],
    window: Window,
    load: AppliedLoad,
    watched: Watched,
) -> Finding:
    of = scenario_named(run, requirement.endpoint)
    if of:
        # Its own load and its own time: others may run for longer.
        run = in_its_time(run, of)
        window = judged_window(run)
        judged = within(run.slices, window.seconds)
        load = applied_load(run, judged, window)
    finding = _judged(requirement, run, judged, window, load, watched)
    resolution_s = _resolution_s(run)
    timed = requirement.subject is Subject.RESPONSE_TIME and finding.verdict is Verdict.PASS
    if not timed or resolution_s is None or requirement.limit > resolution_s:
        return finding
    unit = format_duration(resolution_s)
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"{finding.sentence}, but times were measured in whole steps of {unit}",
        advice=f"require more than {unit}, or measure with an engine that has finer times",
    )


def _resolution_s(run: Run) -> float | None:
    """The step in which the engine measured times, where it is a coarse one."""
    told = [
        event.number("resolution_s")
        for kind in (EventKind.LOAD_STARTED, EventKind.SCENARIO_STARTED)
        for event in run.events_of(kind)
    ]
    return next(filter(None, told), None)


def _judged(
    requirement: Requirement,
    run: Run,
    judged: Sequence[Slice],
    window: Window,
    load: AppliedLoad,
    watched: Watched,
) -> Finding:
    of_the_run = {
        Subject.HELD_LOAD: judge_held_load,
        Subject.EXCEPTIONS: judge_scenario,
        Subject.CHECKS: judge_scenario,
        Subject.GROWTH: judge_growth,
    }.get(requirement.subject)
    if of_the_run is not None:
        return of_the_run(requirement, run, window)
    match requirement.subject:
        case Subject.RESOURCE:
            return judge_resource(requirement, watched, window)
        case Subject.RECOVERY_TIME | Subject.PEAK_ERROR_RATE:
            return judge_spike_requirement(requirement, run, window)
        case _ if requirement.window in ("", "steady"):
            if requirement.endpoint is not None and (run.beside or run.routes):
                judged = within(run.named(requirement.endpoint), window.seconds)
            return judge_under_load(requirement, judged, window, load)
        case _:
            return judge_by_window(requirement, run, window)


def nothing_required(must_decide: bool, changes: Sequence[Event] = ()) -> Finding:
    """The end of an exploration: neutral, and with a way on; no verdict where there has to be one.

    `changes` of the load by hand: what was measured is no ground for limits then.
    """
    if must_decide:
        advice = "give a requirements file: --requirements FILE; `loadproof suggest` writes one from a run"
        return Finding("requirements", Verdict.INCONCLUSIVE, "nothing was required", {}, advice)
    advice = "" if changes else "`loadproof suggest > requirements.yaml` writes limits from this run"
    return Finding("requirements", Verdict.DONE, "nothing was required", {}, advice)


def overall_verdict(findings: Sequence[Finding]) -> Verdict:
    """A measurement that cannot be trusted beats all; then FAIL, INCONCLUSIVE, DONE, in this order."""
    if any(finding.invalidates for finding in findings):
        return Verdict.INCONCLUSIVE
    verdicts = {finding.verdict for finding in findings if not finding.is_note}
    if not verdicts:
        return Verdict.INCONCLUSIVE
    graver = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.DONE)
    return next((verdict for verdict in graver if verdict in verdicts), Verdict.PASS)


def exit_code(report: Report) -> ExitCode:
    """What the process should answer for this report."""
    if any(finding.id == REFUSED for finding in report.findings):
        return ExitCode.REFUSED
    played = any(condition.name == "played" and condition.holds for condition in report.conditions)
    if report.outcome is Outcome.INTERRUPTED and not played:
        # After the last planned second nothing was cut off: the verdict stands, and says how it ended.
        return ExitCode.INTERRUPTED
    if report.outcome is Outcome.ENGINE_FAILED:
        return ExitCode.ENGINE
    codes = {
        Verdict.PASS: ExitCode.PASS,
        Verdict.DONE: ExitCode.PASS,
        Verdict.FAIL: ExitCode.FAIL,
        Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    }
    return codes[report.verdict]


def _endpoints(judged: Sequence[Slice], beside: Sequence[Slice], window: Window) -> list[EndpointSummary]:
    parts = [part.by_endpoint() for part in (Slices.of(judged), within(beside, window.seconds))]
    named = sorted(((str(one), part, one) for part in parts for one in part), key=lambda row: row[0])
    rows = [_summary(name, part[one], window) for name, part, one in named]
    if len(rows) != 1:
        rows.append(_summary("all requests", judged, window))
    return rows


def _summary(name: str, parts: Sequence[Slice], window: Window) -> EndpointSummary:
    total = sample(parts)
    histogram = total.response
    return EndpointSummary(
        endpoint=name,
        requests=total.requests,
        failed=total.failed,
        throughput_per_s=total.requests / window.duration_s if window.duration_s else None,
        mean_s=histogram.mean_s,
        p50_s=histogram.quantile(0.50),
        p95_s=histogram.quantile(0.95),
        p99_s=histogram.quantile(0.99),
        max_s=histogram.maximum_s if histogram.count else None,
    )


def _errors(run: Run) -> list[tuple[str, int]]:
    texts: Counter[tuple[str, str]] = Counter()
    for event in run.events_of(EventKind.ERROR_SAMPLE):
        endpoint = str(event.data.get("endpoint", ""))
        texts[run.routes.get(endpoint, endpoint), event.message] += event.whole("count", 1)
    routes = grouped(texts, texts=True) if run.plan.options.routes else {}
    counts: Counter[str] = Counter()
    for (endpoint, text), count in texts.items():
        said = routes.get((endpoint, text), text)
        counts[f"{endpoint}: {said}" if endpoint else said] += count
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


_NOTED = (
    EventKind.MONITOR_LOST,
    EventKind.SCENARIO_ERROR,
    EventKind.IN_FLIGHT,
    EventKind.DROPPED,
    EventKind.INTERRUPTED,
    EventKind.STOPPED_EARLY,
    EventKind.LOAD_CHANGED,
    EventKind.LOAD_UNCHANGED,
    EventKind.CLOCK_SET,
    EventKind.RUN_FILE_MOVED,
    EventKind.WORKER_REFUSED,
    EventKind.SESSION_FALLBACK,
    EventKind.IMPORTED,
)


def _notes(run: Run) -> list[str]:
    """What a reader should know beside the findings."""
    notes = guard_note(run) + [event.message for event in run.events if event.kind in _NOTED]
    if (step_s := _resolution_s(run)) is not None:
        notes.append(f"the engine measures times in whole steps of {format_duration(step_s)}")
    notes += route_notes(run)
    if run.plan.rehearsal:
        notes.append(f"rehearsal: the profile was played in {run.plan.time_scale:g} of its time")
    return list(dict.fromkeys(notes))


def _facts(run: Run) -> dict[str, Any]:
    total = sample(run.slices)
    return {
        "engine": run.plan.engine,
        "scenario": str(run.plan.scenario),
        "target": run.plan.target,
        "environment": (run.plan.options.guard.environment or None) if run.plan.options.guard else None,
        "guard": guard_facts(run),
        "profile": str(run.plan.profile.kind),
        "versions": run.facts.get("versions", {}),
        "host": run.facts.get("host", {}),
        "requests": total.requests,
        "failed": total.failed,
        # The run file has it without secrets.
        "plan": run.facts.get("plan", {}),
        # The last one that was told: what a service is made of shows only under load.
        "service": service_parts(run.events).tree or None,
        "monitors": [monitor["name"] for monitor in run.facts.get("monitors", ())],
    }
