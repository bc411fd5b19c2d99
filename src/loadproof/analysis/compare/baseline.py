"""A baseline: several runs of one state, as one small JSON file that may live in a repository.

It keeps what comparisons need and no seconds: within-run intervals are for run files alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from loadproof.analysis.across_runs.measured import Conditions, MeasuredEndpoint, MeasuredRun, MeasuredSeries
from loadproof.analysis.compare.comparable import obstacles
from loadproof.analysis.compare.noise import usable
from loadproof.errors import ConfigError, Problem
from loadproof.model import Unit

FORMAT: Final = 2
"""2 adds bytes, and the fingerprint of the scenario; files of format 1 are read."""
_KEY: Final = "loadproof_baseline"
"""First in the file: readers know it by this key."""


def check_one_kind(runs: Sequence[MeasuredRun]) -> None:
    """Raises ConfigError when a run is unsound, given twice, or not comparable with the others."""
    _, left_out = usable(runs)
    grave, _ = obstacles(runs, ())
    if grave or left_out:
        hint = "a baseline is made of sound runs under the same conditions"
        raise ConfigError(*(Problem(f"no baseline: {said}", hint=hint) for said in [*left_out, *grave]))


def write_baseline(path: Path, name: str, branch: str | None, runs: Sequence[MeasuredRun]) -> None:
    """Write `runs` as a baseline file; the same runs give the same bytes. Raises ConfigError."""
    document = {_KEY: FORMAT, "name": name, "branch": branch, "runs": [run_to_json(run) for run in runs]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Its name appears when it is whole: a reader never sees half of one.
        half = path.with_name(f".{path.name}.part")
        half.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        half.replace(path)
    except OSError as error:
        raise ConfigError(Problem(f"the baseline cannot be written: {error.strerror}", str(path))) from error


def read_baseline_file(path: Path) -> tuple[MeasuredRun, ...]:
    """The runs of a baseline file. Raises ConfigError when it is damaged or of a newer Loadproof."""
    where = str(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document[_KEY] > FORMAT:
            message = f"this baseline was written by a newer Loadproof (format {document[_KEY]})"
            raise ConfigError(Problem(message, where, "upgrade loadproof"))
        runs = tuple(run_from_json(stored) for stored in document["runs"])
    except OSError as error:
        raise ConfigError(Problem(f"cannot be read: {error.strerror}", where)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        hint = "make it again with `loadproof baseline export`"
        raise ConfigError(Problem(f"this baseline is damaged ({error})", where, hint)) from error
    if not runs:
        raise ConfigError(Problem("this baseline has no run", where))
    return runs


def run_to_json(run: MeasuredRun) -> dict[str, Any]:
    """JSON values only, without seconds."""
    endpoints = [
        {
            "name": endpoint.name,
            "requests": endpoint.requests,
            "failed": endpoint.failed,
            "throughput_per_s": endpoint.throughput_per_s,
            "mean_s": endpoint.mean_s,
            "received_bytes": endpoint.received_bytes,
            "quantiles_s": {str(q): value_s for q, value_s in sorted(endpoint.quantiles_s.items())},
        }
        for endpoint in run.endpoints
    ]
    return {
        "label": run.label,
        "source": run.source,
        "started_at_s": run.started_at_s,
        "duration_s": run.duration_s,
        "commit": run.commit,
        "branch": run.branch,
        "conditions": asdict(run.conditions),
        "endpoints": endpoints,
        "series": [asdict(series) for series in run.series],
        "limits": list(run.limits),
    }


def run_from_json(stored: Mapping[str, Any]) -> MeasuredRun:
    """The inverse of `run_to_json`. Raises KeyError, TypeError, ValueError or AttributeError."""
    return MeasuredRun(
        label=str(stored["label"]),
        source=str(stored["source"]),
        started_at_s=_number(stored["started_at_s"]),
        duration_s=_number(stored["duration_s"]),
        endpoints=tuple(_endpoint(endpoint) for endpoint in stored["endpoints"]),
        series=tuple(
            MeasuredSeries(
                name=str(series["name"]),
                unit=Unit(series["unit"]),
                mean=float(series["mean"]),
                maximum=float(series["maximum"]),
                limit=_number(series["limit"]),
            )
            for series in stored["series"]
        ),
        conditions=replace(Conditions(), **stored["conditions"]),
        commit=stored["commit"],
        branch=stored["branch"],
        limits=tuple(str(limit) for limit in stored["limits"]),
    )


def _endpoint(stored: Mapping[str, Any]) -> MeasuredEndpoint:
    failed = stored["failed"]
    return MeasuredEndpoint(
        name=str(stored["name"]),
        requests=int(stored["requests"]),
        failed=None if failed is None else int(failed),
        throughput_per_s=_number(stored["throughput_per_s"]),
        quantiles_s={float(q): float(value_s) for q, value_s in stored["quantiles_s"].items()},
        mean_s=_number(stored["mean_s"]),
        received_bytes=_number(stored.get("received_bytes")),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
